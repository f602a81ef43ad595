/** One flow through a relay: what comes from one side goes on to the other, within bounds. */

import { RangeSet } from "../../base/range-set.ts";
import { earliest, type Instant } from "../../base/time.ts";
import type { ConfirmUnit } from "../packet/types.ts";
import type { IncomingFlow } from "../receive/in-flow.ts";
import type { WholeMessage } from "../receive/messages.ts";
import { expandSequence, forEachRun, runsOf } from "../session/arrivals.ts";
import type { FlowSession } from "../session/session.ts";
import type { FlowProcessor } from "./processor.ts";

/** Bytes that wait for the next hop, at which the sender is asked to wait, and to go on. */
const HOLD_AT = 262_144;
const GO_ON_AT = 131_072;
/** Messages that one may carry along. */
const MAX_KEPT = 1_024;
/** Ranges of numbers that were dropped on purpose. */
const MAX_RANGES = 256;

/** What a relay counts. */
export interface RelayCounts {
  /** Flows that have gone through it. */
  flows: number;
  /** Messages that came, that went on, and that the plug-in dropped or joined to others. */
  messages: number;
  passed: number;
  dropped: number;
  joined: number;
  /** Messages that came after their deadline. */
  late: number;
  /** Bytes of streams that went on. */
  bytes: number;
  /** Flows that were refused: too many, a loop, or from the wrong side. */
  refused: number;
  /** Flows that ended because the next hop failed. */
  broken: number;
  /** Flows that ended because the plug-in threw. */
  faults: number;
}

/** One flow, with a session on either side. */
export class Crossing {
  readonly up: FlowSession;
  readonly flow: IncomingFlow;
  readonly down: FlowSession;
  readonly downFlow: number;
  /** The next hop holds it back until then; undefined if it does not. */
  heldUntil: Instant | undefined;
  /** As the next hop said, for when it goes on; 0 without a limit. */
  rate = 0;
  /** Everything has come from the sender. */
  isFinished = false;
  isOver = false;
  /** The next hop has acknowledged everything. */
  isAtNextHop = false;
  readonly #processor: FlowProcessor | undefined;
  readonly #counts: RelayCounts;
  #isFull = false;
  /** The earliest deadline of the messages that were kept, and their numbers. */
  #due: Instant | undefined;
  #kept: number[] = [];
  /** Messages by the number of the one that carried them. */
  readonly #carried = new Map<number, readonly number[]>();
  /** Numbers that are confirmed here, because they go no farther. */
  readonly #absorbed = new RangeSet();
  #confirmed: ConfirmUnit | undefined;

  constructor(
    ends: Pick<Crossing, "up" | "flow" | "down" | "downFlow">,
    processor: FlowProcessor | undefined,
    counts: RelayCounts,
  ) {
    this.up = ends.up;
    this.flow = ends.flow;
    this.down = ends.down;
    this.downFlow = ends.downFlow;
    this.#processor = processor;
    this.#counts = counts;
  }

  get isStream(): boolean {
    return this.flow.kind.endsWith("stream");
  }

  /** Everything is at the next hop, but the destination has not confirmed it. */
  get isAwaited(): boolean {
    return this.flow.chain !== undefined && this.#confirmed?.isFin !== true;
  }

