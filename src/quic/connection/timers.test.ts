/** Timers: probes, idle timeouts, keep-alives, handshakes that never complete. */

import { describe, expect, test } from "vitest";
import { type Micros, millis, seconds } from "../../base/time.ts";
import { EncryptionLevel } from "../../tls/index.ts";
import { HostilePeer } from "../testing/hostile-peer.ts";
import { formsOf, headersOf, openInitial } from "../testing/initial.ts";
import { Pair } from "../testing/pair.ts";

const { oneRtt } = EncryptionLevel;

describe("an unanswered ClientHello", () => {
  const pair = new Pair({ wire: () => undefined });
  pair.run(undefined, seconds(20));

  test("is repeated after 999, 2997 and 6993 ms (RFC 9002 §6.2.1-6.2.2)", () => {
    // Up to two probes at each timeout (RFC 9002 §6.2.4).
    expect([...new Set(pair.sentAt["to-server"])]).toEqual([0, 999_000, 2_997_000, 6_993_000]);
  });

  test("is sent in padded Initial datagrams, each with all of it", () => {
    const { destination } = headersOf(pair.sent["to-server"][0]!)[0]!;
    for (const datagram of pair.sent["to-server"]) {
      expect(formsOf(datagram)).toEqual(["initial"]);
      const { frames } = openInitial(datagram, destination, "client");
      expect(frames.some((frame) => frame.type === "crypto")).toBe(true);
      expect(datagram.length).toBeGreaterThanOrEqual(1_200);
    }
  });

  test("ends silently in a handshake timeout", () => {
    expect(pair.clientEvents.at(-1)).toEqual({ type: "closed", reason: { type: "handshake-timeout" } });
    expect(pair.client.connectionCount).toBe(0);
    expect(pair.client.nextTimeout()).toBeUndefined();
  });
});

test("a handshake may take longer than the idle timeout, as long as its own timeout allows", () => {
  const pair = new Pair({
    client: { maxIdleTimeout: seconds(20), handshakeTimeout: seconds(60) },
    wire: () => undefined,
  });
  pair.run(undefined, seconds(59));
  expect(pair.connection.isOpen).toBe(true);
  pair.run(undefined, seconds(2));
  expect(pair.clientEvents.at(-1)).toEqual({ type: "closed", reason: { type: "handshake-timeout" } });
});

test("a server abandons a handshake that the client does not finish", () => {
  const peer = new HostilePeer({ role: "client", withholdFinished: true }).handshake();
  peer.wait(millis(9_999));
  expect(peer.connection.isOpen).toBe(true);
  for (let i = 0; i < 20; i += 1) peer.send(EncryptionLevel.handshake, [{ type: "ping" }]);
  peer.wait(millis(1));
  expect(peer.events.at(-1)).toEqual({ type: "closed", reason: { type: "handshake-timeout" } });
  expect(peer.victim.connectionCount).toBe(0);
});

