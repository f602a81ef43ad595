/**
 * One direction of a link: a drop-tail queue, a transmitter with a rate, and a lossy wire with a delay. Decides the
 * fate of each datagram when it is sent; the network schedules the delivery.
 */

import { Ecn } from "../base/datagrams.ts";
import { Impairment, type ImpairmentOptions } from "../base/impairment.ts";
import type { Rng } from "../base/rng.ts";
import { type Instant, instant, type Micros } from "../base/time.ts";
import { type DropReason, headerLength, type SimulatedDatagram } from "./datagram.ts";

export interface LinkOptions extends ImpairmentOptions {
  /** One-way propagation delay; 0 by default. */
  readonly delay?: Micros;
  /** Bits per second, including IP and UDP headers; unlimited by default. */
  readonly rate?: number;
  /** The maximum number of packets that wait for the transmitter; 25 by default. */
  readonly queue?: number;
  /** If at least this many packets wait, ECN-capable ones are marked CE (RFC 3168); never by default. */
  readonly ecnThreshold?: number;
  /** The largest IP packet; 1500 by default. Larger ones are fragmented if allowed, else dropped. */
  readonly mtu?: number;
}

const DEFAULT_QUEUE = 25;
const DEFAULT_MTU = 1500;
const IPV4_HEADER = 20;
const MICROS_PER_SECOND = 1_000_000;

export interface Delivery {
  readonly at: Instant;
  readonly datagram: SimulatedDatagram;
}

export type Passage = { readonly deliveries: readonly Delivery[] } | { readonly dropped: DropReason };

export class Link {
  readonly #options: LinkOptions;
  readonly #impairment: Impairment;
  /** The time at which the transmitter becomes idle; fractional, so that rates are exact. */
  #busyUntil = 0;
  /** Departure times of the packets that may still be waiting, ascending. */
  readonly #departures: number[] = [];

  constructor(options: LinkOptions, rng: Rng) {
    this.#options = options;
    this.#impairment = new Impairment(options, rng);
  }

  send(datagram: SimulatedDatagram, now: Instant): Passage {
    const size = this.#sizeOf(datagram);
    if (size === undefined) return { dropped: "mtu" };
    const fate = this.#impairment.decide(now);
    if (fate.reason === "blackhole") return { dropped: "blackhole" };
    const queued = this.#enqueue(size, now);
    if (queued === undefined) return { dropped: "queue" };
    if (fate.reason !== undefined) return { dropped: fate.reason };

    let arriving = datagram;
    if (queued.congested && (datagram.ecn === Ecn.ect0 || datagram.ecn === Ecn.ect1)) {
      arriving = { ...arriving, ecn: Ecn.ce };
    }
    if (fate.corrupted) {
      arriving = { ...arriving, bytes: arriving.bytes.slice() };
      this.#impairment.corrupt(arriving.bytes);
    }
    const at = instant(queued.departure + (this.#options.delay ?? 0) + fate.delay);
    const delivery = { at, datagram: arriving };
    return { deliveries: fate.copies === 2 ? [delivery, delivery] : [delivery] };
  }

  /** Bytes on the wire, including all fragments; undefined if the datagram does not fit. */
  #sizeOf({ bytes, destination, dontFragment }: SimulatedDatagram): number | undefined {
    const { mtu = DEFAULT_MTU } = this.#options;
    const size = bytes.length + headerLength(destination);
    if (size <= mtu) return size;
    if (dontFragment || destination.family === 6) return undefined;
    // RFC 791: each fragment except the last carries a multiple of 8 bytes.
    const payload = (mtu - IPV4_HEADER) & ~7;
    const fragments = Math.ceil((size - IPV4_HEADER) / payload);
    return size + (fragments - 1) * IPV4_HEADER;
  }

  /** The time at which the packet leaves the transmitter; undefined if the queue is full. */
  #enqueue(size: number, now: Instant): { readonly departure: number; readonly congested: boolean } | undefined {
    const { rate, queue = DEFAULT_QUEUE, ecnThreshold = Number.POSITIVE_INFINITY } = this.#options;
    if (rate === undefined) return { departure: now, congested: false };
    const departures = this.#departures;
    while (departures.length > 0 && departures[0]! <= now) departures.shift();
    // The first one is not waiting but being transmitted.
    const waiting = Math.max(0, departures.length - 1);
    if (departures.length > 0 && waiting >= queue) return undefined;
    this.#busyUntil = Math.max(this.#busyUntil, now) + (size * 8 * MICROS_PER_SECOND) / rate;
    departures.push(this.#busyUntil);
    return { departure: this.#busyUntil, congested: waiting >= ecnThreshold };
  }
}
