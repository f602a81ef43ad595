/**
 * The node in the middle of a chain: it ends sessions on both sides, and lets flows cross from those that clients began to those with the next
 * hop. Flows of several clients share a session with the next hop, if they came the same way. Priorities, deadlines and the sender's
 * name pass through; PAUSE, RESUME, GRANT, RESOURCE and CONFIRM pass back. A relay keeps nothing that its neighbors need when it
 * fails: if the next hop fails, it ends the flows with BROKEN, and their senders begin again.
 *
 * Calling order for a driver: `accept` each session that a client begins; after a session got a packet or a timeout, `handle`; then the
 * packets of all sessions; `handleTimeout` at `nextTimeout`.
 */

import { after, earliest, type Instant, micros, millis } from "../../base/time.ts";
import { type HopOptions, Hops } from "../chain/hops.ts";
import { ALL_FLOWS, type ConfirmUnit, MAX_PATH } from "../packet/types.ts";
import type { IncomingFlow } from "../receive/in-flow.ts";
import { FLOW_CLOSE } from "../session/errors.ts";
import type { FlowEvent, Resources } from "../session/events.ts";
import { MAX_FLOWS } from "../session/limits.ts";
import type { FlowSession } from "../session/session.ts";
import { Crossing, type RelayCounts } from "./crossing.ts";
import type { ChooseProcessor } from "./processor.ts";

/** Sessions that clients may begin. */
const MAX_SESSIONS = 1_024;
/** Between two questions whether a next hop is still there. */
const PROBE = millis(500);
/** Flows of all clients. */
const MAX_CROSSINGS = 16_384;

/** How a relay is set up. */
export interface FlowRelayOptions extends HopOptions {
  /** Names the relay in the path of its packets: a number below 2^32, different from those of other relays. */
  readonly id: number;
  /** The plug-in. */
  readonly process?: ChooseProcessor | undefined;
  /** What the relay itself can take, if that may be less than the next hop can. */
  readonly resources?: (() => Resources) | undefined;
  readonly maxSessions?: number;
  readonly maxFlows?: number;
}

type Crossings = Map<number, Crossing>;

/** The node in the middle of a chain. */
export class FlowRelay {
  readonly counts: RelayCounts = {
    flows: 0,
    messages: 0,
    passed: 0,
    dropped: 0,
    joined: 0,
    late: 0,
    bytes: 0,
    refused: 0,
    broken: 0,
    faults: 0,
  };
  readonly #options: FlowRelayOptions;
  readonly #hops: Hops;
  readonly #up = new Map<FlowSession, Crossings>();
  readonly #down = new Map<FlowSession, Crossings>();
  /** Flows that the next hop holds back for some time. */
  readonly #timed = new Set<Crossing>();
  #size = 0;
  /** Sessions that may have something to tell. */
  readonly #touched = new Set<FlowSession>();
  #probeAt: Instant | undefined;

  constructor(options: FlowRelayOptions) {
    this.#options = options;
    this.#hops = new Hops(options);
  }

  /** Flows that cross now. */
  get size(): number {
    return this.#size;
  }

  /** How often a next hop failed. */
  get failures(): number {
    return this.#hops.failures;
  }

