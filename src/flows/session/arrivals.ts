/** Which packets have arrived, and when to say so. */

import { RangeSet } from "../../base/range-set.ts";
import { after, type Instant, millis, since } from "../../base/time.ts";
import { type AckUnit, MAX_ACK_PAIRS } from "../packet/types.ts";

/** The longest that an acknowledgement waits for a second packet. */
export const ACK_DELAY = millis(5);
const ACK_EVERY = 2;
/** Older packets are forgotten, and count as repeated. */
const MAX_RANGES = 256;
const WRAP = 0x1_0000_0000;

/** The number nearest to `expected` whose lowest 32 bits are these. */
export function expandSequence(low: number, expected: number): number {
  const base = expected - (expected % WRAP) + low;
  if (base - expected > WRAP / 2 && base >= WRAP) return base - WRAP;
  return expected - base > WRAP / 2 ? base + WRAP : base;
}

export class Arrivals {
  readonly #seen = new RangeSet();
  #forgottenBelow = 0;
  #largest = -1;
  #largestAt = 0 as Instant;
  #pending = 0;
  #due: Instant | undefined;

  /** When an acknowledgement must leave; undefined if none must. */
  get due(): Instant | undefined {
    return this.#due;
  }

  /** False if the packet was there before, or is too old to tell. */
  onPacket(low: number, isAckRequested: boolean, now: Instant): boolean {
    const sequence = expandSequence(low, this.#largest + 1);
    if (sequence < this.#forgottenBelow || this.#seen.has(sequence)) return false;
    this.#seen.add(sequence, sequence + 1);
    const isInOrder = sequence === this.#largest + 1;
    if (sequence > this.#largest) {
      this.#largest = sequence;
      this.#largestAt = now;
    }
    if (this.#seen.size > MAX_RANGES) this.#forgottenBelow = this.#seen.dropFirst()![1];
    if (!isAckRequested) return true;
    this.#pending += 1;
    // At once after a gap, so that the sender learns of a loss while a deadline can still be met.
    if (!isInOrder || this.#pending >= ACK_EVERY) this.#due = now;
    else this.#due ??= after(now, ACK_DELAY);
    return true;
  }

  /** What to report, and counts as reported. Undefined if nothing new that asks for it has arrived. */
  take(now: Instant): AckUnit | undefined {
    if (this.#pending === 0) return undefined;
    this.#pending = 0;
    this.#due = undefined;
    const runs = runsOf(this.#seen, this.#largest + 1);
    const delay = Math.min(since(this.#largestAt, now), 0xffff_ffff);
    return { type: "ack", largest: this.#largest % WRAP, delay, runs };
  }
}

/** What is missing below `end` and what is there, downwards; as much as an acknowledgement holds. */
export function runsOf(set: RangeSet, end: number): number[] {
  const runs: number[] = [];
  for (let index = set.size - 1, above = end; index >= 0; index -= 1) {
    if (!addRun(runs, above - set.end(index), set.end(index) - set.start(index))) break;
    above = set.start(index);
  }
  return runs;
}

/** Adds a gap and what is below it, in as many pairs as 16 bits need. False if there is no room for all of it. */
function addRun(runs: number[], missing: number, there: number): boolean {
  let [gap, length] = [missing, there];
  while (gap > 0 || length > 0) {
    if (runs.length === 2 * MAX_ACK_PAIRS) return false;
    const skipped = Math.min(gap, 0xffff);
    gap -= skipped;
    const taken = gap > 0 ? 0 : Math.min(length, 0xffff);
    length -= taken;
    runs.push(skipped, taken);
  }
  return true;
}

/** Calls back with each range [start, end) that an acknowledgement reports, the highest one first. */
export function forEachRange(unit: AckUnit, expected: number, visit: (start: number, end: number) => void): void {
  forEachRun(unit.runs, expandSequence(unit.largest, expected) + 1, visit);
}

/** Calls back with each range [start, end) below `top` that the runs say is there. */
export function forEachRun(runs: readonly number[], top: number, visit: (start: number, end: number) => void): void {
  let above = top;
  for (let at = 0; at + 1 < runs.length && at < 2 * MAX_ACK_PAIRS; at += 2) {
    const end = above - runs[at]!;
    const start = end - runs[at + 1]!;
    if (start < 0) return;
    if (end > start) visit(start, end);
    above = start;
  }
}
