/** A path whose MTU changes under a connection (RFC 8899, RFC 9000 §14.3). */

import { describe, expect, test } from "vitest";
import { millis, seconds } from "../../base/time.ts";
import { Pair, type PairOptions } from "../testing/pair.ts";

/** IPv6 with an MTU of 1280. */
const SMALL = 1_280 - 48;

/** A server that sends `download` bytes per request over a path that drops datagrams above `path.largest`. */
function narrowing(download: number, options: PairOptions = {}) {
  const path = { largest: 1_500, dropped: 0, received: 0 };
  const pair = new Pair({
    client: { maxIdleTimeout: seconds(0) },
    server: { maxIdleTimeout: seconds(0) },
    ...options,
    wire: (datagram) => {
      if (datagram.length <= path.largest) return datagram;
      path.dropped += 1;
      return undefined;
    },
  });
  pair.onEvent = (side, connection, event) => {
    if (side === "server" && event.type === "stream-opened") connection.write(event.id, new Uint8Array(download), true);
    if (side === "client" && event.type === "stream-readable") {
      for (let chunk = connection.read(event.id); chunk !== undefined; chunk = connection.read(event.id)) {
        path.received += chunk.bytes.length;
      }
    }
  };
  const request = (): void => void pair.connection.write(pair.connection.openStream("bidi")!, new Uint8Array(9), true);
  pair.connect().run(undefined, millis(500));
  return { pair, path, request, server: pair.peer!.route };
}

describe("a path whose MTU falls to 1280", () => {
  test("in the middle of a download delays it by a few probe timeouts", () => {
    const { pair, path, request, server } = narrowing(3_000_000);
    expect(server.maxDatagramSize).toBe(1_452);
    request();
    pair.run(() => path.received > 1_000_000, seconds(20));
    path.largest = SMALL;
    const begin = pair.now;
    pair.run(() => path.received === 3_000_000, seconds(30));
    expect(path.received).toBe(3_000_000);
    expect(pair.now - begin).toBeLessThan(seconds(3));
    expect(server.maxDatagramSize).toBe(1_200);
  });

  test("also holds up an upload no longer", () => {
    const { pair, path } = narrowing(0);
    const upload = (bytes: number) => {
      const id = pair.connection.openStream("bidi")!;
      pair.connection.write(id, new Uint8Array(bytes), true);
      return () => pair.clientEvents.some((event) => event.type === "stream-finished" && event.id === id);
    };
    pair.onEvent = (side, connection, event) => {
      if (side === "server" && event.type === "stream-readable") while (connection.read(event.id) !== undefined);
    };
    pair.run(upload(500_000), seconds(10));
    path.largest = SMALL;
    const isDone = upload(500_000);
    const begin = pair.now;
    pair.run(isDone, seconds(30));
    expect(isDone()).toBe(true);
    expect(pair.now - begin).toBeLessThan(seconds(3));
  });

  test("is measured again after a minute, and again after ten", () => {
    const { pair, path, request, server } = narrowing(200_000);
    const download = (): void => {
      const before = path.received;
      request();
      pair.run(() => path.received === before + 200_000, seconds(20));
      expect(path.received).toBe(before + 200_000);
      pair.run(undefined, seconds(1));
    };
    download();
    path.largest = SMALL;
    download();
    expect(server.maxDatagramSize).toBe(1_200);
    pair.run(undefined, seconds(61));
    for (let i = 0; i < 5; i += 1) download();
    expect(server.maxDatagramSize).toBeGreaterThan(1_200);
    expect(server.maxDatagramSize).toBeLessThanOrEqual(SMALL);
    // RFC 8899 §5.1.1: the raise timer.
    path.largest = 1_500;
    pair.run(undefined, seconds(601));
    download();
    expect(server.maxDatagramSize).toBe(1_452);
  });

  test("does not stall a client that sends requests one at a time", () => {
    const { pair, path, request } = narrowing(20_000);
    path.largest = SMALL;
    for (let i = 1; i <= 10; i += 1) {
      request();
      pair.run(() => path.received === i * 20_000, seconds(10));
      expect(path.received).toBe(i * 20_000);
    }
    expect(path.dropped).toBeLessThan(60);
  });
});