  /** A client has begun a session. False if there are too many: the driver drops it. */
  accept(session: FlowSession): boolean {
    if (this.#up.size >= (this.#options.maxSessions ?? MAX_SESSIONS)) return false;
    this.#up.set(session, new Map());
    return true;
  }

  /** The session has got a packet, or a timeout. */
  handle(session: FlowSession, now: Instant): void {
    this.#touched.add(session);
    for (const each of this.#touched) {
      this.#touched.delete(each);
      this.#drain(each, now);
    }
  }

  /** When to call `handleTimeout`; undefined for never. */
  nextTimeout(): Instant | undefined {
    let next = this.#probeAt;
    for (const { heldUntil } of this.#timed) next = earliest(next, heldUntil);
    return next;
  }

  /** Does what is due. */
  handleTimeout(now: Instant): void {
    if (this.#probeAt !== undefined && this.#probeAt <= now) this.#probe(now);
    for (const crossing of this.#timed) if (crossing.heldUntil! <= now) this.#hold(crossing, undefined);
  }

  /** Ends everything: senders go another way at once, instead of after timeouts. */
  close(): void {
    for (const session of [...this.#up.keys(), ...this.#down.keys()]) session.close();
    this.#up.clear();
    this.#down.clear();
    this.#timed.clear();
    this.#size = 0;
  }

  #drain(session: FlowSession, now: Instant): void {
    const isUp = this.#up.has(session);
    if (!isUp && !this.#down.has(session)) return;
    for (let event = session.pollEvent(); event !== undefined; event = session.pollEvent()) {
      if (isUp) this.#onUp(session, event, now);
      else this.#onDown(session, event, now);
    }
    const crossings = this.#down.get(session);
    if (crossings === undefined) return;
    if (!this.#hops.hasFailed(session)) {
      for (const each of crossings.values()) this.#pump(each, now);
    } else if (crossings.size > 0) this.#fail(session, crossings, now);
    else {
      this.#down.delete(session);
      this.#hops.release(session);
    }
  }

  #onUp(session: FlowSession, event: FlowEvent, now: Instant): void {
    const crossings = this.#up.get(session);
    if (crossings === undefined) return;
    switch (event.type) {
      case "open":
        this.#open(session, crossings, event.flow, now);
        return;
      case "message":
        this.#onMessage(crossings.get(event.flow), event, now);
        return;
      case "readable":
        this.#pump(crossings.get(event.flow), now);
        return;
      case "closed": {
        const crossing = crossings.get(event.flow);
        if (crossing === undefined) return;
        crossings.delete(event.flow);
        if (event.code === FLOW_CLOSE.DONE.code) {
          crossing.finish();
          this.#touched.add(crossing.down);
        } else this.#end(crossing, event.code);
        return;
      }
      case "session-closed":
        this.#up.delete(session);
        // What is complete goes on to its end.
        for (const each of crossings.values()) if (!each.isFinished) this.#end(each, FLOW_CLOSE.BROKEN.code);
        for (const all of this.#down.values()) {
          for (const each of all.values()) if (each.up === session && each.isAtNextHop) this.#forget(each);
        }
    }
  }

  #open(up: FlowSession, crossings: Crossings, flow: IncomingFlow, now: Instant): void {
    const path = [...up.peerPath, this.#options.id];
    if (up.peerPath.includes(this.#options.id) || path.length > MAX_PATH) {
      this.#refuse(up, flow, FLOW_CLOSE.LOOP.code);
      return;
    }
    const down = this.#hops.acquire(path, now);
    const others: Crossings = this.#down.get(down) ?? new Map();
    if (this.#size >= (this.#options.maxFlows ?? MAX_CROSSINGS) || others.size >= MAX_FLOWS) {
      this.#refuse(up, flow, FLOW_CLOSE.LIMIT_EXCEEDED.code);
      return;
    }
    const { kind, priority, period, maxUnit, cost, chain } = flow;
    const downFlow = down.open({
      kind,
      priority,
      period: millis(period),
      maxUnit,
      cost: micros(cost),
      chain,
    });
    const processor = kind.endsWith("datagram") ? this.#options.process?.(flow, up.peerPath) : undefined;
    const crossing = new Crossing({ up, flow, down, downFlow }, processor, this.counts);
    this.counts.flows += 1;
    this.#size += 1;
    this.#down.set(down, others);
    crossings.set(flow.id, crossing);
    others.set(downFlow, crossing);
  }

  #refuse(up: FlowSession, flow: IncomingFlow, code: number): void {
    this.counts.refused += 1;
    up.cancel(flow.id, code);
  }

  #onMessage(crossing: Crossing | undefined, event: Extract<FlowEvent, { type: "message" }>, now: Instant): void {
    if (crossing === undefined || crossing.down.outgoing(crossing.downFlow) === undefined) return;
    let code = FLOW_CLOSE.BROKEN.code;
    try {
      if (crossing.onMessage(event, now)) return;
    } catch {
      // The plug-in, or what it made is too large.
      code = FLOW_CLOSE.CANCELLED.code;
      this.counts.faults += 1;
    }
    // There is no room: what was acknowledged to the sender must come again.
    this.#cancelUp(crossing, code);
    this.#end(crossing, code);
  }

  #onDown(session: FlowSession, event: FlowEvent, now: Instant): void {
    const crossings = this.#down.get(session);
    if (crossings === undefined) return;
    switch (event.type) {
      case "open":
        // Flows lead from clients to servers.
        this.#refuse(session, event.flow, FLOW_CLOSE.CANCELLED.code);
        return;
      case "closed":
        // The way behind this hop leads back to one that it has passed.
        if (event.code === FLOW_CLOSE.LOOP.code) this.#fail(session, crossings, now);
        else this.#onDownClosed(crossings.get(event.flow), event.code, now);
        return;
      case "paused":
        for (const each of select(crossings, event.flow)) this.#hold(each, event.until);
        return;
      case "resumed":
        for (const each of select(crossings, event.flow)) {
          each.rate = event.rate;
          this.#hold(each, undefined);
        }
        return;
      case "granted":
        for (const { up, flow } of select(crossings, event.flow)) {
          const isOpen = up.closed === undefined && up.incoming(flow.id) !== undefined;
          if (isOpen) up.grant(flow.id, event.bytes, event.window, event.start > now ? event.start : undefined);
        }
        return;
      case "confirm":
        this.#onConfirm(crossings.get(event.flow), event);
        return;
      case "resources": {
        const sessions = new Set([...crossings.values()].map(({ up }) => up));
        const resources = least(event.resources, this.#options.resources?.());
        for (const up of sessions) if (up.closed === undefined) up.report(resources, now);
      }
    }
  }

  /** Over at the next hop: complete, refused, or no longer wanted. */
  #onDownClosed(crossing: Crossing | undefined, code: number, now: Instant): void {
    if (crossing === undefined) return;
    if (code === FLOW_CLOSE.DONE.code && crossing.isAwaited && crossing.up.closed === undefined) {
      crossing.isAtNextHop = true;
      this.#probeAt ??= after(now, PROBE);
      return;
    }
    this.#forget(crossing);
    if (code === FLOW_CLOSE.DONE.code) return;
    // The next hop has lost its memory, or refuses what we have acknowledged to the sender: it must come again.
    const mustRepeat = code === FLOW_CLOSE.UNKNOWN_FLOW.code || crossing.isFinished;
    this.#cancelUp(crossing, mustRepeat ? FLOW_CLOSE.BROKEN.code : code);
  }

  #onConfirm(crossing: Crossing | undefined, unit: ConfirmUnit): void {
    if (crossing === undefined) return;
    crossing.onConfirm(unit);
    if (crossing.isAtNextHop && !crossing.isAwaited) this.#forget(crossing);
  }

  /** Nothing else would tell that a next hop has failed that has acknowledged everything. */
  #probe(now: Instant): void {
    this.#probeAt = undefined;
    for (const [session, crossings] of this.#down) {
      if (![...crossings.values()].some((each) => each.isAtNextHop)) continue;
      session.probe();
      this.#probeAt = after(now, PROBE);
    }
  }

  #hold(crossing: Crossing, until: Instant | undefined): void {
    crossing.heldUntil = until;
    if (until === undefined || until === Number.POSITIVE_INFINITY) this.#timed.delete(crossing);
    else this.#timed.add(crossing);
    crossing.tellHold();
  }

