/** How connections end (RFC 9000 §10.2). */

import { describe, expect, test } from "vitest";
import { millis, seconds } from "../../base/time.ts";
import type { CryptoEngine } from "../../crypto/engine.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import { EncryptionLevel } from "../../tls/index.ts";
import { TRANSPORT_ERRORS } from "../errors.ts";
import { emitFrame } from "../frame/index.ts";
import { SendSource } from "../streams/index.ts";
import { HostilePeer } from "../testing/hostile-peer.ts";
import { formsOf } from "../testing/initial.ts";
import { Pair } from "../testing/pair.ts";

const { oneRtt } = EncryptionLevel;
const closes = (peer: HostilePeer) => peer.frames.filter(({ frame }) => frame.type === "connection-close");

describe("a close by the application", () => {
  test("is reported to the peer, and both sides drop the connection", () => {
    const pair = new Pair().connect();
    pair.run(undefined, millis(200));
    pair.connection.close(0x1234, "done");
    pair.run(() => pair.serverEvents.at(-1)?.type === "closed", seconds(1));
    const reason = { layer: "application", code: 0x1234, phrase: "done" };
    expect(pair.clientEvents.at(-1)).toMatchObject({ type: "closed", reason: { type: "local", ...reason } });
    expect(pair.serverEvents.at(-1)).toMatchObject({ type: "closed", reason: { type: "peer", ...reason } });
    // RFC 9000 §10.2.2: the draining side is silent from then on.
    const sent = pair.sent["to-client"].length;
    pair.run(undefined, seconds(2));
    expect(pair.sent["to-client"].length).toBe(sent);
    expect([pair.client.connectionCount, pair.server.connectionCount]).toEqual([0, 0]);
  });

  test("on both sides at the same time ends both", () => {
    const pair = new Pair().connect();
    pair.connection.close(1, "");
    pair.peer!.close(2, "");
    pair.run(undefined, seconds(2));
    expect(pair.clientEvents.at(-1)).toMatchObject({ type: "closed", reason: { type: "local", code: 1 } });
    expect(pair.serverEvents.at(-1)).toMatchObject({ type: "closed", reason: { type: "local", code: 2 } });
    expect([pair.client.connectionCount, pair.server.connectionCount]).toEqual([0, 0]);
  });

  test("leaves readable what came before CONNECTION_CLOSE in the same wake-up", () => {
    const peer = new HostilePeer({ role: "client" }).handshake();
    const read: string[] = [];
    peer.onEvent = (connection, event) => {
      if (event.type !== "stream-readable" && event.type !== "closed") return;
      const chunk = connection.read(0);
      read.push(`${event.type} ${chunk === undefined ? "nothing" : new TextDecoder().decode(chunk.bytes)}`);
    };
    const farewell = new TextEncoder().encode("farewell");
    peer.deliverAll([
      peer.seal(oneRtt, (writer) =>
        emitFrame(writer, { type: "stream", id: 0, offset: 0, data: farewell, fin: false }),
      ),
      peer.seal(oneRtt, (writer) =>
        emitFrame(writer, {
          type: "connection-close",
          layer: "application",
          code: 0,
          frameType: 0,
          phrase: new Uint8Array(0),
        }),
      ),
    ]);
    peer.poll();
    expect(read).toEqual(["stream-readable farewell", "closed nothing"]);
  });

  test("releases every source, even if an owner throws or writes again on release", () => {
    const pair = new Pair().connect();
    const { connection } = pair;
    const released: string[] = [];
    const write = (id: number, name: string, onReleased: () => void = () => {}): void => {
      const source = new SendSource(new Uint8Array(1_000), () => {
        released.push(name);
        onReleased();
      });
      connection.write(id, source, false);
      source.release();
    };
    const ids = [0, 1, 2].map(() => connection.openStream("bidi")!);
    write(ids[0]!, "writes again", () => write(ids[0]!, "written again"));
    write(ids[1]!, "throws", () => {
      throw new Error("no");
    });
    write(ids[2]!, "last");
    pair.peer!.close(5, "bye");
    expect(() => pair.run(undefined, seconds(1))).toThrow("no");
    expect(released.sort()).toEqual(["last", "throws", "writes again", "written again"]);
    // The event is still there when the host polls again.
    expect(pair.client.pollEvent()?.event).toMatchObject({ type: "closed", reason: { type: "peer", code: 5 } });
  });

  test("twice, closes once", () => {
    const peer = new HostilePeer({ role: "client" }).handshake();
    peer.connection.close(1, "first");
    peer.connection.close(2, "second");
    peer.poll();
    expect(closes(peer)).toHaveLength(1);
    expect(peer.close?.code).toBe(1);
    expect(peer.events.filter(({ type }) => type === "closed")).toHaveLength(1);
  });
});

