/**
 * What is recorded about a packet in flight: enough to account for it, and to send the contents of each of its frames
 * again. Packets are never retransmitted, only their contents (RFC 9000 §13.3).
 */

import type { Ecn } from "../../base/datagrams.ts";
import type { Instant } from "../../base/time.ts";
import type { PacketDelivery } from "../../congestion/index.ts";
import type { AckTracker } from "../acks/ack-tracker.ts";
import type { Route } from "../route/route.ts";
import type { StreamDirection, StreamId } from "../transport.ts";

/** The stream of handshake bytes that a CRYPTO frame belongs to. */
export interface CryptoOwner {
  handleAcked(offset: number, length: number): void;
  handleLost(offset: number, length: number): void;
}

/**
 * Handles the outcome of frames with a sequence number: those that announce or retire the connection ids of one side of
 * one path, and ACK_FREQUENCY.
 */
export interface SequenceOwner {
  handleAcked(sequence: number): void;
  handleLost(sequence: number): void;
}

/**
 * A transmit record: what one frame of a sent packet carried. Its owner is notified when the packet is acknowledged or
 * lost. Streams are identified by id, because recovery has no references to them.
 */
export type SentFrame =
  | {
      readonly type: "stream";
      readonly id: StreamId;
      readonly offset: number;
      readonly length: number;
      readonly fin: boolean;
    }
  | { readonly type: "crypto"; readonly owner: CryptoOwner; readonly offset: number; readonly length: number }
  /** An ACK frame that we sent. Once acknowledged, ranges up to `largest` need not be repeated (RFC 9000 §13.2.4). */
  | { readonly type: "ack"; readonly acks: AckTracker; readonly largest: number }
  /** RESET_STREAM, or RESET_STREAM_AT if the reliable size is not zero. */
  | { readonly type: "reset-stream"; readonly id: StreamId; readonly reliableSize: number }
  | { readonly type: "stop-sending"; readonly id: StreamId }
  | { readonly type: "max-data"; readonly value: number }
  | { readonly type: "max-stream-data"; readonly id: StreamId; readonly value: number }
  | { readonly type: "max-streams"; readonly direction: StreamDirection; readonly value: number }
  | { readonly type: "data-blocked"; readonly limit: number }
  | { readonly type: "stream-data-blocked"; readonly id: StreamId; readonly limit: number }
  | { readonly type: "streams-blocked"; readonly direction: StreamDirection; readonly limit: number }
  | { readonly type: "new-connection-id"; readonly owner: SequenceOwner; readonly sequence: number }
  | { readonly type: "retire-connection-id"; readonly owner: SequenceOwner; readonly sequence: number }
  | { readonly type: "new-token"; readonly token: Uint8Array }
  | { readonly type: "handshake-done" }
  | { readonly type: "ack-frequency"; readonly owner: SequenceOwner; readonly sequence: number }
  /** Never sent again (RFC 9221 §5.2). */
  | { readonly type: "datagram" };

export interface SentPacket {
  readonly packetNumber: number;
  /** The route it was sent on. Its outcome counts for this route only (RFC 9000 §9.4). */
  readonly route: Route;
  /** The mark of its datagram. */
  readonly ecn: Ecn;
  readonly timeSent: Instant;
  /** Bytes of the UDP payload that this packet takes. */
  readonly size: number;
  readonly ackEliciting: boolean;
  /** Counts towards bytes in flight (RFC 9002 §2): ack-eliciting or padded. */
  readonly inFlight: boolean;
  readonly frames: readonly SentFrame[];
  /** Set when the packet is sent, for controllers that measure the delivery rate. */
  delivery: PacketDelivery | undefined;
}

/** Groups packets by route, preserving their order. Nearly always there is one route. */
export function byRoute(packets: readonly SentPacket[]): readonly (readonly SentPacket[])[] {
  const route = packets[0]?.route;
  if (route === undefined) return [];
  if (packets.every((packet) => packet.route === route)) return [packets];
  const groups = new Map<Route, SentPacket[]>();
  for (const packet of packets) {
    const group = groups.get(packet.route);
    if (group === undefined) groups.set(packet.route, [packet]);
    else group.push(packet);
  }
  return [...groups.values()];
}
