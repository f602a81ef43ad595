/**
 * The stimuli of h3spec (a client that misbehaves and checks the server's close code), each with the code that it
 * expects, against our whole stack: QUIC, TLS and HTTP/3. Where a server can do the same, our client is tested too.
 *
 * The folders of each protocol test many more violations.
 */

import { describe, expect, test } from "vitest";
import { SeededRng } from "../../src/base/rng.ts";
import type { Instant, Micros } from "../../src/base/time.ts";
import { FrameType } from "../../src/h3/frames.ts";
import { H3Connection } from "../../src/h3/index.ts";
import { data, frame, headers, REQUEST, RESPONSE, section, settings, varint } from "../../src/h3/testing/raw-peer.ts";
import type { FieldSection } from "../../src/http/index.ts";
import type { Frame } from "../../src/quic/frame/index.ts";
import { isTransportEvent } from "../../src/quic/index.ts";
import type { HostileOptions } from "../../src/quic/testing/hostile-options.ts";
import { HostilePeer } from "../../src/quic/testing/hostile-peer.ts";
import { keptSession, ticketPolicy } from "../../src/quic/testing/resumption.ts";
import { EncryptionLevel } from "../../src/tls/index.ts";
import { fromHex } from "../../src/wire/hex.ts";
import { concat } from "../../src/wire/text.ts";

const { handshake, oneRtt, zeroRtt } = EncryptionLevel;

/** RFC 9000 §20.1, RFC 9114 §8.1, RFC 9204 §6; 0x100 plus the alert for TLS. */
const CODES = {
  FLOW_CONTROL_ERROR: 0x3,
  STREAM_LIMIT_ERROR: 0x4,
  STREAM_STATE_ERROR: 0x5,
  FRAME_ENCODING_ERROR: 0x7,
  TRANSPORT_PARAMETER_ERROR: 0x8,
  PROTOCOL_VIOLATION: 0xa,
  UNEXPECTED_MESSAGE: 0x10a,
  MISSING_EXTENSION: 0x16d,
  NO_APPLICATION_PROTOCOL: 0x178,
  H3_FRAME_UNEXPECTED: 0x105,
  H3_CLOSED_CRITICAL_STREAM: 0x104,
  H3_SETTINGS_ERROR: 0x109,
  H3_MISSING_SETTINGS: 0x10a,
  H3_MESSAGE_ERROR: 0x10e,
  QPACK_DECOMPRESSION_FAILED: 0x200,
  QPACK_ENCODER_STREAM_ERROR: 0x201,
  QPACK_DECODER_STREAM_ERROR: 0x202,
} as const;

type Role = "client" | "server";
const both: readonly Role[] = ["client", "server"];

interface Stimulus {
  readonly name: string;
  readonly code: keyof typeof CODES;
  /** The roles that the misbehaving side can have. */
  readonly by?: readonly Role[];
  readonly options?: Omit<HostileOptions, "role">;
  readonly act?: (scene: Scene) => void;
}

/** A hostile peer whose victim speaks HTTP/3. */
class Scene {
  readonly peer: HostilePeer;
  readonly role: Role;
  h3: H3Connection | undefined;

  constructor(role: Role, options: Omit<HostileOptions, "role"> = {}) {
    this.role = role;
    const peer = new HostilePeer({ alpn: "h3", ...options, role });
    this.peer = peer;
    peer.onEvent = (connection, event) => {
      if (!isTransportEvent(event)) return;
      this.h3 ??= new H3Connection(connection, { rng: new SeededRng(1) });
      this.h3.handleTransportEvent(event);
      for (let next = this.h3.pollEvent(); next !== undefined; next = this.h3.pollEvent());
    };
    peer.handshake();
  }

  /** Writes to one of the peer's own streams, or to a request of the victim's. */
  write(id: number, bytes: Uint8Array, fin = false): void {
    this.peer.send(oneRtt, [{ type: "stream", id, offset: 0, data: bytes, fin }]);
  }

  /** Opens a unidirectional stream, 0 is the first one. */
  uni(index: number, bytes: Uint8Array, fin = false): void {
    this.write(4 * index + (this.role === "client" ? 2 : 3), bytes, fin);
  }

  /** The request stream: the peer's own, or the one on which the victim sent a request. */
  message(bytes: Uint8Array): void {
    if (this.role === "server") {
      const { h3, peer } = this;
      h3!.request({ method: "GET", scheme: "https", authority: "example.com", path: "/", fields: [] }, true);
      peer.poll();
    }
    this.write(0, bytes);
  }

