/** The frames of QUIC version 1 and its extensions as values (RFC 9000 §19, RFC 9221, draft-ietf-quic-reliable-stream-reset). `table.ts` has their numbers and where each is legal. */

import type { VarInt } from "../../wire/varint.ts";
import type { StreamDirection, StreamId } from "../transport.ts";

export interface EcnCounts {
  readonly ect0: number;
  readonly ect1: number;
  readonly ce: number;
}

export interface AckFrame {
  readonly type: "ack";
  readonly largest: number;
  /** In units of 2^ack_delay_exponent microseconds, as on the wire. */
  readonly delay: number;
  /** Pairs of smallest and largest, both inclusive, in descending order as on the wire. */
  readonly ranges: readonly number[];
  readonly ecn: EcnCounts | undefined;
}

/** `data` is a view of the datagram; copy it to keep it. */
export interface StreamFrame {
  readonly type: "stream";
  readonly id: StreamId;
  readonly offset: number;
  readonly data: Uint8Array;
  readonly fin: boolean;
}

export interface CryptoFrame {
  readonly type: "crypto";
  readonly offset: number;
  readonly data: Uint8Array;
}

export interface NewConnectionIdFrame {
  readonly type: "new-connection-id";
  readonly sequence: number;
  readonly retirePriorTo: number;
  readonly connectionId: Uint8Array;
  readonly resetToken: Uint8Array;
}

/** draft-ietf-quic-ack-frequency §4. */
export interface AckFrequencyFrame {
  readonly type: "ack-frequency";
  readonly sequence: number;
  /** More ack-eliciting packets than this are to be acknowledged immediately. */
  readonly threshold: number;
  /** The max_ack_delay to use, in microseconds. */
  readonly maxAckDelay: number;
  readonly reordering: number;
}

/** RFC 9221 §4. `data` is a view of the datagram; copy it to keep it. */
export interface DatagramFrame {
  readonly type: "datagram";
  readonly data: Uint8Array;
  /** False if the data extends to the end of the packet. */
  readonly hasLength: boolean;
}

export type Frame =
  | { readonly type: "padding"; readonly length: number }
  | { readonly type: "ping" }
  | AckFrame
  | { readonly type: "reset-stream"; readonly id: StreamId; readonly code: VarInt; readonly finalSize: number }
  | {
      readonly type: "reset-stream-at";
      readonly id: StreamId;
      readonly code: VarInt;
      readonly finalSize: number;
      /** Bytes that are delivered in spite of the reset. */
      readonly reliableSize: number;
    }
  | { readonly type: "stop-sending"; readonly id: StreamId; readonly code: VarInt }
  | CryptoFrame
  | { readonly type: "new-token"; readonly token: Uint8Array }
  | StreamFrame
  | { readonly type: "max-data"; readonly maximum: number }
  | { readonly type: "max-stream-data"; readonly id: StreamId; readonly maximum: number }
  | { readonly type: "max-streams"; readonly direction: StreamDirection; readonly maximum: number }
  | { readonly type: "data-blocked"; readonly limit: number }
  | { readonly type: "stream-data-blocked"; readonly id: StreamId; readonly limit: number }
  | { readonly type: "streams-blocked"; readonly direction: StreamDirection; readonly limit: number }
  | NewConnectionIdFrame
  | { readonly type: "retire-connection-id"; readonly sequence: number }
  | { readonly type: "path-challenge"; readonly data: Uint8Array }
  | { readonly type: "path-response"; readonly data: Uint8Array }
  | {
      readonly type: "connection-close";
      readonly layer: "transport" | "application";
      readonly code: VarInt;
      /** The frame type that triggered it; transport layer only. */
      readonly frameType: VarInt;
      readonly phrase: Uint8Array;
    }
  | { readonly type: "handshake-done" }
  | { readonly type: "immediate-ack" }
  | AckFrequencyFrame
  | DatagramFrame;

export type FrameType = Frame["type"];
