/** What the destination knows of one flow, on all the ways that it comes. */

import { RangeSet } from "../../base/range-set.ts";
import type { FlowKind } from "../packet/types.ts";
import { expandSequence, runsOf } from "../session/arrivals.ts";
import type { FlowSession } from "../session/session.ts";

/** Ways of one flow at once; the oldest one is ended for another. */
const MAX_WAYS = 4;
/** Ranges of numbers that have come; older ones are forgotten, and their messages count as repeated. */
const MAX_RANGES = 256;

/** The flow in one session. */
export interface Way {
  readonly session: FlowSession;
  readonly flow: number;
  /** The byte of the whole stream at which this way begins. */
  readonly base: number;
}

export class ChainedFlow {
  readonly key: string;
  readonly ways: Way[] = [];
  /** The application was told of the end. */
  isOver = false;
  /** One of the ways has brought everything until the end, and it was read. */
  isFinished = false;
  /** Messages, or bytes. */
  delivered = 0;
  late = 0;
  /** Messages or bytes that came on another way before. */
  repeated = 0;
  readonly #kind: FlowKind;
  readonly #numbers = new RangeSet();
  #forgottenBelow = 0;
  #highest = 0;

  constructor(key: string, kind: FlowKind) {
    this.key = key;
    this.#kind = kind;
  }

  get isStream(): boolean {
    return this.#kind === "stateful-stream";
  }

  /** False for a way of another kind, or one that leaves bytes out. */
  takes(kind: FlowKind, base: number): boolean {
    return kind === this.#kind && base <= this.delivered;
  }

  /** Returns the way that had to go for it. */
  add(way: Way): Way | undefined {
    this.ways.push(way);
    return this.ways.length > MAX_WAYS ? this.ways.shift() : undefined;
  }

  remove(session: FlowSession, flow: number): void {
    const index = this.ways.findIndex((each) => each.session === session && each.flow === flow);
    if (index !== -1) this.ways.splice(index, 1);
  }

  /** False if the message was there before. */
  onMessage(low: number, isLate: boolean): boolean {
    // A new way knows only the lowest 32 bits.
    const number = expandSequence(low % 0x1_0000_0000, this.#highest);
    if (number < this.#forgottenBelow || this.#numbers.has(number)) {
      this.repeated += 1;
      return false;
    }
    this.#numbers.add(number, number + 1);
    this.#highest = Math.max(this.#highest, number + 1);
    if (this.#numbers.size > MAX_RANGES) this.#forgottenBelow = this.#numbers.dropFirst()![1];
    this.delivered += 1;
    if (isLate) this.late += 1;
    return true;
  }

  /** The next bytes of the stream, from any way that has them. */
  read(): Uint8Array | undefined {
    if (!this.isStream) return undefined;
    for (const { session, flow, base } of this.ways) {
      for (let piece = session.read(flow); piece !== undefined; piece = session.read(flow)) {
        const start = base + piece.offset;
        const known = Math.min(this.delivered - start, piece.bytes.length);
        this.repeated += known;
        if (known === piece.bytes.length) continue;
        this.delivered += piece.bytes.length - known;
        return piece.bytes.subarray(known);
      }
    }
    return undefined;
  }

  /** Tells the sender, on every way. */
  confirm(): void {
    const { late } = this;
    const end = this.isStream ? this.delivered : this.#highest;
    const runs = this.isStream ? [] : runsOf(this.#numbers, end);
    for (const { session, flow } of this.ways) {
      if (session.closed !== undefined) continue;
      session.confirm({ type: "confirm", flow, end, late, isFin: this.isFinished, runs });
    }
  }
}