  /** The code of the victim's CONNECTION_CLOSE; before 1-RTT packets can be read, an application's code is hidden. */
  get closeCode(): unknown {
    const closes = this.peer.frames.filter(({ frame }) => frame.type === "connection-close");
    const close = closes.find(({ level }) => level === oneRtt) ?? closes[0];
    return close?.frame.type === "connection-close" ? close.frame.code : undefined;
  }

  get head(): FieldSection {
    return this.role === "client" ? REQUEST : RESPONSE;
  }
}

const quic =
  (...frames: Frame[]): NonNullable<Stimulus["act"]> =>
  ({ peer, role }) => {
    // Stream ids are a client's; a server's differ in the initiator's bit.
    const mine = (each: Frame): Frame => (role === "server" && "id" in each ? { ...each, id: each.id ^ 1 } : each);
    peer.send(oneRtt, frames.map(mine));
  };
const raw =
  (hex: string, level: EncryptionLevel = oneRtt, firstByteBits?: number): NonNullable<Stimulus["act"]> =>
  ({ peer }) =>
    peer.sendRaw(level, fromHex(hex), firstByteBits === undefined ? {} : { firstByteBits });
const stream = (id: number, offset = 0): Frame => ({
  type: "stream",
  id,
  offset,
  data: new Uint8Array(1),
  fin: false,
});
const parameters = (given: HostileOptions["parameters"]): Omit<HostileOptions, "role"> => ({ parameters: given! });
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7);

const TRANSPORT: readonly Stimulus[] = [
  { name: "STREAM with an offset past the limit", code: "FLOW_CONTROL_ERROR", act: quic(stream(0, 100_000_000)) },
  { name: "STREAM with an id past the limit", code: "STREAM_LIMIT_ERROR", act: quic(stream(4_000_000)) },
  { name: "an unknown frame type", code: "FRAME_ENCODING_ERROR", act: raw("20") },
  { name: "a packet without frames", code: "PROTOCOL_VIOLATION", act: raw("") },
  { name: "reserved bits in a short header", code: "PROTOCOL_VIOLATION", act: raw("01", oneRtt, 0x18) },
  {
    name: "reserved bits in a Handshake packet",
    code: "PROTOCOL_VIOLATION",
    by: ["client"],
    options: { withholdFinished: true },
    act: raw("01", handshake, 0x0c),
  },
  {
    name: "PATH_CHALLENGE in a Handshake packet",
    code: "PROTOCOL_VIOLATION",
    by: ["client"],
    options: { withholdFinished: true },
    act: raw("1a0000000000000000", handshake),
  },
  {
    name: "RESET_STREAM for a send-only stream",
    code: "STREAM_STATE_ERROR",
    act: quic({ type: "reset-stream", id: 3, code: 0, finalSize: 0 }),
  },
  {
    name: "STOP_SENDING for a stream that does not exist",
    code: "STREAM_STATE_ERROR",
    act: quic({ type: "stop-sending", id: 101, code: 0 }),
  },
  { name: "STREAM for a local stream not created yet", code: "STREAM_STATE_ERROR", act: quic(stream(101)) },
  { name: "STREAM for a send-only stream", code: "STREAM_STATE_ERROR", act: quic(stream(3)) },
  {
    name: "MAX_STREAM_DATA for a stream not created yet",
    code: "STREAM_STATE_ERROR",
    act: quic({ type: "max-stream-data", id: 101, maximum: 10 }),
  },
  {
    name: "MAX_STREAM_DATA for a receive-only stream",
    code: "STREAM_STATE_ERROR",
    act: quic({ type: "max-stream-data", id: 2, maximum: 10 }),
  },
  { name: "NEW_TOKEN from a client", code: "PROTOCOL_VIOLATION", by: ["client"], act: raw("070400000000") },
  { name: "HANDSHAKE_DONE from a client", code: "PROTOCOL_VIOLATION", by: ["client"], act: raw("1e") },
  { name: "MAX_STREAMS above 2^60", code: "FRAME_ENCODING_ERROR", act: raw("12d000000000000001") },
  { name: "STREAMS_BLOCKED above 2^60", code: "FRAME_ENCODING_ERROR", act: raw("16d000000000000001") },
  {
    name: "NEW_CONNECTION_ID with Retire Prior To above its sequence number",
    code: "FRAME_ENCODING_ERROR",
    act: raw(`180102080102030405060708${"00".repeat(16)}`),
  },
  {
    name: "NEW_CONNECTION_ID with an empty id",
    code: "FRAME_ENCODING_ERROR",
    act: raw(`18010000${"00".repeat(16)}`),
  },
];

