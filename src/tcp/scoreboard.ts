/**
 * What was sent and is not yet acknowledged, as records in order of position: which were selectively acknowledged
 * (RFC 2018), lost or retransmitted. A record may span many segments, and is split where their fates differ.
 */

import type { Instant } from "../base/time.ts";
import type { CongestionPacket, PacketDelivery } from "../congestion/index.ts";

export interface SentRecord extends CongestionPacket {
  start: number;
  end: number;
  timeSent: Instant;
  delivery: PacketDelivery | undefined;
  isSacked: boolean;
  isLost: boolean;
  isRetransmitted: boolean;
  /** False once the controller has been told that it was acknowledged or lost. */
  inFlight: boolean;
  size: number;
}

export class Scoreboard {
  readonly records: SentRecord[] = [];
  /** Bytes that were selectively acknowledged. */
  sackedBytes = 0;
  /** Records that are lost and not yet retransmitted. */
  lostCount = 0;
  /** Records that were retransmitted and not yet acknowledged. */
  retransmittedCount = 0;

  get isEmpty(): boolean {
    return this.records.length === 0;
  }

  get first(): SentRecord | undefined {
    return this.records[0];
  }

  push(start: number, end: number, now: Instant, delivery: PacketDelivery | undefined): void {
    this.records.push({
      start,
      end,
      timeSent: now,
      delivery,
      isSacked: false,
      isLost: false,
      isRetransmitted: false,
      inFlight: true,
      size: end - start,
    });
  }

  /** Removes everything before a position. Returns the records that were not known to have arrived. */
  acknowledge(until: number): SentRecord[] {
    let count = 0;
    while (count < this.records.length && this.records[count]!.end <= until) count += 1;
    const first = this.records[count];
    if (first !== undefined && first.start < until) {
      this.split(count, until);
      count += 1;
    }
    if (count === 0) return [];
    const gone = this.records.splice(0, count);
    const fresh: SentRecord[] = [];
    for (const record of gone) {
      if (record.isSacked) this.sackedBytes -= record.size;
      else fresh.push(record);
      if (record.isLost) this.lostCount -= 1;
      if (record.isRetransmitted) this.retransmittedCount -= 1;
    }
    return fresh;
  }

  /** Marks [start, end) as arrived. Appends the records that were not known to have arrived. */
  sack(start: number, end: number, fresh: SentRecord[]): void {
    let index = this.#find(start);
    if (index < this.records.length && this.records[index]!.start < start) {
      this.split(index, start);
      index += 1;
    }
    for (; index < this.records.length; index += 1) {
      const record = this.records[index]!;
      if (record.start >= end) return;
      if (record.isSacked) continue;
      if (record.end > end) this.split(index, end);
      record.isSacked = true;
      this.sackedBytes += record.size;
      if (record.isLost) {
        record.isLost = false;
        this.lostCount -= 1;
      }
      fresh.push(record);
    }
  }

  markLost(record: SentRecord): void {
    if (record.isLost || record.isSacked) return;
    record.isLost = true;
    this.lostCount += 1;
  }

  /** The record leaves again. */
  markRetransmitted(record: SentRecord, now: Instant, delivery: PacketDelivery | undefined): void {
    if (record.isLost) this.lostCount -= 1;
    if (!record.isRetransmitted) this.retransmittedCount += 1;
    record.isLost = false;
    record.isRetransmitted = true;
    record.inFlight = true;
    record.timeSent = now;
    record.delivery = delivery;
  }

  /** The first record that is lost and not yet retransmitted. */
  firstLost(): number {
    return this.lostCount === 0 ? -1 : this.records.findIndex(({ isLost }) => isLost);
  }

  /** The receiver forgot what it had reported (RFC 2018 §8). */
  renege(): void {
    for (const record of this.records) record.isSacked = false;
    this.sackedBytes = 0;
  }

  /** Cuts a record in two at a position within it. */
  split(index: number, at: number): void {
    const record = this.records[index]!;
    const rest: SentRecord = { ...record, start: at, size: record.end - at };
    record.end = at;
    record.size = at - record.start;
    this.records.splice(index + 1, 0, rest);
    if (record.isLost) this.lostCount += 1;
    if (record.isRetransmitted) this.retransmittedCount += 1;
  }

  /** The index of the first record whose end is after the position. */
  #find(position: number): number {
    let low = 0;
    let high = this.records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.records[middle]!.end > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
