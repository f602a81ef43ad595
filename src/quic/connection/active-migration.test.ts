/** A client that moves on purpose, and a server's preferred address (RFC 9000 §9). */

import { describe, expect, test } from "vitest";
import { type SocketAddress, sameAddress } from "../../base/datagrams.ts";
import { millis, seconds } from "../../base/time.ts";
import { connectionIdKey } from "../packet/index.ts";
import { CLIENT_ADDRESS, type Direction, Pair, type PairOptions, SERVER_ADDRESS } from "../testing/pair.ts";

const OTHER: SocketAddress = { family: 4, host: "10.0.0.9", port: 50_001 };
const OTHER_PORT: SocketAddress = { ...CLIENT_ADDRESS, port: 50_002 };
const PREFERRED: SocketAddress = { family: 4, host: "10.0.0.3", port: 4_443 };
const MIGRATION_EVENTS = ["migrated", "migration-failed", "route-abandoned"];

interface Seen {
  readonly direction: Direction;
  readonly from: SocketAddress;
  readonly to: SocketAddress;
  readonly datagram: Uint8Array;
}

/** A client that downloads, on a wire that may drop what goes between two addresses. */
function moving(options: PairOptions & { readonly download?: number } = {}) {
  const seen: Seen[] = [];
  const state = { received: 0, isDead: (_: Seen): boolean => false };
  const pair = new Pair({
    ...options,
    wire: (datagram, direction, _index, from, to) => {
      const one = { direction, from, to, datagram };
      seen.push(one);
      return state.isDead(one) ? undefined : datagram;
    },
  });
  pair.onEvent = (side, connection, event) => {
    if (side === "server" && event.type === "stream-opened") {
      connection.write(event.id, new Uint8Array(options.download ?? 500_000), true);
    }
    if (event.type !== "stream-readable") return;
    for (let chunk = connection.read(event.id); chunk !== undefined; chunk = connection.read(event.id)) {
      if (side === "client") state.received += chunk.bytes.length;
    }
  };
  pair.connect().run(undefined, millis(100));
  const request = () => pair.connection.write(pair.connection.openStream("bidi")!, new Uint8Array(10), true);
  const migrations = () => pair.clientEvents.filter(({ type }) => MIGRATION_EVENTS.includes(type));
  return { pair, seen, state, request, migrations, peer: pair.peer! };
}

/** The key of a datagram's connection id, as the client or the server issued it (eight bytes). */
const idOf = ({ datagram }: Seen): string => connectionIdKey(datagram, 1, 9);
const between = (a: SocketAddress, b: SocketAddress) => (one: Seen) =>
  (sameAddress(one.from, a) && sameAddress(one.to, b)) || (sameAddress(one.from, b) && sameAddress(one.to, a));