describe("the idle timeout (RFC 9000 §10.1)", () => {
  const lifetime = (client: Micros, server: Micros): number => {
    const pair = new Pair({ client: { maxIdleTimeout: client }, server: { maxIdleTimeout: server } }).connect();
    pair.run(undefined, seconds(1));
    const begin = pair.now;
    pair.run(() => !pair.connection.isOpen, seconds(100));
    expect(pair.clientEvents.at(-1)).toEqual({ type: "closed", reason: { type: "idle-timeout" } });
    return pair.now - begin;
  };

  test("is the smaller of both sides'", () => {
    for (const [client, server, least] of [
      [5, 20, 4],
      [20, 5, 4],
      [0, 5, 4],
      [5, 0, 4],
    ] as const) {
      const time = lifetime(seconds(client), seconds(server));
      expect(time).toBeGreaterThan(seconds(least));
      expect(time).toBeLessThanOrEqual(seconds(5));
    }
  });

  test("is disabled if neither side wants one", () => {
    const forever = { maxIdleTimeout: seconds(0) };
    const pair = new Pair({ client: forever, server: forever }).connect();
    pair.run(undefined, seconds(100_000));
    expect(pair.connection.isOpen && pair.peer?.isOpen).toBe(true);
  });

  test("is at least three probe timeouts", () => {
    const brief = { maxIdleTimeout: millis(10) };
    const pair = new Pair({ client: brief, server: brief, delay: millis(100) }).connect();
    expect(pair.connection.isHandshakeComplete).toBe(true);
    const begin = pair.now;
    pair.run(() => !pair.connection.isOpen, seconds(100));
    expect(pair.now - begin).toBeGreaterThan(millis(300));
  });

  test("restarts with each packet received, and with the first packet sent after it", () => {
    const peer = new HostilePeer({ role: "client", victim: { maxIdleTimeout: seconds(10) } }).handshake();
    peer.send(oneRtt, [{ type: "ping" }]);
    peer.wait(seconds(1));
    peer.isSilent = true;
    peer.wait(seconds(8));
    const id = peer.connection.openStream("uni")!;
    // The first packet since something was received counts, the second does not.
    peer.connection.write(id, new Uint8Array(1), false);
    peer.poll().wait(seconds(7));
    expect(peer.connection.isOpen).toBe(true);
    peer.connection.write(id, new Uint8Array(1), false);
    peer.poll().wait(seconds(3));
    expect(peer.connection.isOpen).toBe(false);
  });

  test("is silent", () => {
    const peer = new HostilePeer({ role: "client", victim: { maxIdleTimeout: seconds(5) } }).handshake();
    peer.wait(seconds(4));
    const before = peer.datagrams.length;
    peer.wait(seconds(2));
    expect(peer.events.at(-1)).toEqual({ type: "closed", reason: { type: "idle-timeout" } });
    expect(peer.datagrams.length).toBe(before);
    expect(peer.close).toBeUndefined();
  });
});

describe("a client that keeps alive", () => {
  const options = { maxIdleTimeout: seconds(10), keepAlive: seconds(3) };

  test("outlives the idle timeout while it has a stream", () => {
    const pair = new Pair({ client: options, server: { maxIdleTimeout: seconds(10) } }).connect();
    const id = pair.connection.openStream("bidi")!;
    pair.connection.write(id, new Uint8Array(1), false);
    pair.run(undefined, seconds(100));
    expect(pair.connection.isOpen && pair.peer?.isOpen).toBe(true);
    // One PING and its ACK every three seconds, and not many more.
    expect(pair.sent["to-server"].length).toBeLessThan(50);
    pair.connection.reset(id, 0);
    pair.connection.stopSending(id, 0);
    pair.peer!.reset(id, 0);
    pair.run(undefined, seconds(30));
    expect(pair.connection.isOpen).toBe(false);
  });

  test("does not for unidirectional streams that stay open, such as HTTP/3's control streams", () => {
    const pair = new Pair({ client: options, server: { maxIdleTimeout: seconds(10) } }).connect();
    pair.connection.write(pair.connection.openStream("uni")!, new Uint8Array(1), false);
    pair.run(undefined, seconds(30));
    expect(pair.clientEvents.at(-1)).toEqual({ type: "closed", reason: { type: "idle-timeout" } });
  });

  test("probes a dead server once per interval, and then gives up", () => {
    let isDead = false;
    const pair = new Pair({ client: options, wire: (datagram) => (isDead ? undefined : datagram) }).connect();
    pair.connection.write(pair.connection.openStream("bidi")!, new Uint8Array(1), false);
    pair.run(undefined, seconds(1));
    isDead = true;
    const before = pair.sent["to-server"].length;
    pair.run(undefined, seconds(30));
    expect(pair.clientEvents.at(-1)).toEqual({ type: "closed", reason: { type: "idle-timeout" } });
    // Keep-alives and the probes for them, which back off.
    expect(pair.sent["to-server"].length - before).toBeLessThan(30);
  });
});
