/**
 * The frames of QMux (draft-ietf-quic-qmux): those of QUIC that make sense on a reliable and ordered carrier, and two of its own.
 */

import { WireError } from "../../base/errors.ts";
import { transportError } from "../../quic/errors.ts";
import { type Frame, type FrameType, parseFrame } from "../../quic/frame/index.ts";
import { EncryptionLevel } from "../../tls/handshake.ts";
import type { Reader } from "../../wire/reader.ts";
import { sameVarInt, varintLength, wideInt } from "../../wire/varint.ts";
import { Writer } from "../../wire/writer.ts";
import { parseParameters, type QmuxParameters } from "./parameters.ts";

const PARAMETERS = wideInt(0x3f515330, 0x0d0a0d0a);
const PING = wideInt(0x348c6752, 0x9ef8c7bd);
const PONG = wideInt(0x348c6752, 0x9ef8c7be);
/** Ours, without content: sent only to peers that announce that they take it. */
const DRAIN = wideInt(0x2e616761, 0x72654473);

/** Frames of QUIC that QMux has. RESET_STREAM_AT needs an announcement, which we do not make. */
const ALLOWED: ReadonlySet<FrameType> = new Set<FrameType>([
  "padding",
  "reset-stream",
  "stop-sending",
  "stream",
  "max-data",
  "max-stream-data",
  "max-streams",
  "data-blocked",
  "stream-data-blocked",
  "streams-blocked",
  "connection-close",
  "datagram",
]);

export type QmuxFrame =
  | Frame
  | { readonly type: "parameters"; readonly parameters: QmuxParameters }
  | { readonly type: "qmux-ping" | "qmux-pong"; readonly sequence: number }
  /** The peer would like the session to end soon. */
  | { readonly type: "qmux-drain" };

/** The first byte of the types that are 8 bytes long. */
const LONG = 0xc0;

/** Parses the frame at the reader's position. The data of STREAM and DATAGRAM frames are views of its bytes. */
export function parseQmuxFrame(reader: Reader): QmuxFrame {
  if ((reader.peek() ?? 0) >= LONG) return parseOwn(reader);
  const frame = parseFrame(reader, EncryptionLevel.oneRtt);
  if (ALLOWED.has(frame.type)) return frame;
  throw transportError("FRAME_ENCODING_ERROR", frame.type, "is not a frame of QMux");
}

function parseOwn(reader: Reader): QmuxFrame {
  try {
    const type = reader.varintExact();
    if (sameVarInt(type, PARAMETERS)) {
      return { type: "parameters", parameters: parseParameters(reader.sub(reader.varint())) };
    }
    if (sameVarInt(type, PING)) return { type: "qmux-ping", sequence: reader.varint() };
    if (sameVarInt(type, PONG)) return { type: "qmux-pong", sequence: reader.varint() };
    if (sameVarInt(type, DRAIN)) return { type: "qmux-drain" };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw transportError("FRAME_ENCODING_ERROR", "frame", error.message);
  }
  throw transportError("FRAME_ENCODING_ERROR", "frame", "has an unknown type");
}

/** `content` comes from `emitParameters`. */
export function parametersFrame(content: Uint8Array): Uint8Array {
  const writer = new Writer(new Uint8Array(8 + varintLength(content.length) + content.length));
  writer.varint(PARAMETERS);
  writer.varint(content.length);
  writer.write(content);
  return writer.bytes;
}

/** A request to answer, or the answer to one. */
export function pingFrame(sequence: number, isAnswer: boolean): Uint8Array {
  const writer = new Writer(new Uint8Array(8 + varintLength(sequence)));
  writer.varint(isAnswer ? PONG : PING);
  writer.varint(sequence);
  return writer.bytes;
}

export function drainFrame(): Uint8Array {
  const writer = new Writer(new Uint8Array(8));
  writer.varint(DRAIN);
  return writer.bytes;
}
