/**
 * Protocol violations, one row each: what a peer sends, and the error code with which the connection must close (RFC
 * 9000 §20.1).
 */

import { describe, expect, test } from "vitest";
import type { Micros } from "../../base/time.ts";
import { EncryptionLevel } from "../../tls/index.ts";
import { fromHex } from "../../wire/hex.ts";
import { TRANSPORT_ERRORS, type TransportErrorName } from "../errors.ts";
import type { Frame } from "../frame/frames.ts";
import { HostilePeer } from "../testing/hostile-peer.ts";

const { initial, handshake, oneRtt } = EncryptionLevel;
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7);
const token = bytes(16);

interface Row {
  readonly name: string;
  readonly level?: EncryptionLevel;
  readonly frames?: readonly Frame[];
  readonly payload?: string;
  readonly firstByteBits?: number;
  readonly code: TransportErrorName | number;
}

const stream = (id: number, offset: number, length: number, fin = false): Frame => ({
  type: "stream",
  id,
  offset,
  data: bytes(length),
  fin,
});

/** The same for both roles, with stream ids from the hostile client's view; `mirrored` flips them for a server. */
const BOTH: readonly Row[] = [
  { name: "STREAM above the stream's limit", frames: [stream(0, 100_000_000, 1)], code: "FLOW_CONTROL_ERROR" },
  { name: "STREAM with an id above the limit", frames: [stream(4 * 100_000, 0, 1)], code: "STREAM_LIMIT_ERROR" },
  { name: "STREAM for a local stream not opened yet", frames: [stream(1, 0, 1)], code: "STREAM_STATE_ERROR" },
  { name: "STREAM for a send-only stream", frames: [stream(3, 0, 1)], code: "STREAM_STATE_ERROR" },
  {
    name: "RESET_STREAM for a send-only stream",
    frames: [{ type: "reset-stream", id: 3, code: 0, finalSize: 0 }],
    code: "STREAM_STATE_ERROR",
  },
  {
    name: "STOP_SENDING for a local stream not opened yet",
    frames: [{ type: "stop-sending", id: 1, code: 0 }],
    code: "STREAM_STATE_ERROR",
  },
  {
    name: "STOP_SENDING for a receive-only stream",
    frames: [{ type: "stop-sending", id: 2, code: 0 }],
    code: "STREAM_STATE_ERROR",
  },
  {
    name: "MAX_STREAM_DATA for a local stream not opened yet",
    frames: [{ type: "max-stream-data", id: 1, maximum: 10 }],
    code: "STREAM_STATE_ERROR",
  },
  {
    name: "MAX_STREAM_DATA for a receive-only stream",
    frames: [{ type: "max-stream-data", id: 2, maximum: 10 }],
    code: "STREAM_STATE_ERROR",
  },
  { name: "a final size that shrinks", frames: [stream(0, 0, 10), stream(0, 0, 5, true)], code: "FINAL_SIZE_ERROR" },
  {
    name: "a final size that changes",
    frames: [stream(0, 0, 5, true), stream(0, 0, 6, true)],
    code: "FINAL_SIZE_ERROR",
  },
  { name: "bytes above the final size", frames: [stream(0, 0, 5, true), stream(0, 5, 1)], code: "FINAL_SIZE_ERROR" },
  {
    name: "RESET_STREAM with another final size",
    frames: [stream(0, 0, 5), { type: "reset-stream", id: 0, code: 0, finalSize: 4 }],
    code: "FINAL_SIZE_ERROR",
  },
  { name: "MAX_STREAMS above 2^60", payload: "12d000000000000001", code: "FRAME_ENCODING_ERROR" },
  { name: "STREAMS_BLOCKED above 2^60", payload: "16d000000000000001", code: "FRAME_ENCODING_ERROR" },
  { name: "an unknown frame", payload: "20", code: "FRAME_ENCODING_ERROR" },
  { name: "a truncated frame", payload: "04", code: "FRAME_ENCODING_ERROR" },
  { name: "a frame type not in its shortest form", payload: "4001", code: "PROTOCOL_VIOLATION" },
  { name: "reserved bits in a 1-RTT packet", payload: "01", firstByteBits: 0x18, code: "PROTOCOL_VIOLATION" },
  { name: "a 1-RTT packet without frames", payload: "", code: "PROTOCOL_VIOLATION" },
  {
    name: "ACK of a packet never sent",
    frames: [{ type: "ack", largest: 100, delay: 0, ranges: [100, 100], ecn: undefined }],
    code: "PROTOCOL_VIOLATION",
  },
  { name: "ACK ranges below zero", payload: "0201000005", code: "FRAME_ENCODING_ERROR" },
  { name: "CRYPTO far ahead", payload: "06801000000100", code: "CRYPTO_BUFFER_EXCEEDED" },
  {
    name: "NEW_CONNECTION_ID that retires its own and later sequence numbers",
    payload: `180102080102030405060708${"00".repeat(16)}`,
    code: "FRAME_ENCODING_ERROR",
  },
  { name: "NEW_CONNECTION_ID with an empty id", payload: `18010000${"00".repeat(16)}`, code: "FRAME_ENCODING_ERROR" },
  {
    name: "NEW_CONNECTION_ID with 21 bytes",
    payload: `18010015${"00".repeat(21)}${"00".repeat(16)}`,
    code: "FRAME_ENCODING_ERROR",
  },
  {
    name: "more connection ids than allowed",
    frames: [1, 2, 3, 4, 5].map((sequence) => ({
      type: "new-connection-id",
      sequence,
      retirePriorTo: 0,
      connectionId: bytes(8).fill(sequence),
      resetToken: bytes(16).fill(sequence),
    })),
    code: "CONNECTION_ID_LIMIT_ERROR",
  },
  {
    name: "one sequence number for two connection ids",
    frames: [1, 2].map((fill) => ({
      type: "new-connection-id",
      sequence: 1,
      retirePriorTo: 0,
      connectionId: bytes(8).fill(fill),
      resetToken: token,
    })),
    code: "PROTOCOL_VIOLATION",
  },
  {
    name: "RETIRE_CONNECTION_ID never issued",
    frames: [{ type: "retire-connection-id", sequence: 99 }],
    code: "PROTOCOL_VIOLATION",
  },
  {
    name: "RETIRE_CONNECTION_ID of the id in use",
    frames: [{ type: "retire-connection-id", sequence: 0 }],
    code: "PROTOCOL_VIOLATION",
  },
  // TLS KeyUpdate (type 24) is not used in QUIC (RFC 9001 §6).
  { name: "TLS KeyUpdate in 1-RTT CRYPTO", payload: "0600051800000100", code: 0x10a },
];