describe("a client that changes its address", () => {
  test("validates the new route, moves, and the server follows; nothing is lost", () => {
    const { pair, seen, state, request, migrations, peer } = moving();
    request();
    pair.run(() => state.received > 100_000);
    expect(pair.connection.migrate(OTHER, SERVER_ADDRESS, pair.now)).toBeUndefined();
    pair.run(() => state.received === 500_000, seconds(10));
    expect(state.received).toBe(500_000);
    pair.run(undefined, seconds(5));
    expect(pair.connection.localAddress).toEqual(OTHER);
    expect(peer.remoteAddress).toEqual(OTHER);
    expect(peer.route.isValidated).toBe(true);
    expect(migrations()).toEqual([
      { type: "migrated", local: OTHER, remote: SERVER_ADDRESS },
      { type: "route-abandoned", local: CLIENT_ADDRESS, remote: SERVER_ADDRESS },
    ]);
    expect([pair.connection.paths.primary.routes.all.length, pair.connection.isOpen]).toEqual([1, true]);
    // RFC 9000 §8.2.1: the first datagram from the new address probes with 1200 bytes.
    const [first] = seen.filter(({ from }) => sameAddress(from, OTHER));
    expect(first!.datagram).toHaveLength(1_200);
  });

  test("uses connection ids on the new route that neither side used on the old one (§9.5)", () => {
    const { pair, seen, state, request } = moving();
    request();
    pair.run(() => state.received > 100_000);
    pair.connection.migrate(OTHER, SERVER_ADDRESS, pair.now);
    pair.run(() => state.received === 500_000, seconds(10));
    pair.run(undefined, seconds(3));
    const short = seen.filter(({ datagram }) => datagram[0]! < 0x80);
    const old = new Set(short.filter(between(CLIENT_ADDRESS, SERVER_ADDRESS)).map(idOf));
    const fresh = short.filter(between(OTHER, SERVER_ADDRESS)).map(idOf);
    expect(fresh.length).toBeGreaterThan(10);
    expect(fresh.filter((id) => old.has(id))).toEqual([]);
  });

  test("leaves no id unretired, and can move many times", () => {
    const { pair, state, request, peer } = moving({ download: 1_000 });
    for (let i = 1; i <= 12; i += 1) {
      const local = { ...OTHER, port: 60_000 + i };
      expect(pair.connection.migrate(local, SERVER_ADDRESS, pair.now)).toBeUndefined();
      pair.run(() => peer.remoteAddress.port === local.port, seconds(5));
      request();
      pair.run(() => state.received === i * 1_000, seconds(5));
      expect(state.received, `move ${i}`).toBe(i * 1_000);
      pair.run(undefined, seconds(4));
    }
    // Both sides retired what they had stopped using, so both still hold spare ids.
    expect([...pair.connection.paths.primary.localIds]).toHaveLength(4);
    expect([...peer.paths.primary.localIds]).toHaveLength(4);
    expect(pair.connection.isOpen && peer.isOpen).toBe(true);
  });

  test("starts with fresh congestion control and RTT, unless only its port changed (§9.4)", () => {
    const windowAfter = (local: SocketAddress): readonly [boolean, boolean] => {
      const { pair, state, request, peer } = moving({ download: 2_000_000 });
      request();
      pair.run(() => state.received > 500_000);
      const [client, server] = [pair.connection.route.controller, peer.route.controller];
      pair.connection.migrate(local, SERVER_ADDRESS, pair.now);
      pair.run(() => sameAddress(peer.remoteAddress, local), seconds(5));
      return [pair.connection.route.controller === client, peer.route.controller === server];
    };
    expect(windowAfter(OTHER)).toEqual([false, false]);
    expect(windowAfter(OTHER_PORT)).toEqual([true, true]);
  });

  test("returns to the old route if the new one does not work", () => {
    const { pair, state, request, migrations, peer } = moving();
    request();
    state.isDead = between(OTHER, SERVER_ADDRESS);
    pair.connection.migrate(OTHER, SERVER_ADDRESS, pair.now);
    pair.run(() => migrations().length > 0, seconds(20));
    expect(migrations()).toEqual([{ type: "migration-failed", local: OTHER, remote: SERVER_ADDRESS }]);
    expect(pair.connection.localAddress).toEqual(CLIENT_ADDRESS);
    pair.run(() => state.received === 500_000, seconds(10));
    expect(state.received).toBe(500_000);
    expect(peer.stats.migrations).toBe(0);
    expect(pair.connection.migrate(OTHER_PORT, SERVER_ADDRESS, pair.now)).toBeUndefined();
  });

  test("moves although the old route is dead, in the middle of a download", () => {
    const { pair, state, request } = moving({ client: { maxIdleTimeout: seconds(60) } });
    request();
    pair.run(() => state.received > 100_000);
    state.isDead = between(CLIENT_ADDRESS, SERVER_ADDRESS);
    pair.run(undefined, seconds(3));
    const before = state.received;
    pair.connection.migrate(OTHER, SERVER_ADDRESS, pair.now);
    const begin = pair.now;
    pair.run(() => state.received === 500_000, seconds(10));
    expect(state.received).toBe(500_000);
    expect(before).toBeLessThan(500_000);
    // No probe timeout of the old route holds it up, however often that has doubled.
    expect(pair.now - begin).toBeLessThan(seconds(1));
  });

  test("probes neither before the handshake is confirmed, nor against the server's will, nor twice at once (§9)", () => {
    const pair = new Pair();
    expect(pair.connection.migrate(OTHER, SERVER_ADDRESS, pair.now)).toBe("not-confirmed");
    const unwilling = moving({ server: { disableActiveMigration: true } }).pair;
    expect(unwilling.connection.migrate(OTHER, SERVER_ADDRESS, unwilling.now)).toBe("disabled");
    const busy = moving().pair;
    expect(busy.connection.migrate(CLIENT_ADDRESS, SERVER_ADDRESS, busy.now)).toBe("same-route");
    expect(busy.connection.migrate(OTHER, SERVER_ADDRESS, busy.now)).toBeUndefined();
    expect(busy.connection.migrate(OTHER_PORT, SERVER_ADDRESS, busy.now)).toBe("in-progress");
    expect(busy.peer!.migrate(OTHER_PORT, CLIENT_ADDRESS, busy.now)).toBe("unavailable");
  });

  test("is refused without a spare connection id", () => {
    const { pair } = moving();
    const { primary } = pair.connection.paths;
    for (let i = 0; i < 3; i += 1) expect(primary.remoteIds.bind({})).toBe(true);
    expect(pair.connection.migrate(OTHER, SERVER_ADDRESS, pair.now)).toBe("no-connection-id");
  });
});