test("while closing, the first, second, fourth, eighth … datagram is answered", () => {
  const peer = new HostilePeer({ role: "client" }).handshake();
  peer.connection.close(7, "");
  peer.poll();
  const answeredAt: number[] = [];
  for (let datagram = 1; datagram <= 40; datagram += 1) {
    const before = closes(peer).length;
    peer.send(oneRtt, [{ type: "ping" }]);
    if (closes(peer).length > before) answeredAt.push(datagram);
  }
  expect(answeredAt).toEqual([1, 2, 4, 8, 16, 32]);
});

test("closing changes to draining when the peer closes too", () => {
  const peer = new HostilePeer({ role: "client" }).handshake();
  peer.connection.close(7, "");
  peer.poll();
  peer.send(oneRtt, [{ type: "connection-close", layer: "application", code: 0, frameType: 0, phrase: EMPTY }]);
  const before = peer.datagrams.length;
  for (let i = 0; i < 10; i += 1) peer.send(oneRtt, [{ type: "ping" }]);
  expect(peer.datagrams.length).toBe(before);
  expect(peer.events.filter(({ type }) => type === "closed")).toHaveLength(1);
});

test("after the peer's CONNECTION_CLOSE nothing is sent, not even at the end", () => {
  const peer = new HostilePeer({ role: "client" }).handshake();
  const id = peer.connection.openStream("bidi")!;
  peer.connection.write(id, new Uint8Array(5_000), true);
  peer.send(oneRtt, [{ type: "connection-close", layer: "transport", code: 2, frameType: 0, phrase: EMPTY }]);
  const before = peer.datagrams.length;
  peer.connection.write(id, new Uint8Array(5_000), true);
  peer.send(oneRtt, [{ type: "ping" }]);
  peer.wait(seconds(10));
  expect(peer.datagrams.length).toBe(before);
  expect(peer.victim.connectionCount).toBe(0);
  expect(peer.victim.nextTimeout()).toBeUndefined();
});

describe("CONNECTION_CLOSE", () => {
  test("names the offending frame", () => {
    const peer = new HostilePeer({ role: "client" }).handshake();
    peer.send(oneRtt, [{ type: "max-stream-data", id: 1, maximum: 1 }]);
    expect(peer.close).toMatchObject({ layer: "transport", frameType: 0x11 });
    const other = new HostilePeer({ role: "client" }).handshake();
    other.sendRaw(oneRtt, Uint8Array.of(0x21));
    expect(other.close).toMatchObject({ frameType: 0 });
  });

  test("reveals nothing about the application before the handshake is complete (RFC 9000 §10.2.3)", () => {
    const peer = new HostilePeer({ role: "client", withholdFinished: true }).handshake();
    peer.connection.close(0x77, "a secret");
    peer.poll();
    const early = closes(peer).filter(({ level }) => level !== oneRtt);
    expect(early.length).toBeGreaterThan(0);
    for (const { frame } of early) {
      expect(frame).toMatchObject({ layer: "transport", code: TRANSPORT_ERRORS.APPLICATION_ERROR.code });
      expect(frame).toMatchObject({ phrase: EMPTY });
    }
  });

  test("is sent at every level that the peer may be able to read", () => {
    const early = new HostilePeer({ role: "client", silent: true, withholdFinished: true }).handshake();
    early.connection.close(1, "");
    early.poll();
    expect(new Set(closes(early).map(({ level }) => level))).toEqual(
      new Set([EncryptionLevel.initial, EncryptionLevel.handshake, EncryptionLevel.oneRtt]),
    );
    expect(formsOf(early.datagrams.at(-1)!)).toEqual(["initial", "handshake", "one-rtt"]);

    const late = new HostilePeer({ role: "client" }).handshake();
    late.connection.close(1, "");
    late.poll();
    expect(formsOf(late.datagrams.at(-1)!)).toEqual(["one-rtt"]);
  });

  test("of a client that has received nothing is one padded Initial", () => {
    const peer = new HostilePeer({ role: "server", mute: true }).poll();
    peer.connection.close(1, "");
    peer.poll();
    expect(formsOf(peer.datagrams.at(-1)!)).toEqual(["initial"]);
    expect(peer.datagrams.at(-1)!.length).toBeGreaterThanOrEqual(1_200);
  });

  test("respects the limit of three times what an unvalidated client has sent", () => {
    const peer = new HostilePeer({ role: "client", silent: true, withholdFinished: true, mute: true });
    peer.deliver(peer.seal(EncryptionLevel.initial, Uint8Array.of(0x20))).poll();
    let received = 1_200;
    const sent = () => peer.datagrams.reduce((sum, { length }) => sum + length, 0);
    for (let i = 0; i < 64; i += 1) {
      const piece = peer.seal(EncryptionLevel.initial, Uint8Array.of(0x01), { padTo: 60 });
      received += piece.length;
      peer.deliver(piece).poll();
      expect(sent()).toBeLessThanOrEqual(3 * received);
    }
  });
});

