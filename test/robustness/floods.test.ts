/** Work without progress (RFC 9000 §21.9, RFC 9114 §10.5): peers that flood, and peers that are busy. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SeededRng } from "../../src/base/rng.ts";
import { millis, seconds } from "../../src/base/time.ts";
import { H3_ERRORS, H3Connection } from "../../src/h3/index.ts";
import { frame, REQUEST, section, settings } from "../../src/h3/testing/raw-peer.ts";
import { DEFAULT_DATAGRAM_LIMITS } from "../../src/quic/datagram/index.ts";
import { TRANSPORT_ERRORS } from "../../src/quic/errors.ts";
import type { Frame } from "../../src/quic/frame/frames.ts";
import { isTransportEvent } from "../../src/quic/index.ts";
import type { HostilePeer } from "../../src/quic/testing/hostile-peer.ts";
import { EncryptionLevel } from "../../src/tls/index.ts";
import { emitNewSessionTicket } from "../../src/tls/messages/new-session-ticket.ts";
import { concat } from "../../src/wire/text.ts";
import { runs } from "../properties/runs.ts";
import { attacker } from "./attack.ts";
import { busy } from "./busy.ts";

const { oneRtt } = EncryptionLevel;
const EXCESSIVE_LOAD = H3_ERRORS.H3_EXCESSIVE_LOAD.code;
const PIECE = 1_100;

/** An attacker of an HTTP/3 server, with a control stream, an encoder stream and an unfinished request. */
function h3Attacker(): HostilePeer {
  const victim = { ackFrequency: true, datagrams: DEFAULT_DATAGRAM_LIMITS };
  const peer = attacker({ alpn: "h3", keepsNothing: true, victim });
  const h3 = new H3Connection(peer.connection, { rng: new SeededRng(1) });
  peer.onEvent = (_connection, event) => {
    if (!isTransportEvent(event)) return;
    h3.handleTransportEvent(event);
    for (let next = h3.pollEvent(); next !== undefined; next = h3.pollEvent()) {
      if (next.type === "data") while (h3.readData(next.id) !== undefined);
    }
  };
  peer.onEvent(peer.connection, { type: "connected", alpn: "h3" });
  const stream = (id: number, data: Uint8Array): Frame => ({ type: "stream", id, offset: 0, data, fin: false });
  peer.send(oneRtt, [stream(2, CONTROL), stream(6, ENCODER), stream(0, HEAD)]);
  return peer;
}

const CONTROL = concat(Uint8Array.of(0), settings());
const ENCODER = Uint8Array.of(2, 0x3f, 0xe1, 0x1f, 0x41, 0x61, 0x01, 0x62);
const HEAD = frame(1, section([[":method", "POST"], ...REQUEST.slice(1)]));

const NEW_ID: Frame = {
  type: "new-connection-id",
  sequence: 1,
  retirePriorTo: 0,
  connectionId: new Uint8Array(8).fill(9),
  resetToken: new Uint8Array(16),
};

/** The frames of packet `i`. */
type Flood = (i: number) => Frame[];

const repeated = (made: Frame): Frame[] => Array.from({ length: 100 }, () => made);

/** Continues a stream that has `begun` bytes. */
const more =
  (id: number, begun: number, piece: Uint8Array): Flood =>
  (i) => [{ type: "stream", id, offset: begun + i * piece.length, data: piece, fin: false }];

