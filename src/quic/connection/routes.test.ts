/** Connections with several routes, and with several paths. */

import { describe, expect, test } from "vitest";
import type { SocketAddress } from "../../base/datagrams.ts";
import { millis, seconds } from "../../base/time.ts";
import type { PathSpace } from "../path/index.ts";
import { CLIENT_ADDRESS, Pair, type PairOptions, SERVER_ADDRESS } from "../testing/pair.ts";

/** The client's address after a change. */
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
  /** Adds a second route on both sides and makes the client use it. */
  function move({ connection, peer }: Pair) {
    const route = connection.addRoute(connection.paths.primary, {
      local: OTHER_ADDRESS,
      remote: SERVER_ADDRESS,
      validated: true,
    })!;
    peer!.addRoute(peer!.paths.primary, { local: SERVER_ADDRESS, remote: OTHER_ADDRESS, validated: true });
    connection.activateRoute(connection.paths.primary, route);
    return route;
  }

  test("packets sent before the change and acknowledged after it do not count for the new route", () => {
    const { pair, seen } = connected({ client: { maxDatagramSize: 1_200 } });
    const before = pair.connection.route;
    upload(pair, 10_000);
    // The datagrams are in flight, none is acknowledged.
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
    // Packets sent on it do count.
    upload(pair, 20_000);
    pair.run(() => seen.received === 30_000 && route.controller.bytesInFlight === 0, seconds(1));
    expect(seen.received).toBe(30_000);
    expect(route.rtt.hasSample).toBe(true);
    expect(route.controller.congestionWindow).toBeGreaterThan(12_000);
  });

  test("packets leave from the address of the active route, and count towards its own budget", () => {
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

  test("datagrams to a client from an address that is not a route of the connection are dropped and counted", () => {
    const { pair, seen } = connected();
    upload(pair, 100);
    pair.run(() => seen.received === 100, seconds(1));
    const copy = pair.sent["to-client"].at(-1)!;
    const before = pair.connection.stats.packetsReceived;
    pair.inject("to-client", copy, OTHER_ADDRESS);
    pair.run(undefined, millis(1));
    expect([pair.connection.stats.datagramsFromElsewhere, pair.connection.stats.packetsReceived]).toEqual([1, before]);
  });

  /** The server sends to an address from which nothing was received. */
  function toUnvalidated({ peer }: Pair) {
    const { primary } = peer!.paths;
    const route = peer!.addRoute(primary, { local: SERVER_ADDRESS, remote: OTHER_ADDRESS, validated: false })!;
    peer!.activateRoute(primary, route);
    return route;
  }

  test("nothing is sent to an unvalidated address, not even an MTU probe", () => {
    const { pair } = connected();
    toUnvalidated(pair);
    const before = pair.sent["to-client"].length;
    pair.peer!.write(pair.peer!.openStream("uni")!, new Uint8Array(100), true);
    pair.run(undefined, millis(50));
    expect(pair.sent["to-client"]).toHaveLength(before);
  });

  test("an acknowledgement blocked by anti-amplification sets no timer", () => {
    const { pair } = connected({ server: { maxDatagramSize: 1_200 } });
    const route = toUnvalidated(pair);
    upload(pair, 100);
    // With a deadline in the past, the pair would never become idle.
    pair.run(undefined, millis(300));
    route.onDatagramReceived(1_000);
    const before = pair.sent["to-client"].length;
    upload(pair, 100);
    pair.run(undefined, millis(100));
    expect(pair.sent["to-client"].length).toBeGreaterThan(before);
  });

  test("a change of route sends the data that was blocked", () => {
    const { pair } = connected();
    const { connection, peer } = pair;
    const route = connection.addRoute(connection.paths.primary, {
      local: OTHER_ADDRESS,
      remote: SERVER_ADDRESS,
      validated: true,
    })!;
    peer!.addRoute(peer!.paths.primary, { local: SERVER_ADDRESS, remote: OTHER_ADDRESS, validated: true });
    upload(pair, 100_000);
    pair.run(undefined, millis(1));
    const before = pair.sent["to-server"].length;
    connection.activateRoute(connection.paths.primary, route);
    pair.run(undefined, millis(1));
    expect(pair.sent["to-server"].length).toBeGreaterThan(before);
  });

  test("a PATH_CHALLENGE is answered on its own route, in a datagram of 1200 bytes (RFC 9000 §8.2.2)", () => {
    const arrived: { readonly to: string; readonly size: number }[] = [];
    const { pair } = connected({
      wire: (datagram, direction, _index, _from, to) => {
        if (direction === "to-client") arrived.push({ to: to.host, size: datagram.length });
        return datagram;
      },
    });
    const { peer } = pair;
    const other = peer!.addRoute(peer!.paths.primary, {
      local: SERVER_ADDRESS,
      remote: OTHER_ADDRESS,
      validated: true,
    })!;
    arrived.length = 0;
    for (const route of [other, peer!.route]) {
      route.pathResponses.handleChallenge(new Uint8Array(8), pair.now);
      // Something else wakes the connection, as the packet with the challenge does.
      peer!.activateRoute(peer!.paths.primary, peer!.route);
      pair.run(undefined, millis(1));
    }
    expect(arrived).toEqual([
      { to: OTHER_ADDRESS.host, size: 1_200 },
      { to: CLIENT_ADDRESS.host, size: 1_200 },
    ]);
  });

  test("a client may change its address repeatedly", () => {
    const { pair } = connected();
    const { primary } = pair.connection.paths;
    for (let port = 1; port <= 20; port += 1) {
      const local = { ...OTHER_ADDRESS, port };
      const route = pair.connection.addRoute(primary, { local, remote: SERVER_ADDRESS, validated: true });
      expect(route).toBeDefined();
      pair.connection.activateRoute(primary, route!);
    }
    expect(primary.routes.all.length).toBeLessThanOrEqual(4);
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
    pair.connection.choosePaths(only(client));
    upload(pair, 30_000);
    pair.run(() => seen.received === 30_000 && client.routes.active.controller.bytesInFlight === 0, seconds(1));
    expect(seen.received).toBe(30_000);
    expect(client.nextPacketNumber).toBeGreaterThan(20);
    expect(client.recovery.largestAcked(2)).toBeGreaterThanOrEqual(20);
    expect(server.acks.largest).toBe(client.recovery.largestAcked(2));
    expect(client.routes.active.rtt.hasSample).toBe(true);
    // None of it was numbered on the first path.
    expect(primary.nextPacketNumber).toBe(next);
  });

  test("data lost on one is sent again on the other", () => {
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
    pair.connection.choosePaths(only(primary));
    toDrop = 2;
    upload(pair, 10_000);
    // All of it was sent on the first path.
    pair.run(undefined, millis(1));
    const next = primary.nextPacketNumber;
    pair.connection.choosePaths(only(client));
    pair.run(() => seen.received === 10_000, seconds(1));
    expect(seen.received).toBe(10_000);
    expect(pair.connection.stats.packetsLost).toBe(2);
    expect(pair.connection.stats.probeTimeouts).toBe(0);
    // The second path carried it again, and the first nothing more.
    expect(server.acks.largest).toBeGreaterThan(0);
    expect(primary.nextPacketNumber).toBe(next);
  });

  test("the second takes what the first one's window does not allow", () => {
    const { pair, seen } = connected();
    const { client } = open(pair);
    upload(pair, 200_000);
    pair.run(() => seen.received === 200_000, seconds(5));
    expect(seen.received).toBe(200_000);
    expect(client.nextPacketNumber).toBeGreaterThan(5);
  });

  test("an id that is in use is rejected", () => {
    const { pair } = connected();
    open(pair);
    expect(() => open(pair)).toThrow(RangeError);
  });

  test("keys are updated whatever the packet numbers of the paths", () => {
    const { pair, seen } = connected();
    const { client } = open(pair);
    const { connection } = pair;
    connection.choosePaths(only(connection.paths.primary));
    upload(pair, 200_000);
    pair.run(() => seen.received === 200_000, seconds(5));
    pair.run(undefined, seconds(1));
    expect(connection.updateKeys()).toBe(true);
    // The first packets under the new keys have low numbers, as the first of their path.
    connection.choosePaths(only(client));
    upload(pair, 10_000);
    pair.run(() => seen.received === 210_000, seconds(2));
    connection.choosePaths(only(connection.paths.primary));
    upload(pair, 10_000);
    pair.run(() => seen.received === 220_000, seconds(2));
    expect([seen.received, connection.isOpen, pair.peer!.isOpen]).toEqual([220_000, true, true]);
    expect(pair.peer!.keyGeneration).toBe(1);
  });

  test("a path that is not chosen still acknowledges what arrives on it", () => {
    const { pair } = connected();
    const { client } = open(pair);
    pair.connection.choosePaths(only(client));
    const { primary } = pair.peer!.paths;
    pair.peer!.write(pair.peer!.openStream("uni")!, new Uint8Array(3_000), true);
    pair.run(undefined, millis(200));
    expect(primary.routes.active.controller.bytesInFlight).toBe(0);
  });

  test("connection ids are announced on the path that they are for", () => {
    const { pair } = connected();
    const { client, server } = open(pair);
    const { connection, peer } = pair;
    connection.choosePaths(only(client));
    // An announcement of the first path is lost, and sent again.
    connection.paths.primary.localIds.handleLost(1);
    client.localIds.setActiveLimit(2);
    upload(pair, 100);
    pair.run(undefined, millis(100));
    connection.choosePaths(only(connection.paths.primary));
    pair.run(undefined, millis(100));
    expect([connection.isOpen, peer!.isOpen]).toEqual([true, true]);
    // Sequence number 1 of the second path is the one that was issued for it.
    const [, second] = [...client.localIds];
    server.remoteIds.handleNewConnectionId({
      type: "new-connection-id",
      sequence: 2,
      retirePriorTo: 1,
      connectionId: new Uint8Array(8).fill(9),
      resetToken: new Uint8Array(16),
    });
    expect(server.remoteIds.active.key).toBe(second!.key);
  });

  test("a second path also knows the peer's max_ack_delay", () => {
    const { pair } = connected({ client: { maxAckDelay: millis(200) } });
    expect(open(pair).server.recovery.maxAckDelay).toBe(millis(200));
  });
});
