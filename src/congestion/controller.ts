/**
 * What a congestion controller is told and what it answers (RFC 9002 §7, RFC 5681). It owns the congestion window and
 * the count of bytes in flight; it knows nothing of packet numbers, frames, sequence numbers or timers, so QUIC and TCP
 * share it. Each of them keeps its own RTT estimator and decides for itself what is lost.
 */

import type { Instant, Micros } from "../base/time.ts";

/** What a controller wants to know of a packet that left the network. */
export interface CongestionPacket {
  readonly size: number;
  readonly timeSent: Instant;
  /** Whether `onPacketSent` was told of it: acknowledgements alone are not congestion controlled (RFC 9002 §2). */
  readonly inFlight: boolean;
}

/** What a controller may want to know of the path's round-trip time. */
export interface RttView {
  readonly latest: Micros;
  readonly smoothed: Micros;
  readonly min: Micros;
}

export interface CongestionController {
  /** For people and traces. */
  readonly name: string;
  /** Bytes that may be in flight. */
  readonly congestionWindow: number;
  /** Bytes sent and neither acknowledged, nor lost, nor discarded. Never negative. */
  readonly bytesInFlight: number;
  /** The window at which slow start ends; Infinity before the first congestion event. */
  readonly ssthresh: number;

  /** Would a packet of `size` bytes (one full datagram by default) still fit into the window? */
  canSend(size?: number): boolean;
  /** A packet that counts as in flight was sent. */
  onPacketSent(size: number, now: Instant): void;
  /** All packets that one acknowledgement newly acknowledged. */
  onPacketsAcked(packets: readonly CongestionPacket[], rtt: RttView, now: Instant): void;
  /**
   * All packets found lost together. `largestLostTimeSent` is when the latest of them was sent. `persistent` says that
   * they establish persistent congestion (RFC 9002 §7.6).
   */
  onPacketsLost(
    packets: readonly CongestionPacket[],
    largestLostTimeSent: Instant,
    persistent: boolean,
    now: Instant,
  ): void;
  /** The network marked packets; `timeSent` is that of the largest packet acknowledged (RFC 9002 §7.1). */
  onCongestionExperienced(timeSent: Instant, now: Instant): void;
  /** Every packet whose loss caused the latest reduction did arrive after all: the reduction was a mistake. */
  onSpuriousCongestion(now: Instant): void;
  /** These bytes left the count without being acknowledged or lost: their keys were dropped (RFC 9002 §6.4). */
  onPacketsDiscarded(bytes: number): void;
  /** The path's maximum datagram size changed (RFC 9002 §7.2). */
  setMaxDatagramSize(bytes: number): void;
}

/** RFC 9002 §7.2: ten datagrams, but no more than 14720 bytes unless two datagrams are. */
export const initialWindow = (maxDatagramSize: number): number =>
  Math.min(10 * maxDatagramSize, Math.max(14_720, 2 * maxDatagramSize));

/** RFC 9002 §7.2: two datagrams. */
export const minimumWindow = (maxDatagramSize: number): number => 2 * maxDatagramSize;
