/** All flows that the peer sends: opens and ends them, puts their data together, and holds back those that we do not read. */

import { RangeSet } from "../../base/range-set.ts";
import { after, earliest, type Instant, seconds } from "../../base/time.ts";
import type { DatagramUnit, OpenUnit, StreamUnit } from "../packet/types.ts";
import { FLOW_CLOSE, FlowError } from "../session/errors.ts";
import type { DropCounts, FlowEvent } from "../session/events.ts";
import { MAX_FLOWS, PAUSE_AT, RESUME_AT } from "../session/limits.ts";
import type { Outbox } from "../session/outbox.ts";
import { ByteStream, type StreamPiece } from "./byte-stream.ts";
import { type Arrival, type InFlowStats, incomingFlow } from "./in-flow.ts";
import { Messages } from "./messages.ts";

/** Ranges of flow ids that were used; a peer that leaves more gaps between them cannot open flows below. */
const MAX_ID_RANGES = 256;
/** CLOSE for data of unknown flows: so many, and then one in each interval. */
const MAX_ANSWERS = 16;
const ANSWER_INTERVAL = seconds(1);

interface Held {
  readonly content: Messages | ByteStream;
  /** Why it waits. */
  isFull: boolean;
  isHeld: boolean;
  /** Bytes per second, for when it goes on; 0 without a limit. */
  rate: number;
  isClosed: boolean;
}

export class Receivers {
  readonly #flows = new Map<number, Held>();
  readonly #used = new RangeSet();
  readonly #outbox: Outbox;
  readonly #emit: (event: FlowEvent) => void;
  readonly #drops: DropCounts;
  /** The lowest bit of the peer's flow ids. */
  readonly #parity: number;
  #answers = 0;
  #answersFrom = 0 as Instant;

  constructor(isServer: boolean, outbox: Outbox, drops: DropCounts, emit: (event: FlowEvent) => void) {
    this.#parity = isServer ? 0 : 1;
    this.#outbox = outbox;
    this.#drops = drops;
    this.#emit = emit;
  }

  get size(): number {
    return this.#flows.size;
  }

