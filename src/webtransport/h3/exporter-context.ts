/**
 * The context of a session's keying material (draft-ietf-webtrans-http3 §4.8): it names the session, and holds the label and
 * context of the application, so that sessions of one connection get different material.
 */

import type { StreamId } from "../../quic/index.ts";
import { Writer } from "../../wire/writer.ts";

/** Bytes that a label and a context may have: their lengths are bytes. */
export const MAX_EXPORTER_FIELD = 255;

export function exporterContext(sessionId: StreamId, label: Uint8Array, context: Uint8Array): Uint8Array {
  const writer = new Writer(new Uint8Array(8 + 1 + label.length + 1 + context.length));
  writer.uint32(Math.floor(sessionId / 2 ** 32));
  writer.uint32(sessionId % 2 ** 32);
  for (const field of [label, context]) {
    writer.uint8(field.length);
    writer.write(field);
  }
  return writer.bytes;
}