describe("a server's preferred address (RFC 9000 §9.6)", () => {
  const policy = { preferredAddress: { ipv4: PREFERRED } };
  /** A host that follows it, as ours does. */
  function follow({ pair }: ReturnType<typeof moving>): void {
    const event = pair.clientEvents.find(({ type }) => type === "preferred-address");
    if (event?.type !== "preferred-address") throw new Error("no preferred address was announced");
    expect(event.addresses).toEqual([PREFERRED]);
    expect(pair.connection.migrate(CLIENT_ADDRESS, PREFERRED, pair.now)).toBeUndefined();
  }

  test("is announced with an id and a token, and used after its validation", () => {
    const move = moving({ policy });
    const { pair, seen, state, request, migrations, peer } = move;
    const { preferredAddress } = pair.connection.peerParameters!;
    expect(preferredAddress).toMatchObject({ ipv4Port: 4_443, ipv6Port: 0 });
    request();
    pair.run(() => state.received > 50_000);
    follow(move);
    pair.run(() => state.received === 500_000, seconds(10));
    pair.run(undefined, seconds(3));
    expect(state.received).toBe(500_000);
    expect(migrations()[0]).toEqual({ type: "migrated", local: CLIENT_ADDRESS, remote: PREFERRED });
    expect(pair.connection.remoteAddress).toEqual(PREFERRED);
    expect(peer.localAddress).toEqual(PREFERRED);
    // The client's first packet there is addressed to the id of the parameter.
    const first = seen.find(({ to }) => sameAddress(to, PREFERRED))!;
    expect(idOf(first)).toBe(connectionIdKey(preferredAddress!.connectionId));
  });

  test("may be used although the server disables migration, which then no longer holds (§18.2)", () => {
    const move = moving({ policy, server: { disableActiveMigration: true } });
    const { pair } = move;
    follow(move);
    pair.run(() => sameAddress(pair.connection.remoteAddress, PREFERRED), seconds(5));
    expect(pair.connection.migrate(OTHER, PREFERRED, pair.now)).toBeUndefined();
  });

  test("that does not answer leaves the connection where it was", () => {
    const move = moving({ policy });
    const { pair, seen, state, request } = move;
    state.isDead = ({ from, to }) => sameAddress(from, PREFERRED) || sameAddress(to, PREFERRED);
    request();
    follow(move);
    pair.run(undefined, seconds(10));
    expect(state.received).toBe(500_000);
    expect(pair.connection.remoteAddress).toEqual(SERVER_ADDRESS);
    // A server can name the address of a victim, so only challenges are sent there, and few (RFC 9000 §21.5.3).
    const probes = seen.filter(({ to }) => sameAddress(to, PREFERRED));
    expect(probes.length).toBeLessThanOrEqual(8);
    expect(probes.every(({ datagram }) => datagram.length <= 1_200)).toBe(true);
  });

  test("is ignored by a client that does not follow it", () => {
    const { pair, state, request } = moving({ policy });
    request();
    pair.run(() => state.received === 500_000, seconds(10));
    expect(pair.connection.remoteAddress).toEqual(SERVER_ADDRESS);
    expect([...pair.peer!.paths.primary.localIds]).toHaveLength(4);
  });
});