const FROM_CLIENT: readonly Row[] = [
  { name: "HANDSHAKE_DONE from a client", frames: [{ type: "handshake-done" }], code: "PROTOCOL_VIOLATION" },
  { name: "NEW_TOKEN from a client", frames: [{ type: "new-token", token: bytes(4) }], code: "PROTOCOL_VIOLATION" },
];

const FROM_SERVER: readonly Row[] = [{ name: "an empty NEW_TOKEN", payload: "0700", code: "FRAME_ENCODING_ERROR" }];

const BEFORE_COMPLETION: readonly Row[] = [
  { name: "PATH_CHALLENGE in Handshake", level: handshake, payload: "1a0000000000000000", code: "PROTOCOL_VIOLATION" },
  { name: "STREAM in Handshake", level: handshake, payload: "0a000101", code: "PROTOCOL_VIOLATION" },
  { name: "MAX_DATA in Initial", level: initial, payload: "1001", code: "PROTOCOL_VIOLATION" },
  {
    name: "reserved bits in Handshake",
    level: handshake,
    payload: "01",
    firstByteBits: 0x0c,
    code: "PROTOCOL_VIOLATION",
  },
  { name: "a Handshake packet without frames", level: handshake, payload: "", code: "PROTOCOL_VIOLATION" },
  { name: "CRYPTO far ahead in Initial", level: initial, payload: "06801000000100", code: "CRYPTO_BUFFER_EXCEEDED" },
];

const codeOf = (code: Row["code"]): number => (typeof code === "number" ? code : TRANSPORT_ERRORS[code].code);

/** Stream ids from the other side's point of view: the initiator bit flips. */
const mirrored = (frame: Frame): Frame => ("id" in frame ? { ...frame, id: frame.id ^ 1 } : frame);

