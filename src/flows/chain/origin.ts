/**
 * The sending end of a chain of relays. A relay that has acknowledged data may fail before the data has left it; therefore the sender
 * keeps everything until the destination confirms it, and sends the rest again on another way. Numbers of messages and offsets of
 * bytes stay the same, so that the destination takes each once.
 *
 * Calling order for a driver: after a session of it got a packet or a timeout, `handle`; then `pollEvent`, and the packets of its
 * sessions; `handleTimeout` at `nextTimeout`.
 */

import { Fifo } from "../../base/fifo.ts";
import { after, earliest, type Instant, micros, millis } from "../../base/time.ts";
import type { ConfirmUnit } from "../packet/types.ts";
import type { FlowOptions } from "../send/out-flow.ts";
import { FLOW_CLOSE, FlowError } from "../session/errors.ts";
import type { FlowEvent } from "../session/events.ts";
import { MAX_FLOWS, MAX_SEND_BUFFER } from "../session/limits.ts";
import type { FlowSession } from "../session/session.ts";
import { BytesInDoubt } from "./bytes-in-doubt.ts";
import { type HopOptions, Hops } from "./hops.ts";
import { type ChainMessageOptions, type MessageCounts, MessagesInDoubt } from "./messages-in-doubt.ts";

/** Before a flow is opened again that a hop has refused; from the fifth time on twice as long after each. */
const RETRY = millis(20);
const MAX_RETRY = millis(2_000);
/** Refusals in a row after which a flow is given up. */
const MAX_REFUSALS = 12;
/** Without a confirmation for this long, the next hop is asked whether it is there. */
const PROBE = millis(500);
/** Between two looks for messages that are too late. */
const SWEEP = millis(100);
const NO_PATH: readonly number[] = [];

/** How a sending end is set up. */
export interface ChainOriginOptions extends HopOptions {
  /** 16 hexadecimal digits from a secure source: who knows them may send in this sender's name. */
  readonly origin: string;
}

/** How a flow is opened. Both services are stateful: the stateless ones have nothing to confirm. */
export interface ChainFlowOptions extends Omit<FlowOptions, "chain" | "kind"> {
  readonly kind: "stateful-datagram" | "stateful-stream";
}

/** What the sender is told. */
export type ChainOriginEvent =
  /** A flow has room again. */
  | { readonly type: "writable"; readonly flow: number }
  /** Someone on the way holds it back, or lets it go on. */
  | { readonly type: "paused" | "resumed"; readonly flow: number }
  /** Everything is confirmed or given up (code 0), or the destination or a limit ended it. */
  | { readonly type: "closed"; readonly flow: number; readonly code: number; readonly stats: ChainFlowStats }
  /** The flows go on by this hop. */
  | { readonly type: "way"; readonly hop: number };

/** The figures of a flow. */
export interface ChainFlowStats {
  /** Of a flow of messages. */
  readonly messages: MessageCounts | undefined;
  /** Of a stream: bytes that were written, confirmed, and given to another way again. */
  readonly bytes: { readonly given: number; readonly confirmed: number; readonly resent: number } | undefined;
  /** How often it was opened. */
  readonly ways: number;
}

interface Flow {
  readonly number: number;
  readonly options: ChainFlowOptions;
  readonly content: MessagesInDoubt | BytesInDoubt;
  /** Where it goes now; undefined while it waits to be opened again. */
  way: { readonly session: FlowSession; readonly flow: number } | undefined;
  ways: number;
  refusals: number;
  retryAt: Instant | undefined;
  isFinished: boolean;
  wasFull: boolean;
}

/** The sending end of a chain. */
export class ChainOrigin {
  readonly #hops: Hops;
  readonly #origin: string;
  readonly #events = new Fifo<ChainOriginEvent>();
  readonly #flows = new Map<number, Flow>();
  #next = 0;
  #session: FlowSession | undefined;
  #sweepAt: Instant | undefined;
  #quietSince: Instant | undefined;
  /** Confirmations that make no sense. */
  forged = 0;

  constructor(options: ChainOriginOptions) {
    if (!/^[0-9a-f]{16}$/.test(options.origin)) throw new TypeError("the origin is 16 hexadecimal digits");
    this.#origin = options.origin;
    this.#hops = new Hops(options);
  }