  onOpen(unit: OpenUnit): void {
    const { flow: id } = unit;
    if (id % 2 !== this.#parity) {
      this.#drops.forged += 1;
      return;
    }
    const place = id >>> 1;
    if (this.#used.has(place)) return; // Repeated.
    if (this.#flows.size >= MAX_FLOWS || this.#used.size >= MAX_ID_RANGES) {
      this.#used.add(place, place + 1);
      this.#refuse(id, FLOW_CLOSE.LIMIT_EXCEEDED.code);
      return;
    }
    this.#used.add(place, place + 1);
    const flow = incomingFlow(unit);
    const content = unit.kind.endsWith("datagram") ? new Messages(flow) : new ByteStream(flow);
    this.#flows.set(id, { content, isFull: false, isHeld: false, rate: 0, isClosed: false });
    this.#emit({ type: "open", flow });
  }

  onDatagram(unit: DatagramUnit, arrival: Arrival): void {
    const held = this.#flows.get(unit.flow);
    if (held === undefined) {
      this.#onStray(unit.flow, unit.part !== undefined, arrival.now);
      return;
    }
    const { content } = held;
    if (!(content instanceof Messages) || (unit.part === undefined) !== (content.flow.kind === "stateless-datagram")) {
      this.#drops.forged += 1;
      return;
    }
    const outcome = content.handle(unit, arrival);
    if (outcome === "too-much") this.#end(unit.flow, FLOW_CLOSE.LIMIT_EXCEEDED.code);
    else if (typeof outcome === "object") this.#emit({ type: "message", flow: unit.flow, ...outcome });
  }

  onStream(unit: StreamUnit, arrival: Arrival): void {
    const held = this.#flows.get(unit.flow);
    if (held === undefined) {
      this.#onStray(unit.flow, unit.isStateful, arrival.now);
      return;
    }
    const { content } = held;
    if (!(content instanceof ByteStream) || unit.isStateful !== (content.flow.kind === "stateful-stream")) {
      this.#drops.forged += 1;
      return;
    }
    const before = content.readable;
    if (!content.handle(unit, arrival)) {
      this.#end(unit.flow, FLOW_CLOSE.LIMIT_EXCEEDED.code);
      return;
    }
    if ((before === 0 && content.readable > 0) || content.isFinished) this.#emit({ type: "readable", flow: unit.flow });
    if (content.readable >= PAUSE_AT) {
      // Again with every answer, because the sender goes on with each that reaches it without this.
      held.isFull = true;
      this.#tell(unit.flow, held);
    }
  }

  /** False if it is not the peer's flow. */
  onClose(id: number, code: number): boolean {
    const held = this.#flows.get(id);
    if (held === undefined) return id % 2 === this.#parity;
    held.isClosed = true;
    // What has arrived can still be read.
    if (code === FLOW_CLOSE.DONE.code && held.content instanceof ByteStream && !held.content.isFinished) return true;
    this.#remove(id, code);
    return true;
  }

  /** The next bytes of a stream; undefined if there are none now, or the flow is over. */
  read(id: number, max: number): StreamPiece | undefined {
    const held = this.#flows.get(id);
    if (held === undefined) return undefined;
    if (!(held.content instanceof ByteStream)) {
      throw new FlowError("FLOW_KIND", `flow ${id} carries messages: they come as events`);
    }
    const piece = held.content.read(max);
    if (held.isFull && held.content.readable <= RESUME_AT) {
      held.isFull = false;
      this.#tell(id, held);
    }
    if (held.content.isFinished && held.isClosed) this.#remove(id, FLOW_CLOSE.DONE.code);
    return piece;
  }

  /** True once everything of a stream was read. */
  isFinished(id: number): boolean {
    const held = this.#flows.get(id);
    return held === undefined || (held.content instanceof ByteStream && held.content.isFinished);
  }

  /** Asks the sender of a flow to wait, or to go on at a rate. False if there is no such flow. */
  hold(id: number, isHeld: boolean, rate: number): boolean {
    const held = this.#flows.get(id);
    if (held === undefined) return false;
    held.isHeld = isHeld;
    held.rate = rate;
    this.#tell(id, held);
    return true;
  }

  has(id: number): boolean {
    return this.#flows.has(id);
  }

  /** We want nothing more of it. */
  refuse(id: number, code: number): boolean {
    if (!this.#flows.has(id)) return false;
    this.#end(id, code);
    return true;
  }

  stats(id: number): InFlowStats | undefined {
    return this.#flows.get(id)?.content.stats;
  }

  get nextTimeout(): Instant | undefined {
    let next: Instant | undefined;
    for (const { content } of this.#flows.values()) next = earliest(next, content.nextTimeout);
    return next;
  }

  handleTimeout(now: Instant): void {
    for (const [id, { content }] of this.#flows) {
      const due = content.nextTimeout;
      if (due === undefined || due > now) continue;
      if (content.handleTimeout(now) === true) this.#emit({ type: "readable", flow: id });
    }
  }

  #tell(id: number, { isFull, isHeld, rate }: Held): void {
    if (isFull || isHeld) this.#outbox.push("hold", { type: "pause", flow: id, until: 0 });
    else this.#outbox.push("hold", { type: "resume", flow: id, rate });
  }

  /** Data of a flow that is not open. */
  #onStray(id: number, isStateful: boolean, now: Instant): void {
    this.#drops.strays += 1;
    const isKnown = id % 2 !== this.#parity || this.#used.has(id >>> 1);
    if (!isStateful || isKnown) return;
    if (now >= this.#answersFrom) {
      this.#answersFrom = after(now, ANSWER_INTERVAL);
      this.#answers = 0;
    }
    if (this.#answers === MAX_ANSWERS) return;
    this.#answers += 1;
    this.#refuse(id, FLOW_CLOSE.UNKNOWN_FLOW.code);
  }

  #end(id: number, code: number): void {
    this.#refuse(id, code);
    this.#remove(id, code);
  }

  #refuse(id: number, code: number): void {
    this.#outbox.push("close", { type: "close", flow: id, code });
  }

  #remove(id: number, code: number): void {
    this.#flows.delete(id);
    this.#emit({ type: "closed", flow: id, code });
  }
}
