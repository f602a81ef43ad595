/**
 * The interface of congestion controllers (RFC 9002 §7, RFC 5681). A controller owns the congestion window and the
 * count of bytes in flight. It knows nothing of packet numbers, frames, sequence numbers or timers, so QUIC and TCP
 * share it; each keeps its own RTT estimator and loss detection.
 */

import type { Instant, Micros } from "../base/time.ts";
import type { PacketDelivery } from "./delivery-rate.ts";

/** What a controller needs to know of a packet that left the network. */
export interface CongestionPacket {
  readonly size: number;
  readonly timeSent: Instant;
  /** True if `onPacketSent` counted it: pure acknowledgements are not congestion controlled (RFC 9002 §2). */
  readonly inFlight: boolean;
  /** What `onPacketSent` returned. */
  readonly delivery: PacketDelivery | undefined;
}

/** What a controller may need to know of the path's round-trip time. */
export interface RttView {
  readonly latest: Micros;
  readonly smoothed: Micros;
  readonly min: Micros;
}

export interface CongestionController {
  /** For people and traces. */
  readonly name: string;
  /** What the controller does now, such as "slow-start"; for people and traces. */
  readonly state: string;
  /** Bytes that may be in flight. */
  readonly congestionWindow: number;
  /** Bytes sent and neither acknowledged, nor lost, nor discarded. Never negative. */
  readonly bytesInFlight: number;
  /** The window at which slow start ends; Infinity before the first congestion event. */
  readonly ssthresh: number;

  /** Bytes per microsecond at which to send, on average. */
  pacingRate(rtt: Pick<RttView, "smoothed">): number;
  /** True if a packet of `size` bytes (one full datagram by default) fits into the window. */
  canSend(size?: number): boolean;
  /**
   * A packet that counts as in flight was sent. Returns what the packet must remember for controllers that measure the
   * delivery rate.
   */
  onPacketSent(size: number, now: Instant): PacketDelivery | undefined;
  /** Nothing is left to send, although the window would allow more. */
  onApplicationLimited(): void;
  /** All packets newly acknowledged by one ACK. */
  onPacketsAcked(packets: readonly CongestionPacket[], rtt: RttView, now: Instant): void;
  /**
   * All packets declared lost together. `largestLostTimeSent` is the send time of the latest one. `persistent` is true
   * if they establish persistent congestion (RFC 9002 §7.6). Returns true if they begin a recovery period.
   */
  onPacketsLost(
    packets: readonly CongestionPacket[],
    largestLostTimeSent: Instant,
    persistent: boolean,
    now: Instant,
  ): boolean;
  /** The network marked packets; `timeSent` is the send time of the largest acknowledged packet (RFC 9002 §7.1). */
  onCongestionExperienced(timeSent: Instant, now: Instant): void;
  /** Every packet whose loss caused the latest reduction arrived after all, so the reduction was spurious. */
  onSpuriousCongestion(now: Instant): void;
  /** Bytes leave flight without being acknowledged or lost: their keys were discarded (RFC 9002 §6.4). */
  onPacketsDiscarded(bytes: number): void;
  /** The path's maximum datagram size changed (RFC 9002 §7.2). */
  setMaxDatagramSize(bytes: number): void;
}

/** RFC 9002 §7.2: ten datagrams, but at most 14720 bytes or two datagrams, whichever is larger. */
export const initialWindow = (maxDatagramSize: number): number =>
  Math.min(10 * maxDatagramSize, Math.max(14_720, 2 * maxDatagramSize));

/** RFC 9002 §7.2: two datagrams. */
export const minimumWindow = (maxDatagramSize: number): number => 2 * maxDatagramSize;