  #pump(crossing: Crossing | undefined, now: Instant): void {
    if (crossing === undefined || crossing.isFinished || crossing.down.closed !== undefined) return;
    if (crossing.down.outgoing(crossing.downFlow) === undefined) return;
    crossing.pump(now);
    // What was read to its end tells so.
    this.#touched.add(crossing.up);
  }

  #fail(session: FlowSession, crossings: Crossings, now: Instant): void {
    this.#hops.fail(session, now);
    this.#down.delete(session);
    for (const crossing of crossings.values()) {
      this.counts.broken += 1;
      this.#forget(crossing);
      this.#cancelUp(crossing, FLOW_CLOSE.BROKEN.code);
    }
  }

  #end(crossing: Crossing, code: number): void {
    this.#forget(crossing);
    if (crossing.down.closed === undefined) crossing.down.cancel(crossing.downFlow, code);
  }

  #cancelUp(crossing: Crossing, code: number): void {
    const { up, flow } = crossing;
    this.#up.get(up)?.delete(flow.id);
    if (up.closed === undefined) up.cancel(flow.id, code);
  }

  #forget(crossing: Crossing): void {
    const { down, downFlow } = crossing;
    if (crossing.isOver) return;
    crossing.isOver = true;
    this.#timed.delete(crossing);
    this.#down.get(down)?.delete(downFlow);
    this.#size -= 1;
  }
}

/** The flow of an id, or all of them for 0. */
function* select(crossings: Crossings, flow: number): Generator<Crossing> {
  if (flow === ALL_FLOWS) yield* crossings.values();
  const one = crossings.get(flow);
  if (one !== undefined) yield one;
}

/** A chain takes what its weakest part can. */
function least(theirs: Resources, ours: Resources | undefined): Resources {
  if (ours === undefined) return theirs;
  const link =
    theirs.link === 0 || ours.link === 0 ? Math.max(theirs.link, ours.link) : Math.min(theirs.link, ours.link);
  return {
    link,
    cpuFree: Math.min(theirs.cpuFree, ours.cpuFree),
    queue: theirs.queue + ours.queue,
    memory: Math.min(theirs.memory, ours.memory),
  };
}
