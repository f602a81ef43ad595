/**
 * How fast the network delivers (draft-ietf-ccwg-bbr §4.1): each packet remembers what had been delivered when it was
 * sent. Its acknowledgement then shows how much was delivered since, and over what time. The time is the longer of the
 * sending and the acknowledging interval, so that neither bursts nor compressed acknowledgements inflate the rate.
 */

import type { Instant, Micros } from "../base/time.ts";

/** The state of delivery when a packet was sent. */
export interface PacketDelivery {
  /** All bytes delivered before. */
  readonly delivered: number;
  readonly deliveredTime: Instant;
  /** All bytes lost before. */
  readonly lost: number;
  /** When the sending interval began. */
  readonly firstSentTime: Instant;
  /** True if the sender had run out of data, so that the sample may be lower than what the network can deliver. */
  readonly isAppLimited: boolean;
  /** Bytes in flight, including this packet. */
  readonly inFlight: number;
}

/** A packet that was acknowledged. */
export interface RatedPacket {
  readonly size: number;
  readonly timeSent: Instant;
  /** Undefined if the packet is not congestion controlled. */
  readonly delivery: PacketDelivery | undefined;
}

/** What the acknowledgement of one or more packets shows. It describes the one that was sent last. */
export interface RateSample {
  /** Bytes per microsecond; 0 if the interval is too short to tell. */
  readonly rate: number;
  /** Bytes delivered since the packet was sent, including itself. */
  readonly delivered: number;
  /** All bytes delivered before it was sent. */
  readonly priorDelivered: number;
  /** Bytes acknowledged just now. */
  readonly newlyAcked: number;
  /** Bytes lost since the packet was sent. */
  readonly lost: number;
  /** Bytes in flight when it was sent, including itself. */
  readonly inFlight: number;
  readonly isAppLimited: boolean;
  readonly rtt: Micros;
}

export class DeliveryRate {
  /** All bytes delivered so far. */
  delivered = 0;
  /** All bytes lost so far. */
  lost = 0;
  #deliveredTime = 0 as Instant;
  #firstSentTime = 0 as Instant;
  /** The count of delivered bytes at which the effect of running out of data ends; 0 if there is none. */
  #appLimitedUntil = 0;

  get isAppLimited(): boolean {
    return this.#appLimitedUntil !== 0;
  }

  /** §4.1.2.2. `inFlight` includes the packet of `size` bytes. */
  onSent(size: number, inFlight: number, now: Instant): PacketDelivery {
    if (inFlight === size) {
      this.#firstSentTime = now;
      this.#deliveredTime = now;
    }
    return {
      delivered: this.delivered,
      deliveredTime: this.#deliveredTime,
      lost: this.lost,
      firstSentTime: this.#firstSentTime,
      isAppLimited: this.isAppLimited,
      inFlight,
    };
  }

  /** §4.1.2.4: nothing is left to send, although `inFlight` would allow more. */
  onAppLimited(inFlight: number): void {
    this.#appLimitedUntil = Math.max(this.delivered + inFlight, 1);
  }

  /** Counts bytes as lost. */
  onLost(bytes: number): void {
    this.lost += bytes;
  }

  /**
   * §4.1.2.3. Takes all packets that one ACK newly acknowledges, in the order of sending. Returns undefined if none
   * of them counted as in flight.
   */
  onAcked(packets: readonly RatedPacket[], minRtt: Micros, now: Instant): RateSample | undefined {
    let newest: RatedPacket | undefined;
    let newlyAcked = 0;
    for (const packet of packets) {
      if (packet.delivery === undefined) continue;
      newlyAcked += packet.size;
      if (newest === undefined || packet.timeSent >= newest.timeSent) newest = packet;
    }
    if (newest?.delivery === undefined) return undefined;
    this.delivered += newlyAcked;
    this.#deliveredTime = now;
    // An ACK may be for packets older than those of the one before.
    if (newest.timeSent > this.#firstSentTime) this.#firstSentTime = newest.timeSent;
    if (this.delivered > this.#appLimitedUntil) this.#appLimitedUntil = 0;
    const { delivery, timeSent } = newest;
    const delivered = this.delivered - delivery.delivered;
    const interval = Math.max(timeSent - delivery.firstSentTime, now - delivery.deliveredTime);
    return {
      rate: interval < minRtt || interval <= 0 ? 0 : delivered / interval,
      delivered,
      priorDelivered: delivery.delivered,
      newlyAcked,
      lost: this.lost - delivery.lost,
      inFlight: delivery.inFlight,
      isAppLimited: delivery.isAppLimited,
      rtt: (now - timeSent) as Micros,
    };
  }
}
