/** A server follows only its client to a new address (RFC 9000 §9; case 08 b). */

import { describe, expect, test } from "vitest";
import type { SocketAddress } from "../../base/datagrams.ts";
import { millis, seconds } from "../../base/time.ts";
import { EncryptionLevel } from "../../tls/index.ts";
import type { AcceptPolicy } from "../endpoint/acceptor.ts";
import { HostilePeer, PEER, VICTIM } from "../testing/hostile-peer.ts";
import { CLIENT_ADDRESS, Pair, type PairOptions, SERVER_ADDRESS } from "../testing/pair.ts";

const { oneRtt } = EncryptionLevel;
const port = (number: number, host = CLIENT_ADDRESS.host): SocketAddress => ({ family: 4, host, port: number });

/** A client behind a NAT and a server that sends `download` bytes per request. Both read everything they receive. */
function behindNat(options: PairOptions = {}, download = 0) {
  const seen = { client: 0, server: 0, bytesTo: new Map<number, number>() };
  const nat = { address: port(1) };
  const pair: Pair = new Pair({
    nat: () => nat.address,
    ...options,
    wire: (datagram, direction, index, from, to) => {
      if (direction === "to-client") seen.bytesTo.set(to.port, (seen.bytesTo.get(to.port) ?? 0) + datagram.length);
      return options.wire === undefined ? datagram : options.wire(datagram, direction, index, from, to);
    },
  });
  pair.onEvent = (side, connection, event) => {
    if (event.type === "stream-opened" && side === "server" && download > 0) {
      connection.write(event.id, new Uint8Array(download), true);
    }
    if (event.type !== "stream-readable") return;
    for (let chunk = connection.read(event.id); chunk !== undefined; chunk = connection.read(event.id)) {
      seen[side] += chunk.bytes.length;
    }
  };
  pair.connect().run(undefined, millis(200));
  return { pair, nat, seen, peer: pair.peer! };
}

const ask = ({ connection }: Pair, bytes = 10): void => {
  expect(connection.write(connection.openStream("bidi")!, new Uint8Array(bytes), true)).toBe(true);
};

describe("a NAT that changes the client's port", () => {
  test("between two requests costs at most one round trip", () => {
    const { pair, nat, seen, peer } = behindNat({}, 500);
    ask(pair);
    pair.run(() => seen.client === 500);
    nat.address = port(2);
    const begin = pair.now;
    ask(pair);
    pair.run(() => seen.client === 1_000, seconds(5));
    expect(seen.client).toBe(1_000);
    // Four one-way delays of 10 ms: request, challenge, its answer, and the data that three times the request did not
    // allow.
    expect(pair.now - begin).toBeLessThan(millis(50));
    pair.run(undefined, millis(100));
    expect([peer.remoteAddress.port, peer.route.isValidated, peer.stats.migrations]).toEqual([2, true, 1]);
    expect(pair.connection.stats.probeTimeouts + peer.stats.probeTimeouts).toBeLessThanOrEqual(1);
    // RFC 9000 §9.4: the RTT estimate is kept.
    expect(peer.route.rtt.hasSample).toBe(true);
  });

  test("during an upload and a download loses nothing", () => {
    for (const download of [0, 300_000]) {
      const { pair, nat, seen, peer } = behindNat({}, download);
      ask(pair, 300_000);
      for (let change = 2; change <= 5; change += 1) {
        const before = seen.server + seen.client;
        pair.run(() => seen.server + seen.client >= before + 50_000, seconds(10));
        nat.address = port(change);
      }
      pair.run(() => seen.server === 300_000 && seen.client === download, seconds(20));
      expect([seen.server, seen.client]).toEqual([300_000, download]);
      pair.run(undefined, seconds(1));
      expect([peer.remoteAddress.port, peer.route.isValidated]).toEqual([5, true]);
      expect([pair.connection.isOpen, peer.isOpen]).toEqual([true, true]);
    }
  });

  test("repeatedly leaves few routes", () => {
    const { pair, nat, seen, peer } = behindNat({}, 100);
    for (let change = 2; change <= 30; change += 1) {
      nat.address = port(change);
      ask(pair);
      pair.run(() => seen.client === (change - 1) * 100, seconds(5));
      expect(seen.client).toBe((change - 1) * 100);
    }
    expect(peer.paths.primary.routes.all.length).toBeLessThanOrEqual(4);
  });

  test("before the handshake is confirmed is not followed", () => {
    const nat = { address: port(1) };
    const pair = new Pair({ nat: () => nat.address });
    pair.run(() => pair.peer !== undefined);
    nat.address = port(2);
    pair.run(undefined, seconds(3));
    expect(pair.peer!.stats.migrations).toBe(0);
    expect(pair.peer!.stats.datagramsFromElsewhere).toBeGreaterThan(0);
  });
});