const FLOODS: readonly (readonly [string, Flood])[] = [
  ["PING", () => [{ type: "ping" }]],
  ["PADDING", () => [{ type: "padding", length: 20 }]],
  ["a hundred PING in a packet", () => repeated({ type: "ping" })],
  ["STOP_SENDING", () => [{ type: "stop-sending", id: 0, code: 0 }]],
  ["DATA_BLOCKED", (i) => [{ type: "data-blocked", limit: i }]],
  ["STREAM_DATA_BLOCKED", (i) => [{ type: "stream-data-blocked", id: 0, limit: i }]],
  ["STREAMS_BLOCKED", (i) => [{ type: "streams-blocked", direction: "uni", limit: i }]],
  ["MAX_DATA", (i) => [{ type: "max-data", maximum: 2_000_000 + i }]],
  ["MAX_STREAM_DATA", (i) => [{ type: "max-stream-data", id: 0, maximum: 200_000 + i }]],
  ["PATH_CHALLENGE", (i) => [{ type: "path-challenge", data: Uint8Array.of(0, 0, 0, 0, 0, 0, i >> 8, i) }]],
  ["PATH_RESPONSE", () => [{ type: "path-response", data: new Uint8Array(8) }]],
  ["STREAM without data", () => [{ type: "stream", id: 0, offset: 0, data: new Uint8Array(0), fin: false }]],
  ["STREAM with duplicate data", () => [{ type: "stream", id: 0, offset: 0, data: HEAD, fin: false }]],
  ["one-byte STREAM", more(0, HEAD.length, frame(0, Uint8Array.of(1)))],
  ["empty DATA", more(0, HEAD.length, new Uint8Array(PIECE))],
  [
    "empty unknown frames",
    more(
      0,
      HEAD.length,
      new Uint8Array(PIECE).map((_, i) => (i % 2 === 0 ? 0x21 : 0)),
    ),
  ],
  [
    "MAX_PUSH_ID",
    more(
      2,
      CONTROL.length,
      new Uint8Array(PIECE - (PIECE % 3)).map((_, i) => [0x0d, 1, 1][i % 3]!),
    ),
  ],
  ["QPACK duplicates", more(6, ENCODER.length, new Uint8Array(PIECE))],
  ["IMMEDIATE_ACK", () => [{ type: "immediate-ack" }]],
  [
    "ACK_FREQUENCY",
    (i) => [{ type: "ack-frequency", sequence: i, threshold: i % 2, maxAckDelay: millis(25), reordering: 0 }],
  ],
  ["DATAGRAM that nobody reads", () => [{ type: "datagram", data: new Uint8Array(PIECE), hasLength: true }]],
  ["empty DATAGRAM", () => repeated({ type: "datagram", data: new Uint8Array(0), hasLength: true })],
  ["copies of NEW_CONNECTION_ID", () => repeated(NEW_ID)],
  ["RESET_STREAM for unused streams", (i) => [{ type: "reset-stream", id: 10 + 4 * (i % 10), code: 0, finalSize: 0 }]],
];

describe("a flood", () => {
  test.each(FLOODS)("of %s closes the connection with H3_EXCESSIVE_LOAD", (_name, flood) => {
    const peer = h3Attacker();
    let packets = 0;
    for (; peer.close === undefined && packets < 12_000; packets += 1) peer.send(oneRtt, flood(packets));
    expect(peer.close).toMatchObject({ layer: "application", code: EXCESSIVE_LOAD });
    expect(packets).toBeLessThan(12_000);
  });

  test("in another protocol closes the connection with PROTOCOL_VIOLATION", () => {
    const peer = attacker({ keepsNothing: true });
    for (let i = 0; i < 12_000 && peer.close === undefined; i += 1) peer.send(oneRtt, [{ type: "ping" }]);
    expect(peer.close).toMatchObject({ layer: "transport", code: TRANSPORT_ERRORS.PROTOCOL_VIOLATION.code });
  });

  test("gets eight datagrams of a batch processed once half the budget is spent", () => {
    const peer = h3Attacker();
    for (let i = 0; i < 6_000; i += 1) peer.send(oneRtt, [{ type: "ping" }]);
    const { packetsReceived } = peer.connection.stats;
    peer.deliverAll(Array.from({ length: 60 }, () => peer.seal(oneRtt, Uint8Array.of(1))));
    expect(peer.connection.stats).toMatchObject({ packetsReceived: packetsReceived + 8, datagramsShed: 52 });
  });

  test("causes no decryption after the connection is closed", () => {
    const peer = h3Attacker();
    for (let i = 0; i < 12_000 && peer.close === undefined; i += 1) peer.send(oneRtt, [{ type: "ping" }]);
    const { packetsReceived, packetsDropped } = peer.connection.stats;
    for (let i = 0; i < 100; i += 1) peer.send(oneRtt, [{ type: "ping" }]);
    expect(peer.connection.stats).toMatchObject({ packetsReceived, packetsDropped });
  });

  test("does not include three thousand packets per second", () => {
    const peer = h3Attacker();
    for (let second = 0; second < 20; second += 1) {
      for (let i = 0; i < 3_000; i += 1) peer.send(oneRtt, [{ type: "ping" }]);
      peer.wait(seconds(1));
    }
    expect(peer.close).toBeUndefined();
  });
});

