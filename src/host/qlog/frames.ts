/**
 * QUIC frames in qlog (draft-ietf-quic-qlog-quic-events §9.13). Data and tokens are only represented by their
 * length. Reset tokens are omitted, because they let anyone end the connection.
 */

import { type Frame, frameNumber } from "../../quic/frame/index.ts";
import type { StreamDirection } from "../../quic/transport.ts";
import { toHex } from "../../wire/hex.ts";
import { fromUtf8 } from "../../wire/text.ts";
import { applicationErrorOf, integer, milliseconds, type QlogObject, transportErrorOf } from "./values.ts";

export interface FrameContext {
  /** The ack_delay_exponent of the frame's sender. */
  readonly ackDelayExponent: number;
  /** True if application errors are HTTP/3's. */
  readonly isHttp3: boolean;
}

const rawPayload = (bytes: Uint8Array): QlogObject => ({ payload_length: bytes.length });

const streamType = (direction: StreamDirection): string => (direction === "uni" ? "unidirectional" : "bidirectional");

export function frameOf(frame: Frame, context: FrameContext): QlogObject {
  return { frame_type: frame.type.replaceAll("-", "_"), ...contentsOf(frame, context) };
}

function contentsOf(frame: Frame, { ackDelayExponent, isHttp3 }: FrameContext): QlogObject {
  switch (frame.type) {
    case "padding":
      return { raw: { length: frame.length } };
    case "ping":
    case "handshake-done":
      return {};
    case "ack": {
      const { ect0, ect1, ce } = frame.ecn ?? {};
      return {
        ack_delay: milliseconds(frame.delay * 2 ** ackDelayExponent),
        acked_ranges: ackedRanges(frame.ranges),
        ...(frame.ecn === undefined ? {} : { ect1, ect0, ce }),
      };
    }
    case "reset-stream":
    case "reset-stream-at":
      return {
        stream_id: frame.id,
        ...applicationErrorOf(frame.code, isHttp3),
        final_size: frame.finalSize,
        ...(frame.type === "reset-stream-at" ? { reliable_size: frame.reliableSize } : {}),
      };
    case "stop-sending":
      return { stream_id: frame.id, ...applicationErrorOf(frame.code, isHttp3) };
    case "crypto":
      return { offset: frame.offset, raw: rawPayload(frame.data) };
    case "new-token":
      return { token: { type: "resumption", raw: { length: frame.token.length } } };
    case "stream":
      return { stream_id: frame.id, offset: frame.offset, fin: frame.fin, raw: rawPayload(frame.data) };
    case "max-data":
      return { maximum: frame.maximum };
    case "max-stream-data":
      return { stream_id: frame.id, maximum: frame.maximum };
    case "max-streams":
      return { stream_type: streamType(frame.direction), maximum: integer(frame.maximum) };
    case "data-blocked":
      return { limit: frame.limit };
    case "stream-data-blocked":
      return { stream_id: frame.id, limit: frame.limit };
    case "streams-blocked":
      return { stream_type: streamType(frame.direction), limit: integer(frame.limit) };
    case "new-connection-id":
      return {
        sequence_number: frame.sequence,
        retire_prior_to: frame.retirePriorTo,
        connection_id_length: frame.connectionId.length,
        connection_id: toHex(frame.connectionId),
      };
    case "retire-connection-id":
      return { sequence_number: frame.sequence };
    case "path-challenge":
    case "path-response":
      return { data: toHex(frame.data) };
    case "connection-close": {
      const isTransport = frame.layer === "transport";
      return {
        error_space: frame.layer,
        ...(isTransport ? transportErrorOf(frame.code) : applicationErrorOf(frame.code, isHttp3)),
        reason: fromUtf8(frame.phrase),
        ...(isTransport ? { trigger_frame_type: integer(frame.frameType) } : {}),
      };
    }
    case "datagram":
      return { raw: rawPayload(frame.data) };
    case "immediate-ack":
    case "ack-frequency":
      // The schema does not have them.
      return { frame_type: "unknown", frame_type_bytes: frameNumber(frame.type.replace("-", "_").toUpperCase()) };
  }
}

/** Ascending, as [from, to] or [single]. */
function ackedRanges(ranges: readonly number[]): readonly (readonly number[])[] {
  const list: (readonly number[])[] = [];
  for (let i = ranges.length - 2; i >= 0; i -= 2) {
    const [smallest, largest] = [ranges[i]!, ranges[i + 1]!];
    list.push(smallest === largest ? [smallest] : [smallest, largest]);
  }
  return list;
}
