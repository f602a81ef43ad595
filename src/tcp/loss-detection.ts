/**
 * Finds lost segments: RACK (RFC 8985) for peers that send SACK, duplicate acknowledgements for the others (RFC 5681
 * §3.2, RFC 6582). It marks records; what follows from a loss is the sender's.
 */

import { after, type Instant, type Micros, micros } from "../base/time.ts";
import type { RttEstimator } from "./rto.ts";
import type { Scoreboard, SentRecord } from "./scoreboard.ts";

/** RFC 5681 §3.2. */
const DUPLICATE_THRESHOLD = 3;
/** RFC 8985 §6.2, step 4: how many round trips a wider window stays without new evidence. */
const WINDOW_PERSISTENCE = 16;

export class LossDetection {
  /** The end of what was outstanding when recovery began; recovery ends when it is acknowledged. */
  recoveryPoint: number | undefined;
  duplicates = 0;
  readonly #scoreboard: Scoreboard;
  readonly #rtt: RttEstimator;
  /** RFC 8985 §5.2: of the segment sent last among those that arrived. */
  #latestTimeSent = 0;
  #latestEnd = 0;
  #rackRtt = micros(0);
  /** The highest position that arrived. */
  #forward = 0;
  #isReordering = false;
  #multiplier = 1;
  #persistence = WINDOW_PERSISTENCE;
  #timer: Instant | undefined;

  constructor(scoreboard: Scoreboard, rtt: RttEstimator) {
    this.#scoreboard = scoreboard;
    this.#rtt = rtt;
  }

  get isRecovering(): boolean {
    return this.recoveryPoint !== undefined;
  }

  /** When to call `detect` again, although nothing arrives. */
  get timer(): Instant | undefined {
    return this.#timer;
  }

  /** Records arrived. `echo` is the time at which the segment left that triggered the ACK, if timestamps say so. */
  onDelivered(records: readonly SentRecord[], echo: Instant | undefined, now: Instant): void {
    for (const record of records) {
      const rtt = (now - record.timeSent) as Micros;
      if (record.isRetransmitted) {
        // RFC 8985 §6.2, step 2: the acknowledgement may be for the original transmission.
        if (echo !== undefined && echo < record.timeSent) continue;
        if (rtt < this.#rtt.min) continue;
      } else if (record.end < this.#forward && this.#rtt.hasSample) {
        // Step 3: an original transmission arrived after a later one.
        this.#isReordering = true;
      }
      if (record.end > this.#forward) this.#forward = record.end;
      if (isSentAfter(record.timeSent, record.end, this.#latestTimeSent, this.#latestEnd)) {
        this.#latestTimeSent = record.timeSent;
        this.#latestEnd = record.end;
        this.#rackRtt = rtt;
      }
    }
  }

  /** RFC 8985 §6.2, step 4: a segment was retransmitted in vain, so reordering is worse than assumed. */
  onDuplicateReport(): void {
    this.#multiplier = Math.min(this.#multiplier + 1, 16);
    this.#persistence = WINDOW_PERSISTENCE;
  }

  onRecoveryEnded(): void {
    this.recoveryPoint = undefined;
    this.duplicates = 0;
    this.#persistence -= 1;
    if (this.#persistence > 0) return;
    this.#multiplier = 1;
    this.#persistence = WINDOW_PERSISTENCE;
  }

  /** RFC 8985 §6.2, step 5. Returns the records that count as lost from now on. */
  detect(mss: number, now: Instant): SentRecord[] {
    const { records, sackedBytes, retransmittedCount } = this.#scoreboard;
    this.#timer = undefined;
    if (sackedBytes === 0 && retransmittedCount === 0) return [];
    const window = this.#reorderingWindow(mss);
    const lost: SentRecord[] = [];
    let wait = 0;
    for (const record of records) {
      if (record.isSacked || record.isLost) continue;
      if (!isSentAfter(this.#latestTimeSent, this.#latestEnd, record.timeSent, record.end)) continue;
      const remaining = record.timeSent + this.#rackRtt + window - now;
      if (remaining > 0) wait = Math.max(wait, remaining);
      else lost.push(record);
    }
    for (const record of lost) this.#scoreboard.markLost(record);
    // Rounded up: at the deadline, something must be due.
    if (wait > 0) this.#timer = after(now, Math.ceil(wait) as Micros);
    return lost;
  }

  #reorderingWindow(mss: number): number {
    if (!this.#isReordering) {
      const isCertain = this.isRecovering || this.#scoreboard.sackedBytes >= DUPLICATE_THRESHOLD * mss;
      if (isCertain) return 0;
    }
    const { min, smoothed } = this.#rtt;
    return Number.isFinite(min) ? Math.min((this.#multiplier * min) / 4, smoothed) : 0;
  }

  /** Without SACK: an acknowledgement repeated `una`. Returns the record that counts as lost, if this was the third. */
  onDuplicateAck(mss: number): SentRecord | undefined {
    this.duplicates += 1;
    if (this.duplicates !== DUPLICATE_THRESHOLD || this.isRecovering) return undefined;
    return this.#loseFirst(mss);
  }

  /** Without SACK, RFC 6582 §3.2: in recovery, a partial acknowledgement shows the next loss. */
  onPartialAck(mss: number): SentRecord | undefined {
    const first = this.#scoreboard.first;
    return first === undefined || first.isRetransmitted || first.isLost ? undefined : this.#loseFirst(mss);
  }

  #loseFirst(mss: number): SentRecord | undefined {
    const first = this.#scoreboard.first;
    if (first === undefined) return undefined;
    if (first.size > mss) this.#scoreboard.split(0, first.start + mss);
    this.#scoreboard.markLost(first);
    return first;
  }

  stopTimer(): void {
    this.#timer = undefined;
  }
}

/** RFC 8985 §5.2, RACK_sent_after(). */
const isSentAfter = (timeA: number, endA: number, timeB: number, endB: number): boolean =>
  timeA > timeB || (timeA === timeB && endA > endB);
