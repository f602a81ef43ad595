/** Greasing: what peers must ignore is sent at random, so that they keep ignoring it (RFC 9287, RFC 9000 §18.1, §6.3). */

import { describe, expect, it } from "vitest";
import { EncryptionLevel } from "../../tls/handshake.ts";
import { HostilePeer } from "../testing/hostile-peer.ts";
import { Pair, type PairOptions } from "../testing/pair.ts";

const QUIC_BIT = 0x40;

const isCleared = (datagram: Uint8Array): boolean => (datagram[0]! & QUIC_BIT) === 0;
const isShort = (datagram: Uint8Array): boolean => datagram[0]! < 0x80;

/** The number of 1-RTT datagrams with and without the bit that each side sent in a transfer. */
function transfer(options: PairOptions = {}) {
  const pair = new Pair(options).connect();
  const id = pair.connection.openStream("bidi")!;
  pair.connection.write(id, new Uint8Array(100_000), true);
  let received = 0;
  pair.onEvent = (side, connection, event) => {
    if (side !== "server" || event.type !== "stream-readable") return;
    for (let chunk = connection.read(id); chunk !== undefined; chunk = connection.read(id)) {
      received += chunk.bytes.length;
    }
  };
  pair.run(() => received === 100_000);
  expect(received).toBe(100_000);
  const count = (datagrams: readonly Uint8Array[]) => {
    const short = datagrams.filter(isShort);
    const cleared = short.filter(isCleared).length;
    return { cleared, set: short.length - cleared };
  };
  return { pair, client: count(pair.sent["to-server"]), server: count(pair.sent["to-client"]) };
}

describe("the QUIC Bit", () => {
  it("is random in both directions between endpoints that announce it, and nothing is lost", () => {
    const { pair, client, server } = transfer();
    for (const { cleared, set } of [client, server]) {
      expect(cleared).toBeGreaterThan(0);
      expect(set).toBeGreaterThan(0);
    }
    expect(pair.connection.stats.packetsLost + pair.peer!.stats.packetsLost).toBe(0);
    expect(pair.peer!.stats.packetsDropped).toBe(0);
  });

  it("is 1 before a side knows the other's parameters", () => {
    const pair = new Pair().connect();
    const firstOfServer = pair.sentAt["to-client"][0]!;
    pair.sent["to-server"].forEach((datagram, i) => {
      if (pair.sentAt["to-server"][i]! <= firstOfServer) expect(isCleared(datagram)).toBe(false);
    });
  });

  it.each([
    ["the server", { server: { greaseQuicBit: false } }],
    ["the client", { client: { greaseQuicBit: false } }],
  ])("is always 1 if %s does not take part", (_, options) => {
    const { client, server } = transfer(options);
    expect([client.cleared, server.cleared]).toEqual([0, 0]);
  });

  it("depends on the seed only", () => {
    expect(transfer({ seed: 3 }).client).toEqual(transfer({ seed: 3 }).client);
  });

  it.each([
    [true, 1],
    [false, 0],
  ])("packets without it are accepted only if that was announced (%s)", (greaseQuicBit, handled) => {
    const peer = new HostilePeer({ role: "client", victim: { greaseQuicBit } }).handshake();
    const before = peer.connection.stats.packetsReceived;
    peer.send(EncryptionLevel.oneRtt, [{ type: "ping" }], { clearedBits: QUIC_BIT });
    expect(peer.connection.stats.packetsReceived - before).toBe(handled);
  });
});
