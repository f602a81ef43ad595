/** Packets that may be lost: which ones were, how fast others may follow, and when to stop waiting for an answer. */

import { after, earliest, type Instant, type Micros, micros, since } from "../../base/time.ts";
import type { CongestionController, CongestionPacket } from "../../congestion/controller.ts";
import { Pacer } from "../../congestion/pacer.ts";
import { RttEstimator } from "../../quic/route/rtt.ts";
import type { AckUnit } from "../packet/types.ts";
import { ACK_DELAY, forEachRange } from "./arrivals.ts";
import { MAX_RETRANSMISSION_TIMEOUT, MIN_RETRANSMISSION_TIMEOUT } from "./limits.ts";

/** Packets above one that has arrived after which it counts as lost, as in RFC 9002 §6.1.1. */
const PACKET_THRESHOLD = 3;
/** Packets whose content is sent again when no answer comes. */
const PROBES = 2;
/** Timeouts in a row after which the network counts as changed. */
const PERSISTENT = 3;

/** What a packet carried, and who wants to know what became of it. */
export interface Tracked {
  onAcked(now: Instant): void;
  onLost(now: Instant): void;
}

interface SentPacket extends CongestionPacket {
  readonly sequence: number;
  readonly parts: readonly Tracked[];
}

export interface RecoveryOptions {
  readonly controller: CongestionController;
  readonly packetSize: number;
  readonly initialRtt: Micros | undefined;
  /** The longest delay of the host's timers. */
  readonly grain: Micros;
}

/** Packets so far. */
export interface RecoveryStats {
  sent: number;
  acknowledged: number;
  lost: number;
  timeouts: number;
}

export class Recovery {
  readonly rtt = new RttEstimator();
  readonly controller: CongestionController;
  readonly stats: RecoveryStats = { sent: 0, acknowledged: 0, lost: 0, timeouts: 0 };
  readonly #pacer: Pacer;
  readonly #packetSize: number;
  readonly #initialRtt: Micros;
  /** By sequence number, in their order. */
  readonly #packets = new Map<number, SentPacket>();
  #next = 0;
  #largestAcked = -1;
  #lossTime: Instant | undefined;
  /** When an answer came that told something new, or the last timeout. */
  #progressAt = 0 as Instant;
  #backoff = 0;

  constructor({ controller, packetSize, initialRtt, grain }: RecoveryOptions) {
    this.controller = controller;
    this.#packetSize = packetSize;
    if (initialRtt !== undefined) this.rtt.smoothed = initialRtt;
    this.#initialRtt = initialRtt ?? micros(0);
    this.#pacer = new Pacer({ controller, rtt: this.rtt, datagramSize: { current: packetSize }, grain });
  }

  /** The least round trip; before one was measured, what the channel said. */
  get minRtt(): Micros {
    return this.rtt.hasSample ? this.rtt.min : this.#initialRtt;
  }

  /** The number of the next packet. */
  get next(): number {
    return this.#next;
  }

  /** Packets of which nothing is known yet. */
  get outstanding(): number {
    return this.#packets.size;
  }

  /** Timeouts in a row without an answer. */
  get silence(): number {
    return this.#backoff;
  }

