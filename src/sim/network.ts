/**
 * A virtual network in virtual time. A line of elements is described by one array, from left to right: hosts at the two
 * ends, links and other nodes between them. Anything else is a graph of named nodes.
 *
 *     new SimulatedNetwork({
 *       seed: 7,
 *       network: [host({ name: "client", … }), link({ delay: millis(15), rate: 10e6, loss: 0.02 }), host({ name: "server", … })],
 *     }).run({ until: () => done, maxVirtualTime: seconds(60) });
 *
 * Nothing here reads a clock or a source of randomness: the same seed, hosts and links give the same run bit for bit, as
 * `digest` shows. Errors during a run are thrown as a `SimulationError` whose message begins with the seed.
 */

import type { SocketAddress } from "../base/datagrams.ts";
import type { Change } from "../base/impairment/index.ts";
import { SeededRng } from "../base/rng.ts";
import { type Instant, type Micros, millis, toSeconds } from "../base/time.ts";
import type { CaptureRecord, SimulatedDatagram } from "./datagram.ts";
import { TraceDigest } from "./digest.ts";
import type { Graph, NetworkElement } from "./elements.ts";
import { Forwarding } from "./forwarding.ts";
import type { Host } from "./host.ts";
import { buildTopology, type Node, ScheduledLink } from "./topology.ts";
import { VirtualSchedule } from "./virtual-schedule.ts";

export interface NetworkOptions {
  readonly seed: number;
  /** An array: a host, then links and other nodes, then a host. Or a graph. */
  readonly network: readonly NetworkElement[] | Graph;
  /** Receives every event in the life of a datagram. */
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

/** What happens at an instant: a line is due, a host wakes up, or the caller's function runs. */
type SimulatedEvent = ScheduledLink | Host | (() => void);

/** Wake-ups follow all arrivals of the same instant, so that those form one batch. */
const WAKE_RANK = 1;

const DEFAULT_MAX_VIRTUAL_TIME = millis(60_000);
const DEFAULT_MAX_EVENTS = 1_000_000;

export class SimulatedNetwork {
  readonly seed: number;
  readonly #forwarding: Forwarding;
  readonly #hosts = new Map<Host, Node>();
  readonly #queue = new VirtualSchedule<SimulatedEvent>();
  readonly #digest = new TraceDigest();
  #now = 0 as Instant;
  #events = 0;

  constructor(options: NetworkOptions) {
    const { seed, capture } = options;
    this.seed = seed;
    const nodes = buildTopology(options.network, new SeededRng(seed), {
      onArrival: (datagram, port) => this.#forwarding.arriveFromLine(datagram, port),
      onDrop: (datagram, { edge, direction }, reason, time) =>
        capture?.({ time, what: "dropped", datagram, direction, place: edge.name, reason }),
    });
    this.#forwarding = new Forwarding(nodes, {
      now: () => this.#now,
      capture,
      offer: (line, datagram) => {
        line.offer(datagram, this.#now);
        this.#schedule(line);
      },
      deliver: (receiver, datagram) => {
        receiver.receive(datagram);
        this.#wakeAt(receiver, this.#now);
      },
    });
    for (const node of nodes) {
      if (node.element.type !== "host") continue;
      for (const one of node.element.hosts) {
        this.#hosts.set(one, node);
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

  /** Calls `run` at an instant, before the hosts wake up. */
  at(time: Instant, run: () => void): void {
    this.#queue.push((time > this.#now ? time : this.#now) as Instant, run);
  }

  /** Finds a host by its name. */
  host(name: string): Host {
    for (const one of this.#hosts.keys()) if (one.name === name) return one;
    throw new TypeError(`no host is named ${name}`);
  }

  /** Gives a host another address instead of one that it has, on the link to the neighbor `via` if given. */
  changeAddress(name: string, from: SocketAddress, to: SocketAddress, via?: string): void {
    this.host(name).changeAddress(from, to, via);
    this.#forwarding.refreshRoutes();
  }

  /** Changes options of a link, in the direction from one neighbor to the other. */
  changeLink(from: string, to: string, options: Omit<Change, "at">): void {
    const line = this.#forwarding.lineBetween(from, to);
    line.change(options);
    this.#schedule(line);
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
      if (typeof what === "function") {
        this.#events += 1;
        what();
      } else if (what instanceof ScheduledLink) this.#advance(what);
      else if (what.wakesAt === at) this.#wake(what);
    } catch (error) {
      if (error instanceof SimulationError) throw error;
      throw this.#error(error instanceof Error ? error.message : String(error), error);
    }
  }

  #advance(line: ScheduledLink): void {
    if (line.scheduledAt !== this.#now) return;
    this.#events += 1;
    line.scheduledAt = undefined;
    line.advance(this.#now);
    this.#schedule(line);
  }

  #schedule(line: ScheduledLink): void {
    const { next } = line;
    if (next === undefined || next === line.scheduledAt) return;
    line.scheduledAt = next;
    this.#queue.push(next, line);
  }

  #wake(host: Host): void {
    this.#events += 1;
    host.wakesAt = undefined;
    host.wake(this.#now, (datagram) => this.#send(host, datagram));
    const next = host.nextWake();
    if (next !== undefined) this.#wakeAt(host, next);
  }

  #wakeAt(one: Host, at: Instant): void {
    const due = (at > this.#now ? at : this.#now) as Instant;
    if (one.wakesAt !== undefined && one.wakesAt <= due) return;
    one.wakesAt = due;
    this.#queue.push(due, one, WAKE_RANK);
  }

  #send(from: Host, datagram: SimulatedDatagram): void {
    this.#digest.add(this.#now, datagram.bytes);
    this.#forwarding.send(this.#hosts.get(from)!, from, datagram);
  }
}
