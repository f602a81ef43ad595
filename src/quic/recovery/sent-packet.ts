/**
 * What is remembered of a packet in flight: enough to account for it, and for each frame enough to send its content
 * again. Packets are never sent again, only what they carried (RFC 9000 §13.3).
 */

import type { Instant } from "../../base/time.ts";
import type { Level } from "../../tls/handshake.ts";
import type { SendStream } from "../streams/send-stream.ts";
import type { StreamDirection, StreamId } from "../transport.ts";

/** A transmit record: what one frame of a sent packet carried, told to its owner when the packet is acknowledged or lost. */
export type SentFrame =
  | {
      readonly type: "stream";
      readonly stream: SendStream;
      readonly offset: number;
      readonly length: number;
      readonly fin: boolean;
    }
  | { readonly type: "crypto"; readonly level: Level; readonly offset: number; readonly length: number }
  /** An ACK frame we sent; when it is acknowledged, ranges up to `largest` need not be repeated (RFC 9000 §13.2.4). */
  | { readonly type: "ack"; readonly level: Level; readonly largest: number }
  | { readonly type: "reset-stream"; readonly stream: SendStream }
  | { readonly type: "stop-sending"; readonly id: StreamId }
  | { readonly type: "max-data"; readonly value: number }
  | { readonly type: "max-stream-data"; readonly id: StreamId; readonly value: number }
  | { readonly type: "max-streams"; readonly direction: StreamDirection; readonly value: number }
  | { readonly type: "data-blocked"; readonly limit: number }
  | { readonly type: "stream-data-blocked"; readonly id: StreamId; readonly limit: number }
  | { readonly type: "streams-blocked"; readonly direction: StreamDirection; readonly limit: number }
  | { readonly type: "new-connection-id"; readonly sequence: number }
  | { readonly type: "retire-connection-id"; readonly sequence: number }
  | { readonly type: "new-token"; readonly token: Uint8Array }
  | { readonly type: "handshake-done" };

export interface SentPacket {
  readonly packetNumber: number;
  readonly timeSent: Instant;
  /** Bytes of the UDP payload that this packet takes. */
  readonly size: number;
  readonly ackEliciting: boolean;
  /** Counts towards bytes in flight (RFC 9002 §2): ack-eliciting or padded. */
  readonly inFlight: boolean;
  readonly frames: readonly SentFrame[];
}