function expectClose(peer: HostilePeer, row: Row, isMirrored: boolean): void {
  const level = row.level ?? oneRtt;
  const options = row.firstByteBits === undefined ? {} : { firstByteBits: row.firstByteBits };
  if (row.payload !== undefined) peer.sendRaw(level, fromHex(row.payload), options);
  else peer.send(level, isMirrored ? row.frames!.map(mirrored) : row.frames!, options);
  expect(peer.close, row.name).toBeDefined();
  expect(peer.close?.code, `${row.name}: ${Buffer.from(peer.close!.phrase)}`).toBe(codeOf(row.code));
  expect(peer.events.filter((event) => event.type === "closed")).toHaveLength(1);
}

describe.each([
  ["client", [...BOTH, ...FROM_CLIENT]],
  ["server", [...BOTH, ...FROM_SERVER]],
] as const)("a hostile %s after the handshake", (role, rows) => {
  test.each(rows.map((row) => [row.name, row] as const))("%s", (_name, row) => {
    const peer = new HostilePeer({ role }).handshake();
    expect(peer.isComplete).toBe(true);
    expectClose(peer, row, role === "server");
  });
});

describe("a hostile client before the handshake is complete", () => {
  test.each(BEFORE_COMPLETION.map((row) => [row.name, row] as const))("%s", (_name, row) => {
    const peer = new HostilePeer({ role: "client", withholdFinished: true, silent: row.level === initial }).handshake();
    expectClose(peer, row, false);
  });
});

describe("transport parameters", () => {
  const rows = [
    ["initial_source_connection_id missing", { initialSourceConnectionId: undefined }],
    ["a wrong initial_source_connection_id", { initialSourceConnectionId: bytes(8) }],
    ["max_udp_payload_size below 1200", { maxUdpPayloadSize: 1090 }],
    ["ack_delay_exponent above 20", { ackDelayExponent: 30 }],
    ["max_ack_delay of 2^14 ms", { maxAckDelay: 16_384_000 as Micros }],
    ["active_connection_id_limit below 2", { activeConnectionIdLimit: 1 }],
    ["more than 2^60 streams", { initialMaxStreamsBidi: 2 ** 60 + 2 ** 20 }],
  ] as const;
  test.each(rows)("%s, from a client", (_name, parameters) => {
    const peer = new HostilePeer({ role: "client", parameters }).handshake();
    expect(peer.close?.code).toBe(TRANSPORT_ERRORS.TRANSPORT_PARAMETER_ERROR.code);
  });
  test.each(rows)("%s, from a server", (_name, parameters) => {
    const peer = new HostilePeer({ role: "server", parameters }).handshake();
    expect(peer.close?.code).toBe(TRANSPORT_ERRORS.TRANSPORT_PARAMETER_ERROR.code);
  });
  test.each([
    ["original_destination_connection_id", { originalDestinationConnectionId: bytes(8) }],
    ["retry_source_connection_id", { retrySourceConnectionId: bytes(8) }],
    ["stateless_reset_token", { statelessResetToken: token }],
  ] as const)("%s from a client", (_name, parameters) => {
    const peer = new HostilePeer({ role: "client", parameters }).handshake();
    expect(peer.close?.code).toBe(TRANSPORT_ERRORS.TRANSPORT_PARAMETER_ERROR.code);
  });
  test.each([
    ["original_destination_connection_id missing", { originalDestinationConnectionId: undefined }],
    ["a wrong original_destination_connection_id", { originalDestinationConnectionId: bytes(8) }],
    ["retry_source_connection_id without a Retry", { retrySourceConnectionId: bytes(8) }],
  ] as const)("%s, from a server", (_name, parameters) => {
    const peer = new HostilePeer({ role: "server", parameters }).handshake();
    expect(peer.close?.code).toBe(TRANSPORT_ERRORS.TRANSPORT_PARAMETER_ERROR.code);
  });
  test("a duplicate parameter", () => {
    const peer = new HostilePeer({
      role: "client",
      rawParameters: fromHex("0f08666666666666666604010004 0100"),
    }).handshake();
    expect(peer.close?.code).toBe(TRANSPORT_ERRORS.TRANSPORT_PARAMETER_ERROR.code);
  });
});