describe("packets sent from elsewhere by an on-path attacker", () => {
  const VICTIM_PORT = 66;

  test("a copy causes neither a migration nor a response", () => {
    const { pair, seen, peer } = behindNat();
    ask(pair, 100);
    pair.run(() => seen.server === 100);
    pair.inject("to-server", pair.sent["to-server"].at(-1)!, port(VICTIM_PORT));
    pair.run(undefined, seconds(2));
    expect([peer.stats.migrations, peer.paths.primary.routes.all.length]).toEqual([0, 1]);
    expect(seen.bytesTo.has(VICTIM_PORT)).toBe(false);
  });

  test("a forged packet causes neither a migration nor a response", () => {
    const { pair, seen, peer } = behindNat();
    ask(pair, 100);
    pair.run(() => seen.server === 100);
    const forged = pair.sent["to-server"].at(-1)!.slice();
    forged[forged.length - 1]! ^= 1;
    pair.inject("to-server", forged, port(VICTIM_PORT));
    pair.run(undefined, seconds(2));
    expect([peer.stats.migrations, seen.bytesTo.has(VICTIM_PORT)]).toEqual([0, false]);
  });

  test("a packet that arrives first from the wrong address diverts little data; everything arrives (§9.3.3)", () => {
    let toSteal = 0;
    let stolen = 0;
    const { pair, seen, peer } = behindNat(
      {
        wire: (datagram, direction) => {
          if (direction === "to-client" || toSteal === 0) return datagram;
          toSteal -= 1;
          stolen += datagram.length;
          pair.inject("to-server", datagram, port(VICTIM_PORT));
          return datagram;
        },
      },
      200_000,
    );
    toSteal = 1;
    ask(pair);
    pair.run(() => seen.client === 200_000, seconds(10));
    expect(seen.client).toBe(200_000);
    expect(stolen).toBeGreaterThan(0);
    expect(seen.bytesTo.get(VICTIM_PORT) ?? 0).toBeLessThanOrEqual(3 * stolen);
    pair.run(undefined, seconds(5));
    expect(peer.remoteAddress.port).toBe(1);
  });

  test("an address that does not respond is replaced by the last validated one (§9.3.2)", () => {
    const peer = new HostilePeer({ role: "client" }).handshake();
    const elsewhere = { ...PEER, host: "192.0.2.99" };
    peer.isSilent = true;
    peer.deliver(peer.seal(oneRtt, Uint8Array.of(1), { padTo: 60 }), elsewhere).poll();
    expect(peer.connection.remoteAddress).toEqual(elsewhere);
    expect(peer.frames.filter(({ frame }) => frame.type === "path-challenge").length).toBeGreaterThanOrEqual(2);
    peer.wait(seconds(4));
    expect(peer.connection.remoteAddress).toEqual(PEER);
    expect(peer.connection.isOpen).toBe(true);
  });
});

describe("an address that the server does not admit", () => {
  const forbidden = "10.66.0.1";
  const asked: string[] = [];
  const admits: AcceptPolicy["admits"] = (remote, _local, occasion) => {
    asked.push(`${occasion} ${remote.host}:${remote.port}`);
    return remote.host !== forbidden;
  };

  test("is neither followed nor challenged, and the connection stays usable at the old one", () => {
    asked.length = 0;
    const { pair, nat, seen, peer } = behindNat({ policy: { admits } }, 500);
    nat.address = port(2, forbidden);
    ask(pair);
    pair.run(undefined, seconds(3));
    expect(asked.slice(0, 2)).toEqual(["connect 10.0.0.1:1", `move ${forbidden}:2`]);
    expect([peer.remoteAddress, peer.stats.migrations, seen.bytesTo.has(2)]).toEqual([port(1), 0, false]);
    expect(peer.stats.datagramsFromElsewhere).toBeGreaterThan(0);
    nat.address = port(1);
    pair.run(() => seen.client === 500, seconds(10));
    expect(seen.client).toBe(500);
    // Another address of the same client is followed.
    nat.address = port(3);
    ask(pair);
    pair.run(() => seen.client === 1_000, seconds(5));
    expect([peer.remoteAddress, asked.at(-1)]).toEqual([port(3), "move 10.0.0.1:3"]);
  });

  test("is only asked about once an authentic packet has arrived from there", () => {
    asked.length = 0;
    const { pair } = behindNat({ policy: { admits } });
    const forged = pair.sent["to-server"].at(-1)!.slice();
    forged[forged.length - 1]! ^= 1;
    pair.inject("to-server", forged, port(9, forbidden));
    pair.run(undefined, seconds(1));
    expect(asked).toEqual(["connect 10.0.0.1:1"]);
  });
});

test("at most ten new addresses per second are followed and challenged", () => {
  const peer = new HostilePeer({ role: "client" }).handshake();
  peer.isSilent = true;
  const { oneRtt: level } = EncryptionLevel;
  const flood = (first: number) => {
    const before = peer.connection.stats.migrations;
    for (let i = 0; i < 100; i += 1) {
      peer.deliver(peer.seal(level, Uint8Array.of(1), { padTo: 60 }), { ...PEER, host: `198.51.100.${first + i}` });
    }
    peer.poll();
    return peer.connection.stats.migrations - before;
  };
  expect(flood(1)).toBe(10);
  expect(flood(101)).toBe(0);
  peer.now = (peer.now + seconds(1)) as typeof peer.now;
  expect(flood(150)).toBe(10);
  expect(peer.connection.paths.primary.routes.all.length).toBeLessThanOrEqual(4);
});

