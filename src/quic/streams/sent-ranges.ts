/**
 * The state of a stream's sent bytes: acknowledged, in flight, or to be sent again (RFC 9000 §13.3). It is the only
 * place that knows, however many packets carry a byte and on whatever path.
 *
 * A byte is acknowledged as soon as any copy of it is. After a loss it is sent again only if no other copy is in
 * flight, or on request. The FIN counts as one more byte after the last.
 */

import { RangeSet } from "../../base/range-set.ts";

/** Shared by all streams without any, which are most of them; never changed. */
const NO_COPIES: RangeSet[] = [];

export class SentRanges {
  /** No byte at or after this offset was ever sent. */
  #end = 0;
  /** All bytes before this offset are acknowledged. */
  #ackedPrefix = 0;
  /** Acknowledged ranges after the prefix. */
  readonly #acked = new RangeSet();
  /** Ranges that must be sent again. */
  readonly #toResend = new RangeSet();
  /**
   * Additional copies in flight. Each byte that was sent and is not lost has one copy, and a byte in the first n sets
   * has n more. They are few and short-lived: data is sent twice by probes, by re-injection, and when a loss is only
   * suspected.
   */
  #copies: RangeSet[] = NO_COPIES;

  get ackedPrefix(): number {
    return this.#ackedPrefix;
  }

  /** True if anything must be sent again. */
  get needsResend(): boolean {
    return !this.#toResend.isEmpty;
  }

  /** The first range that must be sent again; valid only if there is one. */
  get resendStart(): number {
    return this.#toResend.start(0);
  }

  get resendEnd(): number {
    return this.#toResend.end(0);
  }

  /** A packet carries [start, end), for the first time or again. */
  handleSent(start: number, end: number): void {
    const again = Math.min(end, this.#end);
    if (start < again) {
      if (!this.#toResend.covers(start, again)) this.#addCopies(this.#toResend.missing(start, again));
      this.#toResend.remove(start, again);
    }
    if (end > this.#end) this.#end = end;
  }

  handleAcked(start: number, end: number): void {
    if (start <= this.#ackedPrefix && this.#acked.isEmpty) {
      if (end > this.#ackedPrefix) this.#ackedPrefix = end;
    } else if (end > this.#ackedPrefix) {
      this.#acked.add(Math.max(start, this.#ackedPrefix), end);
      if (this.#acked.start(0) <= this.#ackedPrefix) this.#ackedPrefix = this.#acked.dropFirst()![1];
    }
    // It may have been declared lost too early.
    if (!this.#toResend.isEmpty) this.#toResend.remove(start, end);
    for (const copies of this.#copies) copies.remove(start, end);
    this.#dropEmpty();
  }

  /** A packet that carried [start, end) is lost. Must be called only once per packet. */
  handleLost(start: number, end: number): void {
    // Bytes with several copies lose one of them; the others must be sent again.
    let rest = this.#unacked(start, end);
    for (let i = this.#copies.length - 1; i >= 0; i -= 1) {
      const copies = this.#copies[i]!;
      const without: number[] = [];
      for (let at = 0; at < rest.length; at += 2) {
        without.push(...copies.missing(rest[at]!, rest[at + 1]!));
        copies.remove(rest[at]!, rest[at + 1]!);
      }
      rest = without;
    }
    this.#addToResend(rest);
    this.#dropEmpty();
  }

  /** Sends the unacknowledged parts of [start, end) again, although a copy may be in flight. */
  repeat(start: number, end: number): void {
    const parts = this.#unacked(start, end);
    // While a byte waits to be sent again, all copies in flight are additional ones.
    for (let at = 0; at < parts.length; at += 2) this.#addCopies(this.#toResend.missing(parts[at]!, parts[at + 1]!));
    this.#addToResend(parts);
  }

  /** Nothing at or after `end` must be sent again. */
  truncate(end: number): void {
    if (this.#end <= end) return;
    this.#toResend.remove(end, this.#end);
    for (const copies of this.#copies) copies.remove(end, this.#end);
    this.#dropEmpty();
  }

  clear(): void {
    this.#acked.clear();
    this.#toResend.clear();
    this.#copies = NO_COPIES;
  }

  #unacked(from: number, end: number): number[] {
    const start = Math.max(from, this.#ackedPrefix);
    if (start >= end) return [];
    return this.#acked.isEmpty ? [start, end] : this.#acked.missing(start, end);
  }

  #addToResend(parts: readonly number[]): void {
    for (let at = 0; at < parts.length; at += 2) this.#toResend.add(parts[at]!, parts[at + 1]!);
  }

  #addCopies(parts: number[]): void {
    let rest = parts;
    if (rest.length > 0 && this.#copies === NO_COPIES) this.#copies = [];
    for (let i = 0; rest.length > 0; i += 1) {
      this.#copies[i] ??= new RangeSet();
      const copies = this.#copies[i]!;
      const already: number[] = [];
      for (let at = 0; at < rest.length; at += 2) {
        already.push(...copies.within(rest[at]!, rest[at + 1]!));
        copies.add(rest[at]!, rest[at + 1]!);
      }
      rest = already;
    }
  }

  #dropEmpty(): void {
    while (this.#copies.at(-1)?.isEmpty) this.#copies.pop();
  }
}
