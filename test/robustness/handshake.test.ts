/** Rows 7, 8: memory for unverified peers. */

import { describe, expect, test } from "vitest";
import { seconds } from "../../src/base/time.ts";
import { TRANSPORT_ERRORS } from "../../src/quic/errors.ts";
import { initialPacket } from "../../src/quic/testing/initial.ts";
import { address, Listener } from "../../src/quic/testing/listener.ts";
import { EncryptionLevel } from "../../src/tls/index.ts";
import { attacker, growth, KIB, MIB } from "./attack.ts";

const { CRYPTO_BUFFER_EXCEEDED } = TRANSPORT_ERRORS;

describe("row 7: CRYPTO buffer", () => {
  test.each([EncryptionLevel.initial, EncryptionLevel.handshake, EncryptionLevel.oneRtt] as const)(
    "an offset of 2^20 at level %i",
    (level) => {
      const peer = attacker({
        withholdFinished: level !== EncryptionLevel.oneRtt,
        silent: level === EncryptionLevel.initial,
      });
      const used = growth(() => {
        peer.send(level, [{ type: "crypto", offset: 2 ** 20, data: Uint8Array.of(1) }]);
        return peer;
      });
      expect(peer.close?.code).toBe(CRYPTO_BUFFER_EXCEEDED.code);
      expect(used).toBeLessThan(512 * KIB);
    },
  );

  test.each([EncryptionLevel.handshake, EncryptionLevel.oneRtt] as const)(
    "sparse bytes at level %i: at most 64 pieces",
    (level) => {
      const peer = attacker({ withholdFinished: level !== EncryptionLevel.oneRtt });
      let pieces = 0;
      while (peer.close === undefined && pieces < 1_000) {
        pieces += 1;
        peer.send(level, [{ type: "crypto", offset: 2_000 + 2 * pieces, data: Uint8Array.of(1) }]);
      }
      expect(peer.close?.code).toBe(CRYPTO_BUFFER_EXCEEDED.code);
      expect(pieces).toBe(65);
    },
  );

  test("a message larger than 64 KiB is refused by its header", () => {
    const peer = attacker({ role: "server" });
    const offset = peer.cryptoSent(EncryptionLevel.oneRtt);
    peer.send(EncryptionLevel.oneRtt, [{ type: "crypto", offset, data: Uint8Array.of(4, 0x01, 0x00, 0x01) }]);
    // CRYPTO_ERROR with decode_error.
    expect(peer.close?.code).toBe(0x100 + 50);
  });
});

describe("row 8: state before the handshake", () => {
  const destination = (n: number): Uint8Array => Uint8Array.of(8, 8, 8, 8, 8, n >> 16, n >> 8, n);

  test("for spoofed Initials is bounded, and freed after the handshake timeout", () => {
    const server = new Listener({ policy: { retryAbove: 200, refuseAbove: 400 } });
    const connections: number[] = [];
    const used = growth(() => {
      for (let n = 0; n < 1_500; n += 1) {
        server.deliver(initialPacket({ destination: destination(n) }), address(n));
        connections.push(server.endpoint.connectionCount);
      }
      server.wait(seconds(21));
      return server;
    });
    expect(Math.max(...connections)).toBe(200);
    expect(server.endpoint.connectionCount).toBe(0);
    expect(used).toBeLessThan(4 * MIB);
    expect(server.endpoint.nextTimeout()).toBeUndefined();
  });

  test("does not include coalesced packets for another connection", () => {
    const server = new Listener();
    const used = growth(() => {
      for (let n = 0; n < 500; n += 1) {
        // All for one connection, followed by a Handshake packet for another.
        const datagram = new Uint8Array(2_400);
        datagram.set(initialPacket({ destination: destination(0), packetNumber: n }));
        datagram.set([0xe0, 0, 0, 0, 1, 8, ...destination(7), 0, 0x44, 0x80], 1_200);
        server.deliver(datagram);
      }
      return server;
    });
    expect(server.endpoint.connectionCount).toBe(1);
    expect(used).toBeLessThan(MIB);
  });

  test("includes copies of ten packets that cannot be decrypted yet", () => {
    const peer = attacker({ withholdFinished: true });
    const before = peer.connection.stats.packetsDropped;
    const used = growth(() => {
      for (let n = 0; n < 1_000; n += 1) {
        const short = new Uint8Array(1_400).fill(n);
        short.set([0x40, ...peer.destination]);
        peer.deliver(short);
      }
      return peer;
    });
    expect(peer.connection.stats.packetsDropped - before).toBe(990);
    expect(used).toBeLessThan(512 * KIB);
    expect(peer.connection.isOpen).toBe(true);
  });
});