test("the first datagram to a new address contains a PATH_CHALLENGE", () => {
  const peer = new HostilePeer({ role: "client" }).handshake();
  peer.isSilent = true;
  peer.frames.length = 0;
  peer.deliver(peer.seal(oneRtt, Uint8Array.of(1), { padTo: 100 }), { ...PEER, port: 1_234 }).poll();
  const types = peer.frames.map(({ frame }) => frame.type);
  // One for the old address, one for the new one; then the acknowledgement.
  expect(types.filter((type) => type !== "padding").slice(0, 2)).toEqual(["path-challenge", "path-challenge"]);
});

describe("path validation (RFC 9000 §8.2)", () => {
  const elsewhere = { ...PEER, port: 7_777 };
  const challengesOf = (peer: HostilePeer) =>
    peer.frames.flatMap(({ frame }) => (frame.type === "path-challenge" ? [frame.data] : []));

  test("a probe is answered at its source and causes no migration (§9.1)", () => {
    const peer = new HostilePeer({ role: "client" }).handshake();
    const data = new Uint8Array(8).fill(7);
    const payload = Uint8Array.of(0x1a, ...data);
    peer.deliver(peer.seal(oneRtt, payload, { padTo: 1_200 }), elsewhere).poll();
    expect(
      peer.frames.some(({ frame }) => frame.type === "path-response" && frame.data.every((byte) => byte === 7)),
    ).toBe(true);
    expect(peer.connection.remoteAddress).toEqual(PEER);
  });

  test("every challenge has unique data, and a response with other data does not validate", () => {
    const peer = new HostilePeer({ role: "client" }).handshake();
    peer.isSilent = true;
    peer.deliver(peer.seal(oneRtt, Uint8Array.of(1), { padTo: 1_200 }), elsewhere).poll();
    peer.send(oneRtt, [{ type: "path-response", data: new Uint8Array(8) }]);
    expect(peer.connection.route.isValidated).toBe(false);
    peer.wait(seconds(2));
    const sent = challengesOf(peer);
    expect(sent.length).toBeGreaterThan(3);
    expect(new Set(sent.map(String)).size).toBe(sent.length);
  });

  test("a challenge in a small datagram validates only the address, and one of 1200 bytes follows (§8.2.1)", () => {
    const peer = new HostilePeer({ role: "client" }).handshake();
    peer.isSilent = true;
    peer.datagrams.length = 0;
    peer.deliver(peer.seal(oneRtt, Uint8Array.of(1), { padTo: 60 }), elsewhere).poll();
    // The old address is validated; the new one receives at most three times what it sent.
    expect(peer.datagrams.map(({ length }) => length === 1_200)).toEqual([true, false]);
    const [, small] = challengesOf(peer);
    peer.datagrams.length = 0;
    peer.deliver(peer.seal(oneRtt, Uint8Array.of(0x1b, ...small!)), elsewhere).poll();
    expect(peer.connection.route.isValidated).toBe(true);
    expect(challengesOf(peer).length).toBe(3);
    expect(peer.datagrams.some(({ length }) => length === 1_200)).toBe(true);
  });

  test("a client that migrates deliberately, with another id, gets packets with another id (§9.5)", () => {
    const peer = new HostilePeer({ role: "client" }).handshake();
    const fresh = peer.frames.find(({ frame }) => frame.type === "new-connection-id")!.frame;
    const connectionId = new Uint8Array(8).fill(0x67);
    const resetToken = new Uint8Array(16);
    peer.send(oneRtt, [{ type: "new-connection-id", sequence: 1, retirePriorTo: 0, connectionId, resetToken }]);
    if (fresh.type === "new-connection-id") peer.destination = fresh.connectionId;
    peer.deliver(peer.seal(oneRtt, Uint8Array.of(1)), elsewhere).poll();
    expect(peer.connection.paths.primary.remoteIds.active.bytes).toEqual(connectionId);
    expect(peer.connection.localAddress).toEqual(VICTIM);
  });
});

test("a server that responds from another address is not followed", () => {
  const { pair, seen } = behindNat({}, 100);
  ask(pair);
  pair.run(() => seen.client === 100);
  ask(pair);
  pair.run(() => pair.sent["to-client"].length > 0 && seen.server === 20);
  pair.inject("to-client", pair.sent["to-client"].at(-1)!, port(5, SERVER_ADDRESS.host));
  pair.run(undefined, seconds(1));
  expect(pair.connection.stats.migrations).toBe(0);
  expect(pair.connection.remoteAddress).toEqual(SERVER_ADDRESS);
});
