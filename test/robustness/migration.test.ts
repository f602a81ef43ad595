/** Row 28: a client that sends from many addresses, its own or others', after a handshake. */

import { describe, expect, test } from "vitest";
import type { SocketAddress } from "../../src/base/datagrams.ts";
import { SeededRng } from "../../src/base/rng.ts";
import { micros, millis, seconds } from "../../src/base/time.ts";
import { TRANSPORT_ERRORS } from "../../src/quic/errors.ts";
import type { Frame } from "../../src/quic/frame/frames.ts";
import { emitFrame } from "../../src/quic/frame/index.ts";
import { PEER } from "../../src/quic/testing/hostile-peer.ts";
import { EncryptionLevel } from "../../src/tls/index.ts";
import type { Writer } from "../../src/wire/writer.ts";
import { attacker, sent } from "./attack.ts";

const { oneRtt } = EncryptionLevel;
const at = (n: number): SocketAddress => ({ family: 4, host: "203.0.113.1", port: 1_000 + n });
const MAX_ROUTES = 4;

/** A client to which the server sends more with each of its packets. */
function downloading(options: Parameters<typeof attacker>[0] = {}) {
  const parameters = { initialMaxData: 2 ** 30, initialMaxStreamDataBidiLocal: 2 ** 30, activeConnectionIdLimit: 8 };
  const peer = attacker({ parameters, keepsNothing: true, ...options });
  const request: Frame = { type: "stream", id: 0, offset: 0, data: Uint8Array.of(1), fin: true };
  const bytesFrom = new Map<number, number>();
  const send = (from: SocketAddress, frames: readonly Frame[], padTo = 0): void => {
    const payload = (writer: Writer): void => {
      for (const frame of frames) emitFrame(writer, frame);
    };
    const datagram = peer.seal(oneRtt, payload, { padTo });
    bytesFrom.set(from.port, (bytesFrom.get(from.port) ?? 0) + datagram.length);
    const { connection } = peer;
    if (connection.isOpen && connection.writableBytes(0) > 0) connection.write(0, new Uint8Array(10_000), false);
    peer.deliver(datagram, from).poll();
  };
  /** No address has answered a challenge, except the client's. */
  const expectLimits = (): void => {
    for (const [port, bytes] of peer.bytesTo) {
      if (port !== PEER.port) expect([port, bytes <= 3 * (bytesFrom.get(port) ?? 0)]).toEqual([port, true]);
    }
    expect(peer.connection.paths.primary.routes.all.length).toBeLessThanOrEqual(MAX_ROUTES);
  };
  peer.send(oneRtt, [request]);
  return { peer, send, expectLimits };
}

describe("row 28: a client that sends from other addresses", () => {
  test("in turn, between its own packets, makes a server send them at most three times what they sent", () => {
    const { peer, send, expectLimits } = downloading();
    for (let i = 0; i < 600; i += 1) {
      send(i % 2 === 0 ? at(i % 24) : PEER, [{ type: "ping" }], i % 5 === 0 ? 1_200 : 0);
      expectLimits();
      peer.wait(millis(7));
      expectLimits();
    }
    expect(peer.close).toBeUndefined();
    expect(peer.bytesTo.size).toBeGreaterThan(10);
  });

  test("and challenges the server from each gets 64 responses per address and at most three times what it sent", () => {
    const { peer, send, expectLimits } = downloading({ silent: true, keepsNothing: false });
    const challenges = Array.from({ length: 100 }, (_, i): Frame => ({ type: "path-challenge", data: id8(i) }));
    for (let round = 0; round < 40; round += 1) {
      for (let address = 0; address < MAX_ROUTES; address += 1) send(at(address), challenges);
      expectLimits();
    }
    peer.frames.length = 0;
    for (let address = 0; address < MAX_ROUTES; address += 1) send(at(address), challenges);
    expectLimits();
    peer.wait(seconds(1));
    expect(sent(peer, "path-response").length).toBeLessThanOrEqual(2 * 64 * MAX_ROUTES);
    expect(peer.close).toBeUndefined();
  });

  test("of its own, which it has validated, gets 64 responses per second there", () => {
    const { peer, send } = downloading({ silent: true, keepsNothing: false });
    const other = at(0);
    send(other, [{ type: "path-challenge", data: id8(0) }], 1_200);
    const challenges = sent(peer, "path-challenge");
    send(
      other,
      challenges.map(({ data }): Frame => ({ type: "path-response", data })),
      1_200,
    );
    expect(peer.connection.paths.primary.routes.all.every(({ isValidated }) => isValidated)).toBe(true);
    peer.frames.length = 0;
    const before = peer.bytesTo.get(other.port)!;
    for (let i = 0; i < 2_000; i += 1) {
      send(other, [{ type: "path-challenge", data: id8(i) }]);
      peer.wait(millis(1));
    }
    expect(sent(peer, "path-response").length).toBeLessThanOrEqual(64 * 3);
    expect(peer.bytesTo.get(other.port)! - before).toBeLessThanOrEqual(64 * 3 * 1_200);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])("with any frames about paths and ids causes no other error (seed %i)", (seed) => {
    const rng = new SeededRng(seed);
    const below = (limit: number): number => rng.uint32() % limit;
    const { peer, send, expectLimits } = downloading();
    let sequence = 1;
    let retired = 0;
    let hasRetired = false;
    const any = (): Frame => {
      switch (below(9)) {
        case 0:
        case 1:
          return { type: "path-challenge", data: id8(below(256)) };
        case 2:
          return { type: "path-response", data: id8(below(256)) };
        case 3:
        case 4: {
          const isCopy = sequence > 1 && below(8) === 0;
          const own = isCopy ? 1 + below(sequence - 1) : sequence++;
          const retirePriorTo = isCopy ? 0 : Math.max(0, own - below(4));
          const connectionId = Uint8Array.of(7, 7, 7, 7, 7, 7, own >> 8, own);
          return { type: "new-connection-id", sequence: own, retirePriorTo, connectionId, resetToken: token(own) };
        }
        case 5:
          if (hasRetired) return { type: "ping" };
          hasRetired = true;
          return { type: "retire-connection-id", sequence: below(500) === 0 ? below(99) : retired++ };
        default:
          return { type: "ping" };
      }
    };
    for (let i = 0; i < 300 && peer.close === undefined; i += 1) {
      // Not the oldest, which is retired next.
      const ids = [...peer.connection.paths.primary.localIds].slice(1);
      peer.destination = ids[below(ids.length)]!.bytes;
      hasRetired = false;
      const from = below(3) === 0 ? PEER : at(below(6));
      send(from, Array.from({ length: 1 + below(4) }, any), below(3) === 0 ? 1_200 : 0);
      expectLimits();
      if (below(3) === 0) peer.wait(micros(below(200_000)));
      expectLimits();
    }
    const { CONNECTION_ID_LIMIT_ERROR, PROTOCOL_VIOLATION } = TRANSPORT_ERRORS;
    expect([undefined, CONNECTION_ID_LIMIT_ERROR.code, PROTOCOL_VIOLATION.code]).toContain(peer.close?.code);
  });
});

const id8 = (n: number): Uint8Array => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, n);
const token = (n: number): Uint8Array => new Uint8Array(16).fill(n);