  /** Sends a message on. False if there is no room for it: it must come again. */
  onMessage(message: WholeMessage, now: Instant): boolean {
    const { number } = message;
    this.#counts.messages += 1;
    if (message.isLate) this.#counts.late += 1;
    const outcome = this.#processor === undefined ? message.bytes : this.#processor.process(message, now);
    if (outcome === "drop") {
      this.#counts.dropped += 1;
      if (number !== undefined) this.#absorb([number]);
      return true;
    }
    const due = earliest(this.#due, message.due);
    if (outcome === "keep") {
      this.#counts.joined += 1;
      this.#due = due;
      if (number !== undefined && this.#kept.length < MAX_KEPT) this.#kept.push(number);
      return true;
    }
    this.#due = undefined;
    if (number !== undefined && this.#kept.length > 0) this.#carry(number);
    const { isDiscardable } = message;
    // What was spent on the way here, and is spent waiting here, is gone: the deadline stays where it is.
    if (!this.down.send(this.downFlow, outcome, { deadline: due, isDiscardable, number })) return false;
    this.#counts.passed += 1;
    if (!this.#isFull && this.#waiting >= HOLD_AT) {
      this.#isFull = true;
      this.tellHold();
    }
    return true;
  }

  /** Moves what has come of a stream, and asks for more if there is room. */
  pump(now: Instant): void {
    if (!this.isStream) {
      if (!this.#isFull || this.#waiting > GO_ON_AT) return;
      this.#isFull = false;
      this.tellHold();
      return;
    }
    while (this.#waiting < HOLD_AT) {
      const piece = this.up.read(this.flow.id, HOLD_AT - this.#waiting);
      if (piece === undefined) break;
      if (piece.skipped > 0) this.down.skip(this.downFlow, piece.skipped);
      // Less than HOLD_AT is always taken.
      this.#counts.bytes += this.down.write(this.downFlow, piece.bytes, now, piece.due);
    }
  }

  /** The sender has finished, and everything of it was read. */
  finish(): void {
    if (this.isFinished || this.down.closed !== undefined) return;
    this.isFinished = true;
    if (this.down.outgoing(this.downFlow) !== undefined) this.down.finish(this.downFlow);
  }

  /** Asks the sender to wait, or to go on, for the sake of the next hop or of ourselves. */
  tellHold(): void {
    if (this.up.closed !== undefined || this.up.incoming(this.flow.id) === undefined) return;
    if (this.#isFull || this.heldUntil !== undefined) this.up.pause(this.flow.id);
    else this.up.resume(this.flow.id, this.rate);
  }

  /** What the destination says, in the sender's numbers. */
  onConfirm(unit: ConfirmUnit): void {
    const before = this.#confirmed;
    // Zombies of other ways know less.
    if (before !== undefined && unit.end < before.end) return;
    this.#confirmed = unit;
    this.#tellConfirmed();
  }

  get #waiting(): number {
    return this.down.buffered(this.downFlow);
  }

  #carry(number: number): void {
    if (this.#carried.size >= MAX_KEPT) {
      const [oldest] = this.#carried.keys();
      this.#carried.delete(oldest!);
    }
    this.#carried.set(number, this.#kept);
    this.#kept = [];
  }

  #absorb(numbers: readonly number[]): void {
    for (const number of numbers) this.#absorbed.add(number, number + 1);
    while (this.#absorbed.size > MAX_RANGES) this.#absorbed.dropFirst();
    this.#tellConfirmed();
  }

  #tellConfirmed(): void {
    const { up, flow } = this;
    if (flow.chain === undefined || up.closed !== undefined) return;
    const { late, isFin, runs, end: far } = this.#confirmed ?? { late: 0, isFin: false, runs: [], end: 0 };
    if (this.#processor === undefined) {
      up.confirm({ type: "confirm", flow: flow.id, end: far, late, isFin, runs });
      return;
    }
    const there = new RangeSet();
    forEachRun(runs, far, (start, stop) => {
      there.add(start, stop);
      for (const [number, carried] of this.#carried) {
        const absolute = expandSequence(number % 0x1_0000_0000, stop);
        if (absolute < start || absolute >= stop) continue;
        this.#carried.delete(number);
        for (const each of carried) this.#absorbed.add(each, each + 1);
      }
    });
    for (let at = 0; at < this.#absorbed.size; at += 1) there.add(this.#absorbed.start(at), this.#absorbed.end(at));
    const end = Math.max(far, (there.max ?? -1) + 1);
    up.confirm({ type: "confirm", flow: flow.id, end, late, isFin, runs: runsOf(there, end) });
  }
}