/** Session tickets as small as possible, of which a packet has room for dozens. */
function tickets(count: number, lifetime: number): Uint8Array {
  const fields = { ticketAgeAdd: 0, ticketNonce: new Uint8Array(0), ticket: Uint8Array.of(1), extensions: {} };
  const one = emitNewSessionTicket({ ticketLifetime: lifetime, ...fields });
  return concat(...Array.from({ length: count }, () => one));
}

describe("a server's flood", () => {
  test.each([3_600, 0])("of session tickets with a lifetime of %i s closes the connection", (lifetime) => {
    const peer = attacker({ role: "server", keepsNothing: true });
    let kept = 0;
    peer.onEvent = (_connection, { type }) => {
      if (type === "session") kept += 1;
    };
    const data = tickets(50, lifetime);
    let packets = 0;
    for (; peer.close === undefined && packets < 1_000; packets += 1) {
      peer.send(oneRtt, [{ type: "crypto", offset: packets * data.length, data }]);
    }
    expect(peer.close?.code).toBe(TRANSPORT_ERRORS.PROTOCOL_VIOLATION.code);
    // Their keys are derived at a cost like that of packets.
    expect(50 * packets).toBeLessThan(20_000);
    expect(kept).toBeLessThan(20_000);
  });

  test("of session tickets is not what a server sends that renews them every ten seconds", () => {
    const peer = attacker({ role: "server", keepsNothing: true });
    const data = tickets(8, 3_600);
    for (let i = 0; i < 500; i += 1) {
      peer.send(oneRtt, [{ type: "crypto", offset: i * data.length, data }, { type: "ping" }]).wait(seconds(10));
    }
    expect(peer.close).toBeUndefined();
  });
});

describe("an honest peer", () => {
  test("that sends many datagrams which are read is never restricted", () => {
    const peer = attacker({ keepsNothing: true, victim: { datagrams: DEFAULT_DATAGRAM_LIMITS } });
    let read = 0;
    peer.onEvent = (connection, { type }) => {
      if (type !== "datagram-readable") return;
      while (connection.readDatagram() !== undefined) read += 1;
    };
    const frame: Frame = { type: "datagram", data: new Uint8Array(PIECE), hasLength: true };
    // 60 Mbit/s for four seconds.
    for (let i = 0; i < 400; i += 1) {
      for (let n = 0; n < 70; n += 1) peer.send(oneRtt, [frame]);
      peer.wait(millis(10));
    }
    expect(peer.close).toBeUndefined();
    expect([read, peer.connection.stats.datagramsShed]).toEqual([28_000, 0]);
  });

  const impairment = fc.record({
    loss: fc.constantFrom(0, 0.02, 0.1),
    reordering: fc.constantFrom(0, 0.1),
    duplication: fc.constantFrom(0, 0.3, 1),
  });

  test("that uploads and downloads a lot is never restricted", () => {
    const size = fc.integer({ min: 1, max: 3_000_000 });
    fc.assert(
      fc.property(fc.nat(), impairment, size, size, (seed, link, up, down) => {
        const { server } = busy({ seed, link, requests: 1, concurrency: 1, up, down });
        expect(server.isOpen).toBe(true);
        expect(server.stats.datagramsShed).toBe(0);
      }),
      { numRuns: runs(15) },
    );
  });

  test("that makes thousands of small requests is never restricted", () => {
    const size = fc.integer({ min: 1, max: 200 });
    fc.assert(
      fc.property(
        fc.nat(),
        impairment,
        size,
        size,
        fc.constantFrom(1, 10, 500),
        (seed, link, up, down, concurrency) => {
          const { server } = busy({ seed, link, requests: 3_000, concurrency, up, down });
          expect(server.isOpen).toBe(true);
          expect(server.stats.datagramsShed).toBe(0);
        },
      ),
      { numRuns: runs(6) },
    );
  });
});