const PARAMETERS: readonly Stimulus[] = [
  ...(
    [
      ["initial_source_connection_id missing", { initialSourceConnectionId: undefined }],
      ["max_udp_payload_size of 1090", { maxUdpPayloadSize: 1090 }],
      ["ack_delay_exponent of 30", { ackDelayExponent: 30 }],
      ["max_ack_delay of 2^14 ms", { maxAckDelay: 16_384_000 as Micros }],
    ] as const
  ).map(([name, given]): Stimulus => ({ name, code: "TRANSPORT_PARAMETER_ERROR", options: parameters(given) })),
  ...(
    [
      ["original_destination_connection_id", { originalDestinationConnectionId: bytes(8) }],
      ["retry_source_connection_id", { retrySourceConnectionId: bytes(8) }],
      ["stateless_reset_token", { statelessResetToken: bytes(16) }],
      [
        "preferred_address",
        {
          preferredAddress: {
            ipv4: bytes(4),
            ipv4Port: 1,
            ipv6: bytes(16),
            ipv6Port: 1,
            connectionId: bytes(8),
            statelessResetToken: bytes(16),
          },
        },
      ],
    ] as const
  ).map(
    ([name, given]): Stimulus => ({
      name: `${name} from a client`,
      code: "TRANSPORT_PARAMETER_ERROR",
      by: ["client"],
      options: parameters(given),
    }),
  ),
];

/** Gives an extension of the ClientHello another id. */
function renameExtension(from: number, to: number): NonNullable<HostileOptions["tamper"]> {
  const pattern = Uint8Array.of(from >> 8, from & 0xff);
  return (_level, message) => {
    if (message[0] !== 1) return message;
    const copy = message.slice();
    // The last occurrence: the bytes may appear in a random value before.
    for (let i = copy.length - 4; i > 0; i -= 1) {
      if (copy[i] !== pattern[0] || copy[i + 1] !== pattern[1]) continue;
      copy.set([to >> 8, to & 0xff], i);
      return copy;
    }
    return message;
  };
}

/** A client in the middle of a handshake that resumes a session, so that it has 0-RTT keys. */
const EARLY: Omit<HostileOptions, "role"> = (() => {
  const tickets = ticketPolicy();
  const alpn = ["h3"];
  const session = keptSession({ start: 0 as Instant, clientTls: { alpn }, serverTls: { alpn, tickets } });
  return { withholdFinished: true, clientTls: { session, earlyData: true }, serverTls: { alpn, tickets } };
})();

const TLS: readonly Stimulus[] = [
  { name: "KeyUpdate in 1-RTT CRYPTO", code: "UNEXPECTED_MESSAGE", act: raw("0600051800000100") },
  {
    name: "KeyUpdate in Handshake CRYPTO",
    code: "UNEXPECTED_MESSAGE",
    by: ["client"],
    options: { withholdFinished: true },
    act: raw("0600051800000100", handshake),
  },
  {
    name: "EndOfEarlyData",
    code: "UNEXPECTED_MESSAGE",
    by: ["client"],
    options: { withholdFinished: true },
    act: raw("06000405000000", handshake),
  },
  {
    name: "CRYPTO in a 0-RTT packet",
    code: "PROTOCOL_VIOLATION",
    by: ["client"],
    options: EARLY,
    act: raw("06000401000000", zeroRtt),
  },
  {
    name: "an ALPN protocol that is not supported",
    code: "NO_APPLICATION_PROTOCOL",
    by: ["client"],
    options: {
      tamper: (_level, message) => {
        const name = Buffer.from(message).indexOf("\u0002h3");
        return name < 0 ? message : Uint8Array.from(message, (byte, i) => (i === name + 2 ? 0x39 : byte));
      },
    },
  },
  {
    name: "no quic_transport_parameters, but those of drafts (0xffa5)",
    code: "MISSING_EXTENSION",
    by: ["client"],
    options: { tamper: renameExtension(0x39, 0xffa5) },
  },
];