  /** Returns the number of the flow. */
  open(options: ChainFlowOptions, now: Instant): number {
    if (this.#flows.size >= MAX_FLOWS) throw new FlowError("FLOW_LIMIT", `${MAX_FLOWS} flows are open`);
    const number = this.#next;
    this.#next += 1;
    const content = options.kind === "stateful-datagram" ? new MessagesInDoubt() : new BytesInDoubt();
    const flow: Flow = {
      number,
      options,
      content,
      way: undefined,
      ways: 0,
      refusals: 0,
      retryAt: undefined,
      isFinished: false,
      wasFull: false,
    };
    this.#flows.set(number, flow);
    this.#start(flow, now);
    return number;
  }

  /** Keeps the bytes. False if the flow holds as much as it may: `writable` follows. */
  send(number: number, payload: Uint8Array, options: ChainMessageOptions, now: Instant): boolean {
    const flow = this.#open(number);
    const { content } = flow;
    if (!(content instanceof MessagesInDoubt)) throw new FlowError("FLOW_KIND", `flow ${number} is a stream`);
    if (payload.length > MAX_SEND_BUFFER / 8) throw new FlowError("MESSAGE_TOO_LARGE", `${payload.length} bytes`);
    if (!content.add(payload, options)) {
      flow.wasFull = true;
      return false;
    }
    this.#pump(flow, now);
    return true;
  }

  /** Copies the bytes, and returns how many it took; if fewer than all, `writable` follows. */
  write(number: number, bytes: Uint8Array, now: Instant): number {
    const flow = this.#open(number);
    if (!(flow.content instanceof BytesInDoubt)) throw new FlowError("FLOW_KIND", `flow ${number} carries messages`);
    const count = flow.content.add(bytes);
    if (count < bytes.length) flow.wasFull = true;
    this.#pump(flow, now);
    return count;
  }

  /** The flow ends when everything is confirmed, or given up. */
  finish(number: number, now: Instant): void {
    const flow = this.#open(number);
    flow.isFinished = true;
    flow.content.finish();
    this.#pump(flow, now);
  }

  /** Ends a flow at once. */
  cancel(number: number): void {
    const flow = this.#flows.get(number);
    if (flow === undefined) return;
    flow.way?.session.cancel(flow.way.flow);
    this.#remove(flow, FLOW_CLOSE.CANCELLED.code);
  }

  /** Figures of a flow that is open. */
  stats(number: number): ChainFlowStats | undefined {
    const flow = this.#flows.get(number);
    return flow === undefined ? undefined : statsOf(flow);
  }

  /** How often a next hop failed. */
  get failures(): number {
    return this.#hops.failures;
  }

  /** A session of ours has got a packet, or a timeout. */
  handle(session: FlowSession, now: Instant): void {
    for (let event = session.pollEvent(); event !== undefined; event = session.pollEvent()) {
      this.#handleEvent(session, event, now);
    }
    if (session === this.#session && this.#hops.hasFailed(session)) {
      if (this.#flows.size > 0) this.#fail(session, now);
      else {
        this.#hops.release(session);
        this.#session = undefined;
      }
    }
    for (const flow of this.#flows.values()) if (flow.way?.session === session) this.#pump(flow, now);
  }

  /** When to call `handleTimeout`; undefined for never. */
  nextTimeout(): Instant | undefined {
    let next = this.#sweepAt;
    for (const { retryAt } of this.#flows.values()) next = earliest(next, retryAt);
    return next;
  }

  /** Does what is due. */
  handleTimeout(now: Instant): void {
    for (const flow of this.#flows.values()) {
      if (flow.retryAt !== undefined && flow.retryAt <= now) this.#start(flow, now);
    }
    if (this.#sweepAt === undefined || this.#sweepAt > now) return;
    this.#sweepAt = undefined;
    for (const flow of this.#flows.values()) {
      if (flow.content instanceof MessagesInDoubt) flow.content.expire(now);
      this.#tellRoom(flow);
      this.#pump(flow, now);
    }
    if ([...this.#flows.values()].every((flow) => flow.content.isEmpty)) return;
    this.#sweepAt = after(now, SWEEP);
    // A hop that has acknowledged everything may have failed before it left.
    if (this.#quietSince === undefined) this.#quietSince = now;
    else if (now - this.#quietSince >= PROBE) {
      this.#quietSince = now;
      this.#session?.probe();
    }
  }

  /** The next event; undefined if there is none. */
  pollEvent(): ChainOriginEvent | undefined {
    return this.#events.shift();
  }

  #start(flow: Flow, now: Instant): void {
    flow.retryAt = undefined;
    const session = this.#hops.acquire(NO_PATH, now);
    if (session !== this.#session) {
      this.#session = session;
      this.#events.push({ type: "way", hop: this.#hops.hopOf(NO_PATH)! });
    }
    const { number, options, content } = flow;
    const base = content instanceof BytesInDoubt ? content.base : 0;
    const id = session.open({ ...options, chain: { origin: this.#origin, number, base } });
    flow.way = { session, flow: id };
    flow.ways += 1;
    content.restart();
    this.#pump(flow, now);
  }

  #handleEvent(session: FlowSession, event: FlowEvent, now: Instant): void {
    if (!("flow" in event) || typeof event.flow !== "number") return;
    const flow = this.#find(session, event.flow);
    if (flow === undefined) return;
    switch (event.type) {
      case "confirm":
        this.#onConfirm(flow, event, now);
        return;
      case "closed":
        // What we finished is over when it was confirmed, too.
        if (event.code !== FLOW_CLOSE.DONE.code) this.#onRefused(flow, event.code, now);
        return;
      case "paused":
      case "resumed":
        this.#events.push({ type: event.type, flow: flow.number });
    }
  }

  #onConfirm(flow: Flow, unit: ConfirmUnit, now: Instant): void {
    const { content } = flow;
    if (!(content instanceof BytesInDoubt ? content.confirm(unit) : content.confirm(unit, now))) {
      this.forged += 1;
      return;
    }
    flow.refusals = 0;
    this.#quietSince = undefined;
    this.#tellRoom(flow);
    this.#endIfDone(flow);
  }

  #onRefused(flow: Flow, code: number, now: Instant): void {
    // A failure on the way is no refusal: it ends.
    const isRefused = code !== FLOW_CLOSE.BROKEN.code && flow.refusals >= MAX_REFUSALS;
    const isFinal = code === FLOW_CLOSE.CANCELLED.code || isRefused;
    if (isFinal) {
      this.#remove(flow, code);
      return;
    }
    // This hop leads nowhere.
    if (code === FLOW_CLOSE.LOOP.code) {
      flow.refusals += 1;
      this.#fail(flow.way!.session, now);
      return;
    }
    this.#retry(flow, now);
  }

  #retry(flow: Flow, now: Instant): void {
    flow.way = undefined;
    const wait = Math.min(RETRY * 2 ** Math.max(0, flow.refusals - 4), MAX_RETRY);
    flow.retryAt = flow.refusals === 0 ? now : after(now, micros(wait));
    flow.refusals += 1;
  }

  #fail(session: FlowSession, now: Instant): void {
    this.#hops.fail(session, now);
    if (this.#session === session) this.#session = undefined;
    for (const flow of this.#flows.values()) if (flow.way?.session === session) this.#start(flow, now);
  }

  #pump(flow: Flow, now: Instant): void {
    const { content, way } = flow;
    this.#sweepAt ??= after(now, SWEEP);
    if (way === undefined || way.session.closed !== undefined) return;
    if (way.session.outgoing(way.flow) !== undefined) content.pump(way.session, way.flow, now);
  }

  #tellRoom(flow: Flow): void {
    if (!flow.wasFull) return;
    if (flow.content instanceof BytesInDoubt && flow.content.room < MAX_SEND_BUFFER / 4) return;
    flow.wasFull = false;
    this.#events.push({ type: "writable", flow: flow.number });
  }

  #endIfDone(flow: Flow): void {
    if (flow.content.isDone) this.#remove(flow, FLOW_CLOSE.DONE.code);
  }

  #remove(flow: Flow, code: number): void {
    const stats = statsOf(flow);
    this.#flows.delete(flow.number);
    this.#events.push({ type: "closed", flow: flow.number, code, stats });
  }

  #find(session: FlowSession, id: number): Flow | undefined {
    for (const flow of this.#flows.values()) {
      if (flow.way?.session === session && flow.way.flow === id) return flow;
    }
    return undefined;
  }

  #open(number: number): Flow {
    const flow = this.#flows.get(number);
    if (flow === undefined) throw new FlowError("FLOW_UNKNOWN", `flow ${number} is over, or was never opened`);
    if (flow.isFinished) throw new FlowError("FLOW_CLOSED", `flow ${number} was finished`);
    return flow;
  }
}

function statsOf({ content, ways }: Flow): ChainFlowStats {
  if (content instanceof MessagesInDoubt) return { messages: { ...content.counts }, bytes: undefined, ways };
  const { given, base: confirmed, resent } = content;
  return { messages: undefined, bytes: { given, confirmed, resent }, ways };
}
