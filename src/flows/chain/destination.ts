/**
 * The receiving end of chains of relays. The same flow may come on several ways, one after the other or at once; each of its messages and
 * bytes is delivered once, and confirmed to the sender on all of them.
 *
 * Calling order for a driver: `accept` each session; after it got a packet or a timeout, `handle`; then `pollEvent` and `read`, and
 * the packets of all sessions; `handleTimeout` at `nextTimeout`.
 */

import { Fifo } from "../../base/fifo.ts";
import { after, earliest, type Instant, type Micros, millis, seconds } from "../../base/time.ts";
import type { IncomingFlow } from "../receive/in-flow.ts";
import { FLOW_CLOSE } from "../session/errors.ts";
import type { FlowEvent } from "../session/events.ts";
import type { FlowSession } from "../session/session.ts";
import { ChainedFlow } from "./chained-flow.ts";

/** Flows of all senders. */
const MAX_FLOWS = 4_096;
/** Between something that came and its confirmation. */
const CONFIRM_DELAY = millis(5);
/** How long a flow is remembered after its last way has gone. */
const RETAIN = seconds(60);

/** How a receiving end is set up. */
export interface ChainDestinationOptions {
  /** Flows of all senders that are open or remembered; 4,096 by default. */
  readonly maxFlows?: number;
  /** How long a flow is remembered without a way, so that its sender can go on with it; 60 s by default. */
  readonly retain?: Micros;
}

/** What the receiver is told. `key` names a flow on whatever way it comes. */
export type ChainDestinationEvent =
  | { readonly type: "open"; readonly key: string; readonly flow: IncomingFlow; readonly path: readonly number[] }
  | {
      readonly type: "message";
      readonly key: string;
      readonly bytes: Uint8Array;
      readonly number: number;
      readonly isLate: boolean;
    }
  /** `read` has something to return, or the stream is finished. */
  | { readonly type: "readable"; readonly key: string }
  /** With code 0, everything that its sender did not give up has come; otherwise nobody came to go on with it. */
  | { readonly type: "closed"; readonly key: string; readonly code: number }
  /** Of a flow or session without a chain. */
  | { readonly type: "plain"; readonly session: FlowSession; readonly event: FlowEvent };

/** The receiving end of chains. */
export class ChainDestination {
  readonly #maxFlows: number;
  readonly #retain: Micros;
  readonly #events = new Fifo<ChainDestinationEvent>();
  readonly #flows = new Map<string, ChainedFlow>();
  readonly #sessions = new Map<FlowSession, Map<number, ChainedFlow>>();
  /** Flows with something to confirm. */
  readonly #unconfirmed = new Set<ChainedFlow>();
  #confirmAt: Instant | undefined;
  /** Flows without a way, the one that was left first in front. */
  readonly #left = new Map<ChainedFlow, Instant>();
  /** Ways that claim to begin where nothing has come yet, or contradict their flow. */
  forged = 0;
  /** Flows that had no room. */
  refused = 0;

  constructor({ maxFlows = MAX_FLOWS, retain = RETAIN }: ChainDestinationOptions = {}) {
    this.#maxFlows = maxFlows;
    this.#retain = retain;
  }

  /** Flows that are open or remembered. */
  get size(): number {
    return this.#flows.size;
  }

  /** A peer has begun a session. */
  accept(session: FlowSession): void {
    this.#sessions.set(session, new Map());
  }