describe("an internal error", () => {
  /** An engine whose keys can be broken at any time. */
  function fragileEngine(): { engine: CryptoEngine; fail: { seal: boolean; open: boolean } } {
    const fail = { seal: false, open: false };
    const engine: CryptoEngine = {
      ...portableEngine,
      createPacketKey: (aead, key, iv) => {
        const real = portableEngine.createPacketKey(aead, key, iv);
        return {
          free: () => real.free(),
          seal: (...call) => {
            if (fail.seal) throw new TypeError("cannot seal");
            real.seal(...call);
          },
          open: (...call) => {
            if (fail.open) throw new TypeError("cannot open");
            real.open(...call);
          },
        };
      },
    };
    return { engine, fail };
  }

  test("while receiving closes that connection with INTERNAL_ERROR", () => {
    const { engine, fail } = fragileEngine();
    const pair = new Pair({ engine }).connect();
    const id = pair.connection.openStream("bidi")!;
    pair.connection.write(id, new Uint8Array(10), true);
    pair.run(() => pair.sent["to-server"].length > 2, millis(1));
    fail.open = true;
    pair.run(() => pair.serverEvents.at(-1)?.type === "closed", seconds(1));
    fail.open = false;
    expect(pair.serverEvents.at(-1)).toMatchObject({
      reason: { type: "local", code: TRANSPORT_ERRORS.INTERNAL_ERROR.code, cause: new TypeError("cannot open") },
    });
  });

  test("while sending ends the connection even if CONNECTION_CLOSE cannot be sent", () => {
    const { engine, fail } = fragileEngine();
    const pair = new Pair({ engine }).connect();
    pair.run(undefined, millis(100));
    fail.seal = true;
    pair.connection.write(pair.connection.openStream("bidi")!, new Uint8Array(10), true);
    pair.run(() => pair.clientEvents.at(-1)?.type === "closed", seconds(1));
    expect(pair.clientEvents.at(-1)).toMatchObject({
      reason: { type: "local", code: TRANSPORT_ERRORS.INTERNAL_ERROR.code, cause: new TypeError("cannot seal") },
    });
    expect(pair.client.connectionCount).toBe(0);
    expect(pair.client.nextTimeout()).toBeUndefined();
  });

  test("once, while sending, is reported to the peer", () => {
    const { engine, fail } = fragileEngine();
    const pair = new Pair({ engine }).connect();
    pair.run(undefined, millis(100));
    const { seal } = fail;
    let faults = 1;
    Object.defineProperty(fail, "seal", { get: () => faults-- > 0 || seal });
    pair.connection.write(pair.connection.openStream("bidi")!, new Uint8Array(10), true);
    pair.run(() => pair.serverEvents.at(-1)?.type === "closed", seconds(1));
    expect(pair.serverEvents.at(-1)).toMatchObject({ reason: { type: "peer", code: 1 } });
  });
});

const EMPTY = new Uint8Array(0);
