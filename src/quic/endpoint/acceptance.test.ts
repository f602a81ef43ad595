/**
 * Which clients are accepted, and what happens to datagrams that belong to no connection (RFC 9000 §5.2, §8.1, §14.1).
 */

import { describe, expect, test } from "vitest";
import { seconds } from "../../base/time.ts";
import { TRANSPORT_ERRORS } from "../errors.ts";
import { formsOf, initialPacket, openInitial } from "../testing/initial.ts";
import { address, Listener } from "../testing/listener.ts";

const idOf = (n: number): Uint8Array => Uint8Array.of(1, 2, 3, 4, 5, 6, n >> 8, n & 0xff);
const first = (n: number) => initialPacket({ destination: idOf(n) });

function refusalCode(bytes: Uint8Array, n: number): unknown {
  const { frames } = openInitial(bytes, idOf(n), "server");
  return frames.find((frame) => frame.type === "connection-close")?.code;
}

describe("unfinished handshakes", () => {
  test("above one limit, clients must prove their address; above another, they are refused", () => {
    const server = new Listener({ policy: { retryAbove: 4, refuseAbove: 6 } });
    for (let n = 0; n < 4; n += 1) server.deliver(first(n), address(n));
    expect(server.endpoint.connectionCount).toBe(4);

    // The fifth gets a Retry, and a connection with its token.
    const proofs = [4, 5].map((n) => {
      const [retry] = server.deliver(first(n), address(n));
      expect(formsOf(retry!.bytes)).toEqual(["retry"]);
      return retry!.bytes;
    });
    expect(server.endpoint.connectionCount).toBe(4);
    for (const [i, bytes] of proofs.entries()) {
      const { source, token } = openRetry(bytes);
      server.deliver(initialPacket({ destination: source, token }), address(4 + i));
    }
    expect(server.endpoint.connectionCount).toBe(6);

    const [refusal] = server.deliver(first(9), address(9));
    expect(refusalCode(refusal!.bytes, 9)).toBe(TRANSPORT_ERRORS.CONNECTION_REFUSED.code);
    expect(server.endpoint.connectionCount).toBe(6);

    // Handshakes that fail make room again.
    server.wait(seconds(11));
    expect(server.endpoint.connectionCount).toBe(0);
    server.deliver(first(20), address(20));
    expect(server.endpoint.connectionCount).toBe(1);
  });

  test("are not counted again for retransmissions", () => {
    const server = new Listener();
    for (let n = 0; n < 10; n += 1) server.deliver(first(1), address(1));
    expect(server.endpoint.connectionCount).toBe(1);
  });
});

test("a server that no longer accepts connections refuses new ones", () => {
  const server = new Listener();
  server.endpoint.isAccepting = false;
  const [refusal] = server.deliver(first(1));
  expect(refusalCode(refusal!.bytes, 1)).toBe(TRANSPORT_ERRORS.CONNECTION_REFUSED.code);
  expect(server.endpoint.connectionCount).toBe(0);
});

test("a server never exceeds its connection limit", () => {
  const server = new Listener({ policy: { maxConnections: 2 } });
  for (let n = 0; n < 2; n += 1) server.deliver(first(n), address(n));
  const [refusal] = server.deliver(first(2), address(2));
  expect(refusalCode(refusal!.bytes, 2)).toBe(TRANSPORT_ERRORS.CONNECTION_REFUSED.code);
});

describe("dropped without a response", () => {
  // A server that announces grease_quic_bit takes zeros for a packet of a lost connection.
  const server = new Listener({ config: { greaseQuicBit: false } });
  const rows: readonly (readonly [string, Uint8Array])[] = [
    ["nothing", new Uint8Array(0)],
    ["a byte", Uint8Array.of(0xc0)],
    ["zeros", new Uint8Array(1_200)],
    ["a first datagram of 1199 bytes", initialPacket({ destination: idOf(1), length: 1_199 })],
    ["a destination id of 7 bytes", initialPacket({ destination: new Uint8Array(7) })],
    ["a Handshake packet", initialPacket({ destination: idOf(2) }).map((byte, i) => (i === 0 ? 0xe0 : byte))],
    ["a 0-RTT packet", initialPacket({ destination: idOf(2) }).map((byte, i) => (i === 0 ? 0xd0 : byte))],
    ["a Retry", initialPacket({ destination: idOf(2) }).map((byte, i) => (i === 0 ? 0xf0 : byte))],
    ["a packet longer than its datagram", first(3).map((byte, i) => (i === 24 ? 0x7f : byte))],
  ];
  test.each(rows)("%s", (_name, datagram) => {
    expect(server.deliver(datagram)).toEqual([]);
    expect(server.endpoint.connectionCount).toBe(0);
  });
});

function openRetry(bytes: Uint8Array): { source: Uint8Array; token: Uint8Array } {
  const destinationLength = bytes[5]!;
  const sourceLength = bytes[6 + destinationLength]!;
  const at = 7 + destinationLength;
  return { source: bytes.slice(at, at + sourceLength), token: bytes.slice(at + sourceLength, bytes.length - 16) };
}