  /** True if a packet with data may leave now. */
  maySend(now: Instant): boolean {
    return this.controller.canSend(this.#packetSize) && this.#pacer.budget(now) >= this.#packetSize;
  }

  /** When it may, if only time is lacking. */
  nextSend(now: Instant): Instant | undefined {
    return this.controller.canSend(this.#packetSize) ? this.#pacer.nextSendTime(now, this.#packetSize) : undefined;
  }

  /** A packet has left; with parts it is awaited. */
  onSent(size: number, parts: readonly Tracked[], isAwaited: boolean, now: Instant): void {
    const sequence = this.#next;
    this.#next += 1;
    this.stats.sent += 1;
    if (!isAwaited) return;
    const delivery = this.controller.onPacketSent(size, now);
    this.#packets.set(sequence, { sequence, size, timeSent: now, inFlight: true, delivery, parts });
    this.#pacer.onSent(size, now);
  }

  /** Returns false if the peer acknowledges what was never sent. */
  onAck(unit: AckUnit, now: Instant): boolean {
    const acked: SentPacket[] = [];
    let isHonest = true;
    const lowest = this.#lowest();
    forEachRange(unit, this.#next, (start, end) => {
      if (end > this.#next) {
        isHonest = false;
        return;
      }
      for (let sequence = Math.max(start, lowest); sequence < end; sequence += 1) {
        const packet = this.#packets.get(sequence);
        if (packet === undefined) continue;
        this.#packets.delete(sequence);
        acked.push(packet);
      }
    });
    if (!isHonest) return false;
    if (acked.length === 0) return true;
    const largest = acked.reduce((a, b) => (b.sequence > a.sequence ? b : a));
    if (largest.sequence > this.#largestAcked) {
      this.#largestAcked = largest.sequence;
      const delay = micros(Math.min(unit.delay, ACK_DELAY));
      this.rtt.update(since(largest.timeSent, now), delay, true, ACK_DELAY);
    }
    this.#backoff = 0;
    this.#progressAt = now;
    this.stats.acknowledged += acked.length;
    this.controller.onPacketsAcked(acked, this.rtt, now);
    for (const { parts } of acked) for (const part of parts) part.onAcked(now);
    this.#detectLosses(now);
    return true;
  }

  get nextTimeout(): Instant | undefined {
    if (this.#packets.size === 0) return undefined;
    return earliest(this.#lossTime, this.#answerDue());
  }

  handleTimeout(now: Instant): void {
    if (this.#lossTime !== undefined && this.#lossTime <= now) this.#detectLosses(now);
    if (this.#packets.size === 0 || this.#answerDue() > now) return;
    this.stats.timeouts += 1;
    this.#backoff += 1;
    this.#progressAt = now;
    // Their content is sent again; whether they were lost, the next answer tells. One comes of any packet.
    const oldest = [...this.#firstPackets(PROBES)];
    if (this.#backoff >= PERSISTENT) this.#lose(oldest, true, now);
    else {
      this.controller.onPacketsDiscarded(oldest.reduce((sum, each) => sum + each.size, 0));
      this.#repeat(oldest, now);
    }
  }

  /** All that is awaited is given up. */
  clear(): void {
    this.#packets.clear();
    this.#lossTime = undefined;
  }

  #lowest(): number {
    for (const sequence of this.#packets.keys()) return sequence;
    return this.#next;
  }

  *#firstPackets(count: number): Generator<SentPacket> {
    let left = count;
    for (const packet of this.#packets.values()) {
      if (left === 0) return;
      left -= 1;
      yield packet;
    }
  }

  /** From the oldest packet on, not from the latest one: who sends all the time would never notice that no answer comes. */
  #answerDue(): Instant {
    const [oldest] = this.#packets.values();
    const from = Math.max(oldest!.timeSent, this.#progressAt) as Instant;
    return after(from, this.#timeout());
  }

  #timeout(): Micros {
    const base = Math.max(2 * this.rtt.smoothed, MIN_RETRANSMISSION_TIMEOUT);
    return micros(Math.min(base * 2 ** Math.min(this.#backoff, 10), MAX_RETRANSMISSION_TIMEOUT));
  }

  #detectLosses(now: Instant): void {
    this.#lossTime = undefined;
    const delay = this.rtt.lossDelay();
    const lost: SentPacket[] = [];
    for (const packet of this.#packets.values()) {
      if (packet.sequence > this.#largestAcked) break;
      const late = after(packet.timeSent, delay);
      if (late <= now || this.#largestAcked - packet.sequence >= PACKET_THRESHOLD) lost.push(packet);
      else {
        this.#lossTime = late;
        break;
      }
    }
    if (lost.length > 0) this.#lose(lost, false, now);
  }

  #lose(packets: readonly SentPacket[], isPersistent: boolean, now: Instant): void {
    this.stats.lost += packets.length;
    this.controller.onPacketsLost(packets, packets.at(-1)!.timeSent, isPersistent, now);
    this.#repeat(packets, now);
  }

  #repeat(packets: readonly SentPacket[], now: Instant): void {
    for (const packet of packets) this.#packets.delete(packet.sequence);
    for (const { parts } of packets) for (const part of parts) part.onLost(now);
  }
}
