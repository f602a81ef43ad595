/** Packets and their frames (draft-ietf-quic-qlog-quic-events §5, §9). */

import {
  anyOf,
  bool,
  both,
  float,
  hex,
  kinds,
  listOf,
  object,
  oneOf,
  rule,
  text,
  uint8,
  uint16,
  uint32,
  uint64,
} from "./checks.ts";
import {
  applicationError,
  connectionId,
  cryptoError,
  frame,
  numberedIfUnknown,
  raw,
  resetToken,
  transportError,
  version,
} from "./values-schema.ts";

const token = object({ "type?": oneOf("retry", "resumption"), "raw?": raw });
export const streamType = oneOf("unidirectional", "bidirectional");
const pathData = object({ frame_type: text, "data?": hex(8), "raw?": raw });

const reset = { stream_id: uint64, error: applicationError, "error_code?": uint64 };

export const quicFrame = kinds(
  "frame_type",
  Object.fromEntries([
    frame("padding"),
    frame("ping"),
    frame("ack", {
      "ack_delay?": float,
      "acked_ranges?": listOf(listOf(uint64, 1, 2), 1),
      "ect1?": uint64,
      "ect0?": uint64,
      "ce?": uint64,
    }),
    frame("reset_stream", { ...reset, final_size: uint64 }),
    frame("reset_stream_at", { ...reset, final_size: uint64, reliable_size: uint64 }),
    frame("stop_sending", reset),
    ["crypto", object({ frame_type: text, offset: uint64, raw })],
    frame("new_token", { token }),
    frame("stream", { stream_id: uint64, "offset?": uint64, "fin?": bool }),
    frame("max_data", { maximum: uint64 }),
    frame("max_stream_data", { stream_id: uint64, maximum: uint64 }),
    frame("max_streams", { stream_type: streamType, maximum: uint64 }),
    frame("data_blocked", { limit: uint64 }),
    frame("stream_data_blocked", { stream_id: uint64, limit: uint64 }),
    frame("streams_blocked", { stream_type: streamType, limit: uint64 }),
    frame("new_connection_id", {
      sequence_number: uint64,
      retire_prior_to: uint64,
      "connection_id_length?": uint8,
      connection_id: connectionId,
      "stateless_reset_token?": resetToken,
    }),
    frame("retire_connection_id", { sequence_number: uint64 }),
    ["path_challenge", pathData],
    ["path_response", pathData],
    [
      "connection_close",
      both(
        object({
          frame_type: text,
          "error_space?": oneOf("transport", "application"),
          "error?": anyOf(transportError, cryptoError, applicationError),
          "error_code?": uint64,
          "reason?": text,
          "reason_bytes?": hex(),
          "trigger_frame_type?": anyOf(uint64, text),
          "raw?": raw,
        }),
        numberedIfUnknown("error"),
        rule(
          "trigger_frame_type is for transport errors",
          (value) => value.trigger_frame_type === undefined || value.error_space === "transport",
        ),
      ),
    ],
    frame("handshake_done"),
    frame("unknown", { frame_type_bytes: uint64 }),
    frame("datagram"),
  ]),
);

const NUMBERED = ["initial", "handshake", "0RTT", "1RTT"];

export const header = both(
  object({
    packet_type: oneOf(...NUMBERED, "retry", "version_negotiation", "stateless_reset", "unknown"),
    "packet_type_bytes?": uint64,
    "spin_bit?": bool,
    "key_phase?": uint64,
    "key_phase_bit?": bool,
    "packet_number_length?": uint8,
    "packet_number?": uint64,
    "token?": token,
    "length?": uint16,
    "version?": version,
    "scil?": uint8,
    "dcil?": uint8,
    "scid?": connectionId,
    "dcid?": connectionId,
  }),
  rule(
    "only packets with a number have one",
    ({ packet_type, packet_number }) => packet_number === undefined || NUMBERED.includes(packet_type as string),
  ),
  rule(
    "only 1-RTT packets have a key phase",
    ({ packet_type, key_phase, key_phase_bit }) =>
      packet_type === "1RTT" || (key_phase === undefined && key_phase_bit === undefined),
  ),
  rule(
    "only Initial and Retry packets have a token",
    ({ packet_type, token: given }) => given === undefined || packet_type === "initial" || packet_type === "retry",
  ),
  rule("lengths match their ids", ({ scil, scid, dcil, dcid }) =>
    [
      [scil, scid],
      [dcil, dcid],
    ].every(([length, id]) => length === undefined || (id as string).length === 2 * (length as number)),
  ),
);

export const packet = {
  header,
  "frames?": listOf(quicFrame),
  "stateless_reset_token?": resetToken,
  "supported_versions?": listOf(version, 1),
  "raw?": raw,
  "datagram_payload_checksum?": uint32,
};

export const numberedPacket = rule("packets with a number have it, and frames", ({ header: given, frames }) => {
  const { packet_type, packet_number } = given as { packet_type: string; packet_number?: unknown };
  return !NUMBERED.includes(packet_type) || (packet_number !== undefined && frames !== undefined);
});
