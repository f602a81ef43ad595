/**
 * A virtual network in virtual time, described in one array from left to right: hosts at the two ends, links and relays
 * between them.
 *
 *     new SimulatedNetwork({
 *       seed: 7,
 *       network: [host({ name: "client", … }), link({ delay: millis(15), rate: 10e6, loss: 0.02 }), host({ name: "server", … })],
 *     }).run({ until: () => done, maxVirtualTime: seconds(60) });
 *
 * Nothing here reads a clock or a source of randomness: the same seed, hosts and links give the same run bit for bit, as
 * `digest` shows. Errors during a run are thrown as a `SimulationError` whose message begins with the seed.
 */

import { sameAddress } from "../base/datagrams.ts";
import { SeededRng } from "../base/rng.ts";
import { type Instant, type Micros, millis, toSeconds } from "../base/time.ts";
import type { CaptureRecord, Direction, SimulatedDatagram } from "./datagram.ts";
import { TraceDigest } from "./digest.ts";
import { Host, type HostOptions } from "./host.ts";
import { Link, type LinkOptions } from "./link.ts";
import { VirtualSchedule } from "./virtual-schedule.ts";

/**
 * An observer between two links that sees every datagram and returns what to forward instead: the same, another,
 * several, or none. To send a datagram back, it reverses the direction.
 */
export type Tamper = (datagram: SimulatedDatagram, direction: Direction, now: Instant) => readonly Forwarded[];

export interface Forwarded {
  readonly datagram: SimulatedDatagram;
  readonly direction: Direction;
}

export interface LinkElement {
  readonly type: "link";
  readonly forward: LinkOptions;
  readonly backward: LinkOptions;
}

export interface RelayElement {
  readonly type: "relay";
  readonly tamper: Tamper;
}

export interface HostElement {
  readonly type: "host";
  readonly hosts: readonly Host[];
}

export type NetworkElement = LinkElement | RelayElement | HostElement;

/** One or several hosts at an end of the network; they share the links. */
export function host<Event>(...options: HostOptions<Event>[]): HostElement {
  return { type: "host", hosts: options.map((one) => new Host(one) as Host) };
}

/** A link with the same properties in both directions, or separate ones for each. */
export function link(forward: LinkOptions, backward: LinkOptions = forward): LinkElement {
  return { type: "link", forward, backward };
}

export function relay(tamper: Tamper): RelayElement {
  return { type: "relay", tamper };
}

export interface NetworkOptions {
  readonly seed: number;
  /** A host element, then links and relays, then a host element. */
  readonly network: readonly NetworkElement[];
  /** Receives every datagram that is sent, delivered or dropped. */
  readonly capture?: (record: CaptureRecord) => void;
}

export interface RunOptions {
  /** Ends the run when it returns true; called after every event. Without it, the run ends when no events are left. */
  readonly until?: () => boolean;
  /** The latest virtual time; 60 s by default. */
  readonly maxVirtualTime?: Micros;
  /** One million by default. */
  readonly maxEvents?: number;
}

export interface RunResult {
  readonly reason: "until" | "idle" | "max-virtual-time";
  readonly time: Instant;
  readonly events: number;
}

/** An error in a run, with the seed that reproduces it. */
export class SimulationError extends Error {
  override readonly name = "SimulationError";
  readonly seed: number;

  constructor(seed: number, what: string, options?: { cause?: unknown }) {
    super(`seed ${seed}: ${what}`, options);
    this.seed = seed;
  }
}

/** A datagram that reaches an element, or a host's wake-up. */
type SimulatedEvent =
  | {
      readonly type: "arrival";
      readonly element: number;
      readonly direction: Direction;
      readonly datagram: SimulatedDatagram;
    }
  | { readonly type: "wake"; readonly host: Host };

/** Wake-ups follow all arrivals of the same instant, so that those form one batch. */
const WAKE_RANK = 1;

const DEFAULT_MAX_VIRTUAL_TIME = millis(60_000);
const DEFAULT_MAX_EVENTS = 1_000_000;

/** The next element along the way. */
const neighbor = (index: number, direction: Direction): number => index + (direction === "forward" ? 1 : -1);

interface LinkPair {
  readonly forward: Link;
  readonly backward: Link;
}

export class SimulatedNetwork {
  readonly seed: number;
  readonly #elements: readonly NetworkElement[];
  readonly #links: readonly (LinkPair | undefined)[];
  readonly #capture: NetworkOptions["capture"];
  readonly #queue = new VirtualSchedule<SimulatedEvent>();
  readonly #digest = new TraceDigest();
  /** The next wake-up of each host; other wake-ups in the queue are stale. */
  readonly #wakes = new Map<Host, Instant>();
  #now = 0 as Instant;
  #events = 0;

