/** A connection with more than one route, and with more than one path (DESIGN §4). */

import { describe, expect, test } from "vitest";
import type { SocketAddress } from "../../base/datagrams.ts";
import { millis, seconds } from "../../base/time.ts";
import type { PathSpace } from "../path/index.ts";
import { CLIENT_ADDRESS, Pair, type PairOptions, SERVER_ADDRESS } from "../testing/pair.ts";

/** Where the client is reached after a change. */
const OTHER_ADDRESS: SocketAddress = { family: 4, host: "10.0.1.1", port: 50_001 };

/** A connected pair whose server counts what it reads. */
function connected(options: PairOptions = {}) {
  const pair = new Pair(options).connect();
  const seen = { received: 0 };
  pair.onEvent = (side, connection, event) => {
    if (side !== "server" || event.type !== "stream-readable") return;
    for (let chunk = connection.read(event.id); chunk !== undefined; chunk = connection.read(event.id)) {
      seen.received += chunk.bytes.length;
    }
  };
  pair.run(undefined, millis(200));
  return { pair, seen };
}

const upload = (pair: Pair, bytes: number): void => {
  const id = pair.connection.openStream("bidi")!;
  expect(pair.connection.write(id, new Uint8Array(bytes), true)).toBe(true);
};

describe("two routes", () => {
  /** Gives both sides a second route and has the client use it. */
  function move({ connection, peer }: Pair) {
    const route = connection.addRoute(connection.paths.primary, {
      local: OTHER_ADDRESS,
      remote: SERVER_ADDRESS,
      validated: true,
    })!;
    peer!.addRoute(peer!.paths.primary, { local: SERVER_ADDRESS, remote: OTHER_ADDRESS, validated: true });
    connection.paths.primary.routes.activate(route);
    return route;
  }

  test("what was sent before the change and is acknowledged after it tells the new route nothing", () => {
    const { pair, seen } = connected({ client: { maxDatagramSize: 1_200 } });
    const before = pair.connection.route;
    upload(pair, 10_000);
    // The datagrams are on their way, none is acknowledged.
    pair.run(undefined, millis(1));
    expect(before.controller.bytesInFlight).toBeGreaterThan(9_000);
    const route = move(pair);
    pair.run(() => before.controller.bytesInFlight === 0, seconds(1));
    expect(seen.received).toBe(10_000);
    expect(before.controller.bytesInFlight).toBe(0);
    expect([route.rtt.hasSample, route.controller.congestionWindow, route.controller.bytesInFlight]).toEqual([
      false,
      12_000,
      0,
    ]);
    // What is sent on it does count.
    upload(pair, 20_000);
    pair.run(() => seen.received === 30_000 && route.controller.bytesInFlight === 0, seconds(1));
    expect(seen.received).toBe(30_000);
    expect(route.rtt.hasSample).toBe(true);
    expect(route.controller.congestionWindow).toBeGreaterThan(12_000);
  });

  test("packets leave from the address of the active route, and count for the budget of theirs", () => {
    const sources: string[] = [];
    const { pair, seen } = connected({
      wire: (datagram, direction, _index, from) => {
        if (direction === "to-server") sources.push(from.host);
        return datagram;
      },
    });
    move(pair);
    sources.length = 0;
    upload(pair, 5_000);
    pair.run(() => seen.received === 5_000, seconds(1));
    expect(seen.received).toBe(5_000);
    expect(new Set(sources)).toEqual(new Set([OTHER_ADDRESS.host]));
  });

  test("what comes from an address that is no route of the connection is dropped and counted", () => {
    const { pair, seen } = connected();
    upload(pair, 100);
    pair.run(() => seen.received === 100, seconds(1));
    const copy = pair.sent["to-server"].at(-1)!;
    const before = pair.peer!.stats.packetsReceived;
    pair.inject("to-server", copy, OTHER_ADDRESS);
    pair.run(undefined, millis(1));
    expect([pair.peer!.stats.datagramsFromElsewhere, pair.peer!.stats.packetsReceived]).toEqual([1, before]);
  });
});

describe("two paths", () => {
  /** Opens path 1 between the client's other address and the server, on both sides. */
  function open({ connection, peer }: Pair): { client: PathSpace; server: PathSpace } {
    const ours = connection.issueConnectionId();
    const theirs = peer!.issueConnectionId();
    return {
      client: connection.openPath({
        id: 1,
        route: { local: OTHER_ADDRESS, remote: SERVER_ADDRESS, validated: true },
        source: ours,
        destinationId: theirs.id,
      }),
      server: peer!.openPath({
        id: 1,
        route: { local: SERVER_ADDRESS, remote: OTHER_ADDRESS, validated: true },
        source: theirs,
        destinationId: ours.id,
      }),
    };
  }

  const only = (wanted: PathSpace) => ({ order: () => [wanted] });

  test("each numbers and acknowledges its own packets", () => {
    const { pair, seen } = connected();
    const { client, server } = open(pair);
    const { primary } = pair.connection.paths;
    const next = primary.nextPacketNumber;
    pair.connection.paths.chooser = only(client);
    upload(pair, 30_000);
    pair.run(() => seen.received === 30_000 && client.routes.active.controller.bytesInFlight === 0, seconds(1));
    expect(seen.received).toBe(30_000);
    expect(client.nextPacketNumber).toBeGreaterThan(20);
    expect(client.recovery.largestAcked(2)).toBeGreaterThanOrEqual(20);
    expect(server.acks.largest).toBe(client.recovery.largestAcked(2));
    expect(client.routes.active.rtt.hasSample).toBe(true);
    // Nothing of it was numbered on the first path.
    expect(primary.nextPacketNumber).toBe(next);
  });

  test("what is lost on one is sent again on the other", () => {
    let toDrop = 0;
    const { pair, seen } = connected({
      wire: (datagram, direction, _index, from) => {
        if (direction !== "to-server" || from !== CLIENT_ADDRESS || toDrop === 0) return datagram;
        toDrop -= 1;
        return undefined;
      },
    });
    const { client, server } = open(pair);
    const { primary } = pair.connection.paths;
    pair.connection.paths.chooser = only(primary);
    toDrop = 2;
    upload(pair, 10_000);
    // All of it has left on the first path.
    pair.run(undefined, millis(1));
    const next = primary.nextPacketNumber;
    pair.connection.paths.chooser = only(client);
    pair.run(() => seen.received === 10_000, seconds(1));
    expect(seen.received).toBe(10_000);
    expect(pair.connection.stats.packetsLost).toBe(2);
    expect(pair.connection.stats.probeTimeouts).toBe(0);
    // The second path carried what they held, and the first nothing more.
    expect(server.acks.largest).toBeGreaterThan(0);
    expect(primary.nextPacketNumber).toBe(next);
  });

  test("the second takes what the window of the first does not", () => {
    const { pair, seen } = connected();
    const { client } = open(pair);
    upload(pair, 200_000);
    pair.run(() => seen.received === 200_000, seconds(5));
    expect(seen.received).toBe(200_000);
    expect(client.nextPacketNumber).toBeGreaterThan(5);
  });

  test("an id that is taken is refused", () => {
    const { pair } = connected();
    open(pair);
    expect(() => open(pair)).toThrow(RangeError);
  });
});