const H3: readonly Stimulus[] = [
  { name: "DATA before HEADERS", code: "H3_FRAME_UNEXPECTED", act: (scene) => scene.message(data(1)) },
  {
    name: "DATA on the control stream",
    code: "H3_FRAME_UNEXPECTED",
    act: (scene) => scene.uni(0, concat(varint(0), settings(), data(1))),
  },
  {
    name: "HEADERS on the control stream",
    code: "H3_FRAME_UNEXPECTED",
    act: (scene) => scene.uni(0, concat(varint(0), settings(), headers(scene.head))),
  },
  {
    name: "a second SETTINGS",
    code: "H3_FRAME_UNEXPECTED",
    act: (scene) => scene.uni(0, concat(varint(0), settings(), settings())),
  },
  {
    name: "CANCEL_PUSH on a request stream",
    code: "H3_FRAME_UNEXPECTED",
    act: (scene) => scene.message(concat(headers(scene.head), frame(FrameType.CANCEL_PUSH, varint(0)))),
  },
  {
    name: "a control stream that does not begin with SETTINGS",
    code: "H3_MISSING_SETTINGS",
    act: (scene) => scene.uni(0, concat(varint(0), frame(FrameType.GOAWAY, varint(0)))),
  },
  {
    name: "a duplicate setting",
    code: "H3_SETTINGS_ERROR",
    act: (scene) => scene.uni(0, concat(varint(0), settings([6, 100], [6, 100]))),
  },
  ...[0x2, 0x3, 0x4, 0x5].map(
    (id): Stimulus => ({
      name: `the HTTP/2 setting 0x${id}`,
      code: "H3_SETTINGS_ERROR",
      act: (scene) => scene.uni(0, concat(varint(0), settings([id, 1]))),
    }),
  ),
  {
    name: "a control stream that ends",
    code: "H3_CLOSED_CRITICAL_STREAM",
    act: (scene) => scene.uni(0, concat(varint(0), settings()), true),
  },
];

/** RFC 9114 §4.1.2: a malformed message is a stream error, or a connection error. */
const MESSAGES: readonly (readonly [name: string, fields: FieldSection, by: Role])[] = [
  ["a duplicate pseudo-header field", [...REQUEST, [":method", "GET"]], "client"],
  ["a missing pseudo-header field", REQUEST.slice(1), "client"],
  ["a prohibited pseudo-header field", [...REQUEST, [":status", "200"]], "client"],
  ["a pseudo-header field after a field", [["a", "b"], ...REQUEST], "client"],
  ["a duplicate :status", [...RESPONSE, [":status", "200"]], "server"],
  ["no :status", [["a", "b"]], "server"],
  ["a request's pseudo-header field in a response", [...RESPONSE, [":path", "/"]], "server"],
  [":status after a field", [["a", "b"], ...RESPONSE], "server"],
];

const QPACK: readonly Stimulus[] = [
  {
    name: "a static index that does not exist",
    code: "QPACK_DECOMPRESSION_FAILED",
    act: (scene) => scene.message(frame(FrameType.HEADERS, fromHex("0000ff24"))),
  },
  {
    name: "a capacity above the limit",
    code: "QPACK_ENCODER_STREAM_ERROR",
    act: (scene) => scene.uni(0, concat(varint(2), fromHex("3fffffff7f"))),
  },
  {
    name: "an Insert Count Increment of 0",
    code: "QPACK_DECODER_STREAM_ERROR",
    act: (scene) => scene.uni(0, concat(varint(3), fromHex("00"))),
  },
];

describe.each([
  ["QUIC", TRANSPORT],
  ["transport parameters", PARAMETERS],
  ["TLS", TLS],
  ["HTTP/3", H3],
  ["QPACK", QPACK],
])("%s", (_protocol, stimuli) => {
  const cases = stimuli.flatMap((stimulus) => (stimulus.by ?? both).map((by) => ({ ...stimulus, by })));
  test.each(cases)("$name by a $by: $code", ({ by, code, options, act }) => {
    const scene = new Scene(by, options);
    act?.(scene);
    expect(scene.closeCode).toBe(CODES[code]);
    // h3spec: the victim closes without answering first.
    const answers = scene.peer.frames.filter((sent) => sent.frame.type === "stream" && sent.frame.id === 0);
    if (by === "client") expect(answers).toEqual([]);
  });
});

describe("malformed messages", () => {
  test.each(MESSAGES)("%s: H3_MESSAGE_ERROR", (_name, fields, by) => {
    const scene = new Scene(by);
    scene.message(frame(FrameType.HEADERS, section(fields)));
    const reset = scene.peer.frames.find(
      (sent) => sent.frame.type === "reset-stream" || sent.frame.type === "stop-sending",
    );
    const code = scene.closeCode ?? (reset?.frame as { code: number } | undefined)?.code;
    expect(code).toBe(CODES.H3_MESSAGE_ERROR);
  });
});
