/** Key updates of live connections (RFC 9001 §6). */

import { describe, expect, test } from "vitest";
import { millis, seconds } from "../../base/time.ts";
import { EncryptionLevel } from "../../tls/index.ts";
import { HostilePeer } from "../testing/hostile-peer.ts";
import { Pair, type PairOptions } from "../testing/pair.ts";

const SIZE = 400_000;
const CHUNK = 20_000;

/** The server sends, the client reads. `during` is called after every tenth of the transfer. */
function download(options: PairOptions, during: (pair: Pair, tenth: number) => void = () => {}): Pair {
  const pair = new Pair(options).connect();
  const content = new Uint8Array(SIZE).map((_, i) => i % 251);
  let sent = 0;
  let received = 0;
  let tenth = 0;
  pair.onEvent = (side, connection, event) => {
    if (side === "server" && (event.type === "stream-readable" || event.type === "stream-writable")) {
      while (connection.read(event.id) !== undefined);
      for (let hasRoom = true; hasRoom && sent < SIZE; sent += CHUNK) {
        hasRoom = connection.write(event.id, content.subarray(sent, sent + CHUNK), sent + CHUNK >= SIZE);
      }
    }
    if (side !== "client" || event.type !== "stream-readable") return;
    for (let chunk = connection.read(event.id); chunk !== undefined; chunk = connection.read(event.id)) {
      for (const byte of chunk.bytes) {
        if (byte !== received % 251) throw new Error(`byte ${received} is wrong`);
        received += 1;
      }
    }
    for (; tenth < Math.floor((received * 10) / SIZE); tenth += 1) during(pair, tenth);
  };
  pair.connection.write(pair.connection.openStream("bidi")!, Uint8Array.of(1), true);
  pair.run(() => received === SIZE, seconds(60));
  expect(received).toBe(SIZE);
  return pair;
}

describe("during a transfer", () => {
  test("the receiver updates keys", () => {
    let updates = 0;
    const pair = download({}, ({ connection }) => void (updates += connection.updateKeys() ? 1 : 0));
    expect(updates).toBeGreaterThanOrEqual(1);
    expect(pair.connection.isOpen && pair.peer!.isOpen).toBe(true);
  });

  test("the sender updates keys", () => {
    let updates = 0;
    const pair = download({}, ({ peer }) => void (updates += peer!.updateKeys() ? 1 : 0));
    expect(updates).toBeGreaterThanOrEqual(1);
    expect(pair.connection.isOpen && pair.peer!.isOpen).toBe(true);
  });

  test("both sides update keys, with loss", () => {
    let updates = 0;
    const options: PairOptions = { wire: (datagram, _direction, index) => (index % 9 === 8 ? undefined : datagram) };
    const pair = download(options, ({ connection, peer }) => {
      updates += (connection.updateKeys() ? 1 : 0) + (peer!.updateKeys() ? 1 : 0);
    });
    expect(updates).toBeGreaterThanOrEqual(2);
    expect(pair.connection.isOpen && pair.peer!.isOpen).toBe(true);
  });

  test("keys are updated automatically after enough use", () => {
    const pair = download({ server: { keyUpdateAfter: 50 }, delay: millis(1) });
    expect(pair.peer!.keyGeneration).toBeGreaterThanOrEqual(1);
    expect(pair.connection.keyGeneration).toBe(pair.peer!.keyGeneration);
  });
});

test("keys are not updated before the handshake is confirmed", () => {
  const pair = new Pair();
  pair.run(() => pair.connection.isHandshakeComplete);
  expect(pair.connection.updateKeys()).toBe(false);
});

test("forged packets of the next phase change nothing (RFC 9001 §6.3)", () => {
  const peer = new HostilePeer({ role: "client" }).handshake();
  const genuine = () => peer.seal(EncryptionLevel.oneRtt, Uint8Array.of(1));
  for (let i = 0; i < 200; i += 1) {
    // Sealed with the keys of the current phase, but with the Key Phase bit flipped: a forgery.
    peer.deliver(peer.seal(EncryptionLevel.oneRtt, Uint8Array.of(1), { keyPhase: 1 }));
  }
  peer.poll();
  expect(peer.connection.keyGeneration).toBe(0);
  const { packetsReceived, packetsDropped } = peer.connection.stats;
  expect(packetsDropped).toBeGreaterThanOrEqual(200);
  peer.deliver(genuine()).poll();
  expect(peer.connection.stats.packetsReceived).toBe(packetsReceived + 1);
  expect(peer.connection.isOpen).toBe(true);
});
