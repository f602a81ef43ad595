/**
 * A host on the simulated network: drives one machine as its contract says (base/datagrams.ts), with a clock that stands
 * still while it does so. What arrived by the same instant is one batch.
 */

import { type DatagramMachine, ReceivedBatch, type SocketAddress } from "../base/datagrams.ts";
import type { Instant, Micros } from "../base/time.ts";
import type { SimulatedDatagram } from "./datagram.ts";

export interface HostOptions<Event> {
  readonly name: string;
  readonly address: SocketAddress;
  readonly machine: DatagramMachine<Event>;
  /** What the machine has to tell, one at a time. */
  readonly onEvent?: (event: Event, now: Instant) => void;
  /** The application's turn: after the events, before anything is transmitted. Called at every wake-up. */
  readonly application?: (now: Instant) => void;
  /** When the host first wakes up; at 0 by default. */
  readonly startAt?: Instant;
  /** Timers go off at whole multiples of this; 1 µs by default. */
  readonly timerGrain?: Micros;
  /** The most datagrams in one train; 64 by default. */
  readonly maxSegments?: number;
}

/** Datagrams of one batch, and bytes for them. */
const BATCH_CAPACITY = 64;
const ARENA_BYTES = 128 * 1024;

/** Wake-ups at one instant without anything arriving after which a machine is said to spin. */
const MAX_IDLE_WAKES = 1_000;

export class Host<Event = unknown> {
  readonly name: string;
  readonly address: SocketAddress;
  readonly startAt: Instant;
  /** Its machine was asked something between its turns, and wants another one. */
  onReady: (() => void) | undefined;
  readonly #options: HostOptions<Event>;
  readonly #inbox: SimulatedDatagram[] = [];
  readonly #batch = new ReceivedBatch(new Uint8Array(ARENA_BYTES), BATCH_CAPACITY);
  readonly #slots = { arena: new Uint8Array(ARENA_BYTES) };
  #dontFragment = false;
  #isAwake = false;
  #lastWake: Instant | undefined;
  #idleWakes = 0;

  constructor(options: HostOptions<Event>) {
    this.#options = options;
    this.name = options.name;
    this.address = options.address;
    this.startAt = options.startAt ?? (0 as Instant);
    options.machine.onReady = () => {
      // In its own turn it is polled until it is dry.
      if (!this.#isAwake) this.onReady?.();
    };
  }

  receive(datagram: SimulatedDatagram): void {
    this.#inbox.push(datagram);
  }

  /** One turn of the host: all that is due at `now`. What it sends goes to `send`. */
  wake(now: Instant, send: (datagram: SimulatedDatagram) => void): void {
    this.#isAwake = true;
    try {
      this.#turn(now, send);
    } finally {
      this.#isAwake = false;
    }
  }

  #turn(now: Instant, send: (datagram: SimulatedDatagram) => void): void {
    this.#guardAgainstSpinning(now);
    this.#handleInbox(now);
    const { machine, onEvent, application } = this.#options;
    const deadline = this.nextWake();
    if (deadline !== undefined && deadline <= now) machine.handleTimeout(now);
    for (let command = machine.pollCommand(); command !== undefined; command = machine.pollCommand()) {
      this.#dontFragment = command.enabled;
    }
    let event = machine.pollEvent();
    do {
      for (; event !== undefined; event = machine.pollEvent()) onEvent?.(event, now);
      application?.(now);
      this.#transmit(now, send);
      // What the application did may have brought events of its own.
      event = machine.pollEvent();
    } while (event !== undefined);
  }

  #handleInbox(now: Instant): void {
    const { machine } = this.#options;
    const batch = this.#batch;
    for (const { bytes, source, destination, ecn } of this.#inbox) {
      if (batch.push(bytes, destination, source, ecn)) continue;
      machine.handleBatch(batch, now);
      batch.clear();
      batch.push(bytes, destination, source, ecn);
    }
    if (batch.count > 0) machine.handleBatch(batch, now);
    batch.clear();
    this.#inbox.length = 0;
  }

  #transmit(now: Instant, send: (datagram: SimulatedDatagram) => void): void {
    const { machine, maxSegments = BATCH_CAPACITY } = this.#options;
    for (;;) {
      const transmit = machine.pollTransmit(this.#slots, maxSegments, now);
      if (transmit === undefined) return;
      const { remote, ecn, segmentSize, count, length } = transmit;
      for (let i = 0; i < count; i += 1) {
        const bytes = this.#slots.arena.slice(i * segmentSize, Math.min((i + 1) * segmentSize, length));
        const source = transmit.local ?? this.address;
        send({ source, destination: remote, ecn, dontFragment: this.#dontFragment, bytes });
      }
      machine.handleSent(transmit, count, now);
    }
  }

  /** When the host wants to be woken, by its timer's grain. */
  nextWake(): Instant | undefined {
    const deadline = this.#options.machine.nextTimeout();
    const grain = this.#options.timerGrain ?? 1;
    return deadline === undefined ? undefined : ((Math.ceil(deadline / grain) * grain) as Instant);
  }

  /** A machine whose deadline never moves past the present would stop the clock for ever. */
  #guardAgainstSpinning(now: Instant): void {
    if (now !== this.#lastWake || this.#inbox.length > 0) {
      this.#lastWake = now;
      this.#idleWakes = 0;
      return;
    }
    this.#idleWakes += 1;
    if (this.#idleWakes > MAX_IDLE_WAKES) {
      throw new Error(`${this.name} wants to be woken at ${now} µs again and again: its deadline does not move`);
    }
  }
}
