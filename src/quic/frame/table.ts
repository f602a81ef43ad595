/**
 * The frames of QUIC version 1 and its extensions, in the form of Table 3 (RFC 9000 §12.4). Which frame is legal in which packet, which
 * frames elicit an acknowledgement and which parser handles which number are all derived from this table.
 */

import { EncryptionLevel } from "../../tls/handshake.ts";
import type { FrameType } from "./frames.ts";

export interface FrameRow {
  /** The frame type's numbers: all in [first, last]. */
  readonly first: number;
  readonly last: number;
  readonly type: FrameType;
  /** As spelled in RFC 9000 §19; the `where` of errors. */
  readonly name: string;
  /** The packets that may carry it: Initial, Handshake, 0-RTT, 1-RTT; `_` if it is not allowed. */
  readonly packets: string;
  /**
   * N: a packet with nothing else is not ack-eliciting (§13.2). C: does not count towards bytes in flight (RFC 9002
   * §2). P: probes a path (§9.1). F: flow controlled (§4).
   */
  readonly rules: string;
}

export const FRAMES: readonly FrameRow[] = [
  { first: 0x00, last: 0x00, type: "padding", name: "PADDING", packets: "IH01", rules: "NP" },
  { first: 0x01, last: 0x01, type: "ping", name: "PING", packets: "IH01", rules: "" },
  { first: 0x02, last: 0x03, type: "ack", name: "ACK", packets: "IH_1", rules: "NC" },
  { first: 0x04, last: 0x04, type: "reset-stream", name: "RESET_STREAM", packets: "__01", rules: "" },
  { first: 0x05, last: 0x05, type: "stop-sending", name: "STOP_SENDING", packets: "__01", rules: "" },
  { first: 0x06, last: 0x06, type: "crypto", name: "CRYPTO", packets: "IH_1", rules: "" },
  { first: 0x07, last: 0x07, type: "new-token", name: "NEW_TOKEN", packets: "___1", rules: "" },
  { first: 0x08, last: 0x0f, type: "stream", name: "STREAM", packets: "__01", rules: "F" },
  { first: 0x10, last: 0x10, type: "max-data", name: "MAX_DATA", packets: "__01", rules: "" },
  { first: 0x11, last: 0x11, type: "max-stream-data", name: "MAX_STREAM_DATA", packets: "__01", rules: "" },
  { first: 0x12, last: 0x13, type: "max-streams", name: "MAX_STREAMS", packets: "__01", rules: "" },
  { first: 0x14, last: 0x14, type: "data-blocked", name: "DATA_BLOCKED", packets: "__01", rules: "" },
  { first: 0x15, last: 0x15, type: "stream-data-blocked", name: "STREAM_DATA_BLOCKED", packets: "__01", rules: "" },
  { first: 0x16, last: 0x17, type: "streams-blocked", name: "STREAMS_BLOCKED", packets: "__01", rules: "" },
  { first: 0x18, last: 0x18, type: "new-connection-id", name: "NEW_CONNECTION_ID", packets: "__01", rules: "P" },
  { first: 0x19, last: 0x19, type: "retire-connection-id", name: "RETIRE_CONNECTION_ID", packets: "__01", rules: "" },
  { first: 0x1a, last: 0x1a, type: "path-challenge", name: "PATH_CHALLENGE", packets: "__01", rules: "P" },
  { first: 0x1b, last: 0x1b, type: "path-response", name: "PATH_RESPONSE", packets: "___1", rules: "P" },
  // Table 3 writes "ih01": an application close (0x1d) is not allowed in Initial and Handshake packets (§12.5).
  { first: 0x1c, last: 0x1c, type: "connection-close", name: "CONNECTION_CLOSE", packets: "IH01", rules: "N" },
  { first: 0x1d, last: 0x1d, type: "connection-close", name: "CONNECTION_CLOSE", packets: "__01", rules: "N" },
  { first: 0x1e, last: 0x1e, type: "handshake-done", name: "HANDSHAKE_DONE", packets: "___1", rules: "" },
  // draft-ietf-quic-reliable-stream-reset §3. We always announce that we support it.
  { first: 0x24, last: 0x24, type: "reset-stream-at", name: "RESET_STREAM_AT", packets: "__01", rules: "" },
  // draft-ietf-quic-ack-frequency §4, §5.
  { first: 0x1f, last: 0x1f, type: "immediate-ack", name: "IMMEDIATE_ACK", packets: "___1", rules: "" },
  { first: 0xaf, last: 0xaf, type: "ack-frequency", name: "ACK_FREQUENCY", packets: "___1", rules: "" },
  // RFC 9221 §4.
  { first: 0x30, last: 0x31, type: "datagram", name: "DATAGRAM", packets: "__01", rules: "" },
];

/** The column of `packets` for each encryption level. */
const COLUMN: Readonly<Record<EncryptionLevel, string>> = {
  [EncryptionLevel.initial]: "I",
  [EncryptionLevel.zeroRtt]: "0",
  [EncryptionLevel.handshake]: "H",
  [EncryptionLevel.oneRtt]: "1",
};

const byNumber = new Array<FrameRow | undefined>(Math.max(...FRAMES.map((row) => row.last)) + 1).fill(undefined);
for (const row of FRAMES) for (let number = row.first; number <= row.last; number += 1) byNumber[number] = row;

/** The row of a frame type number; undefined if the number is not a known frame type. */
export const frameRow = (number: number): FrameRow | undefined => byNumber[number];

/** One bit per level for each number: 1 << level is set if the frame is legal there. */
const legalLevels = Uint8Array.from(byNumber, (row) => {
  let bits = 0;
  for (const level of Object.values(EncryptionLevel)) if (row?.packets.includes(COLUMN[level])) bits |= 1 << level;
  return bits;
});

/** True if a frame with this number may appear in packets of this level. False for unknown numbers. */
export const isLegalAt = (number: number, level: EncryptionLevel): boolean =>
  ((legalLevels[number] ?? 0) & (1 << level)) !== 0;

const nonElicitingTypes: ReadonlySet<FrameType> = new Set(
  FRAMES.filter((row) => row.rules.includes("N")).map((row) => row.type),
);
/** True if a packet with this frame must be acknowledged (RFC 9000 §13.2). */
export const isAckEliciting = (frame: { readonly type: FrameType }): boolean => !nonElicitingTypes.has(frame.type);

/**
 * The first number of the type with this RFC name, for the Frame Type field of CONNECTION_CLOSE; undefined for other
 * names.
 */
export const frameNumber = (name: string): number | undefined => FRAMES.find((row) => row.name === name)?.first;
