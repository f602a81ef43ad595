/** The path under a connection: datagram sizes, and packets that arrive out of order. */

import { describe, expect, test } from "vitest";
import { millis, seconds } from "../../base/time.ts";
import { concat } from "../../wire/text.ts";
import { HostilePeer } from "../testing/hostile-peer.ts";
import { headersOf } from "../testing/initial.ts";
import { Pair } from "../testing/pair.ts";

/** Sends to the server, which reads. Returns true if everything arrived. */
function upload(pair: Pair, bytes: number): boolean {
  let received = 0;
  const content = new Uint8Array(bytes);
  const id = pair.connection.openStream("bidi")!;
  pair.onEvent = (side, connection, event) => {
    if (side !== "server" || event.type !== "stream-readable") return;
    for (let chunk = connection.read(event.id); chunk !== undefined; chunk = connection.read(event.id)) {
      received += chunk.bytes.length;
    }
  };
  pair.connection.write(id, content, true);
  pair.run(() => received === bytes, seconds(120));
  return received === bytes;
}

describe("path MTU discovery (RFC 9000 §14.3)", () => {
  test("finds 1452 bytes on a path that takes them", () => {
    const pair = new Pair().connect();
    upload(pair, 100_000);
    expect(pair.connection.route.maxDatagramSize).toBe(1_452);
    expect(pair.peer!.route.maxDatagramSize).toBe(1_452);
  });

  test("finds the size of a narrower path, without losing data to probes", () => {
    const pair = new Pair({ wire: (datagram) => (datagram.length > 1_350 ? undefined : datagram) }).connect();
    expect(upload(pair, 200_000)).toBe(true);
    pair.run(undefined, seconds(5));
    const { maxDatagramSize } = pair.connection.route;
    expect(maxDatagramSize).toBeGreaterThan(1_300);
    expect(maxDatagramSize).toBeLessThanOrEqual(1_350);
  });

  test("survives a path whose MTU shrinks", () => {
    let widest = 1_500;
    const pair = new Pair({ wire: (datagram) => (datagram.length > widest ? undefined : datagram) }).connect();
    upload(pair, 50_000);
    expect(pair.connection.route.maxDatagramSize).toBe(1_452);
    widest = 1_250;
    expect(upload(pair, 50_000)).toBe(true);
    expect(pair.connection.route.maxDatagramSize).toBeLessThanOrEqual(1_250);
  });

  test("never probes above the peer's limit, nor before the handshake is confirmed", () => {
    const pair = new Pair({ client: { maxDatagramSize: 1_200 }, server: { maxDatagramSize: 1_300 } }).connect();
    upload(pair, 50_000);
    expect(Math.max(...pair.sent["to-server"].map(({ length }) => length))).toBe(1_200);
    expect(Math.max(...pair.sent["to-client"].map(({ length }) => length))).toBe(1_300);
  });

  test("does not delay pending frames", () => {
    const { frames } = new HostilePeer({ role: "client" }).handshake();
    const probe = frames.findIndex(({ frame }) => frame.type === "padding" && frame.length > 1_400);
    expect(probe).toBeGreaterThan(0);
    for (const type of ["handshake-done", "new-token", "new-connection-id"]) {
      expect(frames.findIndex(({ frame }) => frame.type === type)).toBeLessThan(probe);
    }
  });
});

describe("packets that overtake the keys they need (RFC 9001 §5.7)", () => {
  test("are buffered, and handled when the keys arrive", () => {
    let isSplit = false;
    const pair: Pair = new Pair({
      wire: (datagram, direction, index) => {
        if (direction !== "to-server" || index === 0 || isSplit) return datagram;
        const headers = headersOf(datagram);
        if (!headers.some(({ form }) => form === "one-rtt")) return datagram;
        isSplit = true;
        // The 1-RTT packet first, then the Handshake packet that provides its keys.
        for (const { start, end } of headers.reverse()) pair.inject("to-server", datagram.slice(start, end));
        return undefined;
      },
    });
    let received = "";
    pair.onEvent = (side, connection, event) => {
      if (side === "client" && event.type === "connected") {
        connection.write(connection.openStream("bidi")!, new TextEncoder().encode("early"), true);
      }
      if (side !== "server" || event.type !== "stream-readable") return;
      for (let chunk = connection.read(event.id); chunk !== undefined; chunk = connection.read(event.id)) {
        received += new TextDecoder().decode(chunk.bytes);
      }
    };
    const begin = pair.now;
    pair.run(() => received === "early", seconds(5));
    expect(isSplit).toBe(true);
    expect(received).toBe("early");
    // Without a retransmission: one and a half round trips.
    expect(pair.now - begin).toBeLessThan(millis(40));
  });

  test("are limited to ten, and dropped with the handshake", () => {
    const held: Uint8Array[] = [];
    const pair: Pair = new Pair({
      wire: (datagram, direction) => {
        // The server's Initial never reaches the client, so everything else arrives too early.
        if (direction !== "to-client" || headersOf(datagram)[0]?.form !== "initial") return datagram;
        held.push(datagram);
        return undefined;
      },
    });
    pair.run(undefined, millis(100));
    const handshake = held.flatMap((datagram) =>
      headersOf(datagram)
        .filter(({ form }) => form === "handshake")
        .map(({ start, end }) => datagram.slice(start, end)),
    );
    expect(handshake.length).toBeGreaterThan(0);
    for (let i = 0; i < 50; i += 1) pair.inject("to-client", concat(handshake[i % handshake.length]!));
    pair.run(undefined, millis(1));
    expect(pair.connection.stats.packetsDropped).toBe(50 - 10);
    for (const datagram of held) pair.inject("to-client", datagram);
    pair.run(() => pair.connection.isHandshakeComplete, seconds(1));
    expect(pair.connection.isHandshakeComplete).toBe(true);
  });
});