  /** The session has got a packet, or a timeout. */
  handle(session: FlowSession, now: Instant): void {
    const ways = this.#sessions.get(session);
    if (ways === undefined) return;
    for (let event = session.pollEvent(); event !== undefined; event = session.pollEvent()) {
      if (event.type === "session-closed") this.#onEnd(session, ways, now);
      if (!this.#handleEvent(session, ways, event, now)) this.#events.push({ type: "plain", session, event });
    }
  }

  /** The next bytes of a stream; undefined if there are none now. */
  read(key: string, now: Instant): Uint8Array | undefined {
    const flow = this.#flows.get(key);
    if (flow === undefined) return undefined;
    const piece = flow.read();
    if (piece !== undefined) this.#confirmSoon(flow, now);
    return piece;
  }

  /** True once everything of a stream was read. */
  isFinished(key: string): boolean {
    return this.#flows.get(key)?.isFinished ?? false;
  }

  /** Holds a flow back, or lets it go on at `rate` bytes per second, 0 without a limit. */
  hold(key: string, isHeld: boolean, rate = 0): void {
    for (const { session, flow } of this.#flows.get(key)?.ways ?? []) {
      if (session.closed !== undefined || session.incoming(flow) === undefined) continue;
      if (isHeld) session.pause(flow);
      else session.resume(flow, rate);
    }
  }

  /** Messages that came, and of those the late ones and the doubled ones that were dropped. */
  stats(key: string): { readonly delivered: number; readonly late: number; readonly repeated: number } | undefined {
    const flow = this.#flows.get(key);
    return flow === undefined ? undefined : { delivered: flow.delivered, late: flow.late, repeated: flow.repeated };
  }

  /** When to call `handleTimeout`; undefined for never. */
  nextTimeout(): Instant | undefined {
    const [first] = this.#left.values();
    return earliest(this.#confirmAt, first);
  }

  /** Does what is due. */
  handleTimeout(now: Instant): void {
    if (this.#confirmAt !== undefined && this.#confirmAt <= now) {
      this.#confirmAt = undefined;
      for (const flow of this.#unconfirmed) flow.confirm();
      this.#unconfirmed.clear();
    }
    for (const [flow, until] of this.#left) {
      if (until > now) return;
      this.#forget(flow);
    }
  }

  /** The next event; undefined if there is none. */
  pollEvent(): ChainDestinationEvent | undefined {
    return this.#events.shift();
  }

  /** False for what does not belong to a chain. */
  #handleEvent(session: FlowSession, ways: Map<number, ChainedFlow>, event: FlowEvent, now: Instant): boolean {
    if (event.type === "open") return this.#onOpen(session, ways, event.flow, now);
    if (event.type !== "message" && event.type !== "readable" && event.type !== "closed") return false;
    const flow = ways.get(event.flow);
    if (flow === undefined) return false;
    const { key } = flow;
    if (event.type === "closed") {
      this.#onClosed(flow, { session, id: event.flow, code: event.code }, now);
    } else if (event.type === "readable") this.#events.push({ type: "readable", key });
    else {
      const { bytes, number, isLate } = event;
      if (flow.onMessage(number!, isLate)) {
        this.#events.push({ type: "message", key, bytes, number: number!, isLate });
      }
      this.#confirmSoon(flow, now);
    }
    return true;
  }

  #onOpen(session: FlowSession, ways: Map<number, ChainedFlow>, flow: IncomingFlow, now: Instant): boolean {
    const { chain, kind } = flow;
    if (chain === undefined || (kind !== "stateful-datagram" && kind !== "stateful-stream")) return false;
    const key = `${chain.origin} ${chain.number}`;
    const known = this.#flows.get(key) ?? this.#begin(key, flow, session);
    if (known === undefined) {
      this.refused += 1;
      session.cancel(flow.id, FLOW_CLOSE.LIMIT_EXCEEDED.code);
      return true;
    }
    if (!known.takes(kind, chain.base)) {
      this.forged += 1;
      session.cancel(flow.id, FLOW_CLOSE.CANCELLED.code);
      return true;
    }
    ways.set(flow.id, known);
    if (!known.isOver) this.#left.delete(known);
    const old = known.add({ session, flow: flow.id, base: chain.base });
    if (old !== undefined) {
      this.#sessions.get(old.session)?.delete(old.flow);
      old.session.cancel(old.flow, FLOW_CLOSE.SUPERSEDED.code);
    }
    // The sender may have missed what was said on another way.
    this.#confirmSoon(known, now);
    return true;
  }

  #begin(key: string, flow: IncomingFlow, session: FlowSession): ChainedFlow | undefined {
    if (this.#flows.size >= this.#maxFlows) {
      // What is only remembered makes room.
      const [oldest] = this.#left.keys();
      if (oldest === undefined) return undefined;
      this.#forget(oldest);
    }
    const begun = new ChainedFlow(key, flow.kind);
    this.#flows.set(key, begun);
    this.#events.push({ type: "open", key, flow, path: session.peerPath });
    return begun;
  }

  #onClosed(
    flow: ChainedFlow,
    { session, id, code }: { readonly session: FlowSession; readonly id: number; readonly code: number },
    now: Instant,
  ): void {
    if (code === FLOW_CLOSE.DONE.code) {
      // A stream is over in this way when it was read to its end. The way is still there for the confirmation.
      flow.isFinished = true;
      this.#end(flow, code, now);
      this.#confirmSoon(flow, now);
      return;
    }
    this.#sessions.get(session)?.delete(id);
    flow.remove(session, id);
    if (code === FLOW_CLOSE.CANCELLED.code) this.#end(flow, code, now);
    else if (flow.ways.length === 0) this.#remember(flow, now);
  }

  #remember(flow: ChainedFlow, now: Instant): void {
    this.#left.delete(flow);
    this.#left.set(flow, after(now, this.#retain));
  }

  #end(flow: ChainedFlow, code: number, now: Instant): void {
    if (flow.isOver) return;
    flow.isOver = true;
    this.#remember(flow, now);
    this.#events.push({ type: "closed", key: flow.key, code });
  }

  #onEnd(session: FlowSession, ways: Map<number, ChainedFlow>, now: Instant): void {
    for (const [id, flow] of ways) this.#onClosed(flow, { session, id, code: FLOW_CLOSE.BROKEN.code }, now);
    this.#sessions.delete(session);
  }

  #forget(flow: ChainedFlow): void {
    this.#left.delete(flow);
    this.#flows.delete(flow.key);
    this.#unconfirmed.delete(flow);
    for (const { session, flow: id } of flow.ways) this.#sessions.get(session)?.delete(id);
    if (!flow.isOver) this.#events.push({ type: "closed", key: flow.key, code: FLOW_CLOSE.BROKEN.code });
  }

  #confirmSoon(flow: ChainedFlow, now: Instant): void {
    this.#unconfirmed.add(flow);
    this.#confirmAt ??= after(now, CONFIRM_DELAY);
  }
}