  constructor(options: NetworkOptions) {
    const { network, seed } = options;
    if (network.length < 2 || network[0]?.type !== "host" || network.at(-1)?.type !== "host") {
      throw new TypeError("a network must begin and end with a host");
    }
    this.seed = seed;
    this.#elements = network;
    this.#capture = options.capture;
    const rng = new SeededRng(seed);
    this.#links = network.map((element) => {
      if (element.type !== "link") return undefined;
      // Each direction has its own source, so that they do not affect each other.
      return {
        forward: new Link(element.forward, new SeededRng(rng.uint32())),
        backward: new Link(element.backward, new SeededRng(rng.uint32())),
      };
    });
    for (const element of [network[0], network.at(-1)]) {
      if (element?.type !== "host") continue;
      for (const one of element.hosts) {
        this.#wakeAt(one, one.startAt);
        one.onReady = () => this.#wakeAt(one, this.#now);
      }
    }
  }

  /** The virtual time. */
  get now(): Instant {
    return this.#now;
  }

  /** A fingerprint of every datagram sent so far. */
  get digest(): string {
    return this.#digest.toString();
  }

  /**
   * Continues the run. Throws a `SimulationError` if something throws, or if a bound is reached before `until` is true.
   */
  run(options: RunOptions = {}): RunResult {
    const { until, maxVirtualTime = DEFAULT_MAX_VIRTUAL_TIME, maxEvents = DEFAULT_MAX_EVENTS } = options;
    const limit = this.#events + maxEvents;
    for (;;) {
      if (until?.()) return this.#result("until");
      const next = this.#queue.nextAt;
      if (next === undefined) {
        if (until !== undefined) throw this.#error("no events are left, but the end condition does not hold");
        return this.#result("idle");
      }
      if (next > maxVirtualTime) {
        if (until !== undefined)
          throw this.#error(`the end condition does not hold after ${toSeconds(maxVirtualTime)} s`);
        this.#now = maxVirtualTime as number as Instant;
        return this.#result("max-virtual-time");
      }
      if (this.#events >= limit) throw this.#error(`the end condition does not hold after ${maxEvents} events`);
      this.#step();
    }
  }

  #result(reason: RunResult["reason"]): RunResult {
    return { reason, time: this.#now, events: this.#events };
  }

  #error(what: string, cause?: unknown): SimulationError {
    const at = `at ${toSeconds(this.#now as number as Micros)} s of virtual time`;
    return new SimulationError(
      this.seed,
      `${what} (${at}, ${this.#events} events)`,
      cause === undefined ? {} : { cause },
    );
  }

  #step(): void {
    const { at, what } = this.#queue.pop()!;
    this.#now = at;
    try {
      if (what.type === "arrival") {
        this.#events += 1;
        this.#arrive(what.datagram, what.element, what.direction);
      } else if (this.#wakes.get(what.host) === at) {
        this.#events += 1;
        this.#wakes.delete(what.host);
        what.host.wake(at, (datagram) => this.#send(what.host, datagram));
        const next = what.host.nextWake();
        if (next !== undefined) this.#wakeAt(what.host, next);
      }
    } catch (error) {
      if (error instanceof SimulationError) throw error;
      throw this.#error(error instanceof Error ? error.message : String(error), error);
    }
  }

  #wakeAt(one: Host, at: Instant): void {
    const due = (at > this.#now ? at : this.#now) as Instant;
    const known = this.#wakes.get(one);
    if (known !== undefined && known <= due) return;
    this.#wakes.set(one, due);
    this.#queue.push(due, { type: "wake", host: one }, WAKE_RANK);
  }

  #send(from: Host, datagram: SimulatedDatagram): void {
    const first = this.#elements[0]!;
    const direction: Direction = first.type === "host" && first.hosts.includes(from) ? "forward" : "backward";
    this.#digest.add(this.#now, datagram.bytes);
    this.#capture?.({ time: this.#now, what: "sent", datagram, direction });
    const end = direction === "forward" ? 0 : this.#elements.length - 1;
    this.#arrive(datagram, neighbor(end, direction), direction);
  }

  /** A datagram has reached an element. */
  #arrive(datagram: SimulatedDatagram, index: number, direction: Direction): void {
    const element = this.#elements[index]!;
    if (element.type === "host") this.#deliver(datagram, element.hosts, direction);
    else if (element.type === "link") this.#transmit(datagram, index, direction);
    else {
      for (const next of element.tamper(datagram, direction, this.#now)) {
        this.#arrive(next.datagram, neighbor(index, next.direction), next.direction);
      }
    }
  }

  #transmit(datagram: SimulatedDatagram, index: number, direction: Direction): void {
    const passage = this.#links[index]![direction].send(datagram, this.#now);
    if ("dropped" in passage) {
      this.#capture?.({ time: this.#now, what: "dropped", datagram, direction, reason: passage.dropped });
      return;
    }
    const element = neighbor(index, direction);
    for (const delivery of passage.deliveries) {
      this.#queue.push(delivery.at, { type: "arrival", element, direction, datagram: delivery.datagram });
    }
  }

  #deliver(datagram: SimulatedDatagram, hosts: readonly Host[], direction: Direction): void {
    const receiver = hosts.find((one) => sameAddress(one.address, datagram.destination));
    if (receiver === undefined) {
      this.#capture?.({ time: this.#now, what: "dropped", datagram, direction, reason: "no-route" });
      return;
    }
    this.#capture?.({ time: this.#now, what: "delivered", datagram, direction });
    receiver.receive(datagram);
    this.#wakeAt(receiver, this.#now);
  }
}
