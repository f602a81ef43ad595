/**
 * Timestamps: what a packet says of its sender's clock, and when that was on ours. Clocks need not agree. The packet that took the
 * least time tells how far they are apart, but for the time that it took: half of the least round trip.
 */

import { after, type Instant, type Micros, micros, seconds } from "../../base/time.ts";

/** Microseconds of one step of a timestamp. */
const STEP = 16;
const WRAP = 0x1_0000_0000;

/** A timestamp this far off what was expected is a clock that was set, not a delay. */
const JUMP = seconds(60);
/** After this long, the least delay is looked for again: clocks drift, and ways change. */
const WINDOW = seconds(30);

/** The timestamp of an instant of our clock. */
export const timestampOf = (now: Instant): number => Math.floor(now / STEP) % WRAP;

/** Our view of a peer's clock. */
export class PeerClock {
  /** Our clock minus the peer's, plus the least delay, of this window and of the one before it. */
  #offset: number | undefined;
  #lastOffset: number | undefined;
  #windowEnd = 0 as Instant;
  /** The peer's latest time, unwrapped. */
  #latest: number | undefined;
  /** How often the peer's clock was set, as far as one can tell. */
  jumps = 0;

  /** True once there was a packet. */
  get isKnown(): boolean {
    return this.#latest !== undefined;
  }

  /** A packet that bears this timestamp has arrived. */
  onPacket(timestamp: number, now: Instant): void {
    const sent = this.#unwrap(timestamp);
    const offset = now - sent;
    const known = this.#least();
    if (known === undefined || Math.abs(offset - known) > JUMP) {
      if (known !== undefined) this.jumps += 1;
      this.#offset = offset;
      this.#lastOffset = undefined;
      this.#windowEnd = after(now, WINDOW);
      this.#latest = sent;
      return;
    }
    if (now >= this.#windowEnd) {
      this.#lastOffset = this.#offset;
      this.#offset = offset;
      this.#windowEnd = after(now, WINDOW);
    } else if (offset < this.#offset!) this.#offset = offset;
    if (sent > this.#latest!) this.#latest = sent;
  }

  /** When the packet left, by our clock, as far as we can tell: never after now. */
  sentAt(timestamp: number, minRtt: Micros, now: Instant): Instant {
    const known = this.#least();
    if (known === undefined) return now;
    return Math.min(now, Math.ceil(this.#unwrap(timestamp) + known - minRtt / 2)) as Instant;
  }

  /** The instant of our clock that a peer means by a timestamp in a PAUSE or GRANT. */
  toOurs(timestamp: number, minRtt: Micros, now: Instant): Instant {
    const known = this.#least();
    return known === undefined ? now : (Math.ceil(this.#unwrap(timestamp) + known - minRtt / 2) as Instant);
  }

  /** How long the packet took more than the fastest one. */
  queueing(timestamp: number, now: Instant): Micros {
    const known = this.#least();
    return micros(known === undefined ? 0 : Math.max(0, now - this.#unwrap(timestamp) - known));
  }

  #least(): number | undefined {
    if (this.#offset === undefined || this.#lastOffset === undefined) return this.#offset;
    return Math.min(this.#offset, this.#lastOffset);
  }

  /** The time nearest to the peer's latest one that has this timestamp. */
  #unwrap(timestamp: number): number {
    if (this.#latest === undefined) return timestamp * STEP;
    const latest = Math.floor(this.#latest / STEP);
    const base = latest - (latest % WRAP) + timestamp;
    const distance = base - latest;
    const nearest = distance > WRAP / 2 ? base - WRAP : distance < -WRAP / 2 ? base + WRAP : base;
    return nearest * STEP;
  }
}
