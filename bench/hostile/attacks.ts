/** The packets of attackers on an HTTP/3 server, with and without a connection. */

import { headers } from "../../src/h3/testing/raw-peer.ts";
import type { Frame } from "../../src/quic/frame/frames.ts";
import { initialPacket } from "../../src/quic/testing/initial.ts";
import { concat } from "../../src/wire/text.ts";

/** Returns the frames of packet `i`, and how to falsify the packet. */
export type ConnectionAttack = (i: number) => {
  readonly frames: readonly Frame[];
  readonly forgery?: "key-phase" | "junk";
};

const PIECE = 1_100;
const EMPTY = new Uint8Array(0);

/** The start of each stream: a control stream, an encoder stream and an unfinished request. */
export const BEGUN = {
  control: Uint8Array.of(0, 4, 0),
  encoder: Uint8Array.of(2, 0x3f, 0xe1, 0x1f, 0x41, 0x61, 0x01, 0x62),
  request: headers([
    [":method", "POST"],
    [":scheme", "https"],
    [":authority", "localhost"],
    [":path", "/stream/1"],
  ]),
} as const;
const IDS = { control: 2, encoder: 6, request: 0 } as const;

const more =
  (stream: keyof typeof BEGUN, piece: Uint8Array): ConnectionAttack =>
  (i) => ({
    frames: [
      { type: "stream", id: IDS[stream], offset: BEGUN[stream].length + i * piece.length, data: piece, fin: false },
    ],
  });

const each =
  (make: (i: number) => Frame): ConnectionAttack =>
  (i) => ({ frames: [make(i)] });

const eightBytes = (i: number): Uint8Array => Uint8Array.of(0, 0, 0, 0, i >> 24, i >> 16, i >> 8, i);

export const CONNECTION_ATTACKS: Readonly<Record<string, ConnectionAttack>> = {
  PING: each(() => ({ type: "ping" })),
  "PING, a hundred in a packet": () => ({ frames: Array.from({ length: 100 }, () => ({ type: "ping" })) }),
  STOP_SENDING: each(() => ({ type: "stop-sending", id: 0, code: 0 })),
  DATA_BLOCKED: each((i) => ({ type: "data-blocked", limit: i })),
  STREAM_DATA_BLOCKED: each((i) => ({ type: "stream-data-blocked", id: 0, limit: i })),
  PATH_CHALLENGE: each((i) => ({ type: "path-challenge", data: eightBytes(i) })),
  RESET_STREAM: each((i) => ({ type: "reset-stream", id: 10 + 4 * (i % 10), code: 0, finalSize: 0 })),
  NEW_CONNECTION_ID: each((i) => ({
    type: "new-connection-id",
    sequence: 1 + i,
    retirePriorTo: 1 + i,
    connectionId: eightBytes(i),
    resetToken: new Uint8Array(16).fill(i),
  })),
  "STREAM without data": each(() => ({ type: "stream", id: 0, offset: 0, data: EMPTY, fin: false })),
  "STREAM of one byte": more("request", Uint8Array.of(0)),
  "empty DATA": more("request", new Uint8Array(PIECE)),
  "QPACK duplicates": more("encoder", new Uint8Array(PIECE)),
  MAX_PUSH_ID: more(
    "control",
    new Uint8Array(PIECE - (PIECE % 3)).map((_, i) => [0x0d, 1, 1][i % 3]!),
  ),
  "turned key phase": () => ({ frames: [{ type: "ping" }], forgery: "key-phase" }),
  "junk 1-RTT": () => ({ frames: [{ type: "ping" }], forgery: "junk" }),
};

/** Returns datagram `i`, which belongs to no connection. */
export type JunkAttack = (i: number) => Uint8Array;

const random = (length: number, ...start: number[]): Uint8Array => {
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  bytes.set(start);
  return bytes;
};

/** A datagram with a valid Initial header (8-byte destination, empty source, no token) and random contents. */
function initialLike(): Uint8Array {
  const bytes = random(1_200, 0xc0, 0, 0, 0, 1, 8);
  bytes.set([0, 0, 0x44, 0x9e], 14);
  return bytes;
}

export const JUNK_ATTACKS: Readonly<Record<string, JunkAttack>> = {
  "random datagrams": () => random(40),
  "short headers of unknown connections": () => random(60, 0x40),
  "unknown version": () => random(1_200, 0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8),
  "Initials that fail to decrypt": () => initialLike(),
  "Initials without ClientHello": (i) => initialPacket({ destination: concat(random(4), eightBytes(i).subarray(4)) }),
};
