/** Connection ids: issued, retired, replaced (RFC 9000 §5.1). */

import { describe, expect, test } from "vitest";
import { seconds } from "../../base/time.ts";
import { EncryptionLevel } from "../../tls/index.ts";
import { TRANSPORT_ERRORS } from "../errors.ts";
import type { Frame } from "../frame/frames.ts";
import { HostilePeer, PEER } from "../testing/hostile-peer.ts";
import { headersOf } from "../testing/initial.ts";
import { Pair } from "../testing/pair.ts";

const { oneRtt } = EncryptionLevel;

type NewId = Extract<Frame, { type: "new-connection-id" }>;

const newId = (sequence: number, retirePriorTo = 0): NewId => ({
  type: "new-connection-id",
  sequence,
  retirePriorTo,
  connectionId: new Uint8Array(8).fill(0x80 + sequence),
  resetToken: new Uint8Array(16).fill(sequence),
});

const given = (peer: HostilePeer): NewId[] =>
  peer.frames.flatMap(({ frame }) => (frame.type === "new-connection-id" ? [frame] : []));
const retired = (peer: HostilePeer): number[] =>
  peer.frames.flatMap(({ frame }) => (frame.type === "retire-connection-id" ? [frame.sequence] : []));

describe("our ids", () => {
  test.each([
    [2, [1]],
    [4, [1, 2, 3]],
    [1_000, [1, 2, 3]],
  ])("are issued up to the peer's limit (%i) and our own", (activeConnectionIdLimit, sequences) => {
    for (const role of ["client", "server"] as const) {
      const peer = new HostilePeer({ role, parameters: { activeConnectionIdLimit } }).handshake();
      expect(given(peer).map(({ sequence }) => sequence)).toEqual(sequences);
      expect(new Set(given(peer).map(({ connectionId }) => connectionId.join())).size).toBe(sequences.length);
    }
  });

  test("are replaced when retired, and then no longer route", () => {
    const peer = new HostilePeer({ role: "client", parameters: { activeConnectionIdLimit: 2 } }).handshake();
    const old = peer.destination;
    peer.destination = given(peer)[0]!.connectionId;
    peer.send(oneRtt, [{ type: "retire-connection-id", sequence: 0 }]);
    expect(given(peer).map(({ sequence }) => sequence)).toEqual([1, 2]);
    const { packetsReceived } = peer.connection.stats;
    peer.destination = old;
    peer.send(oneRtt, [{ type: "ping" }]);
    expect(peer.connection.stats.packetsReceived).toBe(packetsReceived);
    expect(peer.connection.isOpen).toBe(true);
  });

  test("have no further cost when retired twice", () => {
    const peer = new HostilePeer({ role: "client", parameters: { activeConnectionIdLimit: 2 } }).handshake();
    peer.destination = given(peer)[0]!.connectionId;
    for (let i = 0; i < 5; i += 1) peer.send(oneRtt, [{ type: "retire-connection-id", sequence: 0 }]);
    expect(given(peer)).toHaveLength(2);
  });

  test("cannot be retired before they were sent", () => {
    const peer = new HostilePeer({ role: "client", parameters: { activeConnectionIdLimit: 2 } }).handshake();
    // The second of these retires the replacement for the first, before it was sent.
    peer.send(oneRtt, [
      { type: "retire-connection-id", sequence: 1 },
      { type: "retire-connection-id", sequence: 2 },
    ]);
    expect(peer.close?.code).toBe(TRANSPORT_ERRORS.PROTOCOL_VIOLATION.code);
  });

  test("are sent again if lost", () => {
    const pair = new Pair({ wire: (datagram, direction, index) => (isEarly(direction, index) ? undefined : datagram) });
    // Everything the server sends after its handshake flight is lost for a while.
    function isEarly(direction: string, index: number): boolean {
      return direction === "to-client" && index >= 3 && index <= 6;
    }
    pair.connect().run(undefined, seconds(5));
    expect(pair.connection.isOpen && pair.peer?.isOpen).toBe(true);
    expect([...pair.peer!.paths.primary.localIds]).toHaveLength(4);
  });
});

describe("the peer's ids", () => {
  /** The destination of the last packet that the victim sent. */
  const inUse = (peer: HostilePeer) => headersOf(peer.datagrams.at(-1)!)[0]!.destination;

  test("are changed on request", () => {
    const peer = new HostilePeer({ role: "client" }).handshake();
    peer.send(oneRtt, [newId(1), newId(2)]);
    expect(inUse(peer)).toEqual(peer.id);
    peer.send(oneRtt, [newId(3, 2)]);
    expect(inUse(peer)).toEqual(newId(2).connectionId);
    expect(retired(peer)).toEqual([1, 0]);
  });

  test("are retired once when retired on arrival", () => {
    const peer = new HostilePeer({ role: "client" }).handshake();
    peer.send(oneRtt, [newId(5, 5)]);
    peer.isSilent = true;
    for (let i = 0; i < 50; i += 1) peer.send(oneRtt, [newId(2, 0)]);
    expect(retired(peer).filter((sequence) => sequence === 2)).toHaveLength(1);
    expect(peer.connection.isOpen).toBe(true);
  });

  test("may be repeated unchanged", () => {
    const peer = new HostilePeer({ role: "client" }).handshake();
    for (let i = 0; i < 20; i += 1) peer.send(oneRtt, [newId(1), newId(2), newId(3)]);
    expect(peer.connection.isOpen).toBe(true);
  });

  test("are limited, however many retirements are unacknowledged", () => {
    const peer = new HostilePeer({ role: "client", silent: true }).handshake();
    let sequence = 1;
    while (peer.close === undefined && sequence < 100) {
      peer.send(oneRtt, [newId(sequence, sequence)]);
      sequence += 1;
    }
    expect(peer.close?.code).toBe(TRANSPORT_ERRORS.CONNECTION_ID_LIMIT_ERROR.code);
    // max(8, 4 × active_connection_id_limit) retirements.
    expect(sequence - 1).toBe(17);
  });

  test("can change forever while the peer acknowledges retirements", () => {
    const peer = new HostilePeer({ role: "client" }).handshake();
    for (let sequence = 1; sequence <= 100; sequence += 1) peer.send(oneRtt, [newId(sequence, sequence)]);
    expect(peer.connection.isOpen).toBe(true);
    expect(retired(peer)).toHaveLength(100);
  });
});

describe("packets that are not for this connection", () => {
  test("from an address other than the server's are dropped silently", () => {
    const peer = new HostilePeer({ role: "server" }).handshake();
    const { packetsReceived } = peer.connection.stats;
    const before = peer.datagrams.length;
    peer.deliver(peer.seal(oneRtt, Uint8Array.of(1)), { ...PEER, port: PEER.port + 1 }).poll();
    peer.wait(seconds(1));
    expect(peer.connection.stats.packetsReceived).toBe(packetsReceived);
    expect(peer.datagrams.length).toBe(before);
    peer.send(oneRtt, [{ type: "ping" }]);
    expect(peer.connection.stats.packetsReceived).toBe(packetsReceived + 1);
  });

  test("are dropped when coalesced with one that is", () => {
    const peer = new HostilePeer({ role: "client", withholdFinished: true }).handshake();
    const { packetsReceived } = peer.connection.stats;
    const own = peer.seal(EncryptionLevel.handshake, Uint8Array.of(1));
    const { destination } = peer;
    peer.destination = new Uint8Array(8).fill(0x99);
    const foreign = peer.seal(EncryptionLevel.handshake, Uint8Array.of(1));
    peer.destination = destination;
    const both = new Uint8Array(own.length + foreign.length);
    both.set(own);
    both.set(foreign, own.length);
    peer.deliver(both);
    expect(peer.connection.stats.packetsReceived).toBe(packetsReceived + 1);
  });

  test("with another source id are dropped (RFC 9000 §7.2)", () => {
    const peer = new HostilePeer({ role: "client", withholdFinished: true }).handshake();
    const { packetsReceived } = peer.connection.stats;
    peer.id.fill(0x12);
    peer.send(EncryptionLevel.handshake, [{ type: "ping" }]);
    expect(peer.connection.stats.packetsReceived).toBe(packetsReceived);
    peer.id.fill(0x66);
    peer.send(EncryptionLevel.handshake, [{ type: "ping" }]);
    expect(peer.connection.stats.packetsReceived).toBe(packetsReceived + 1);
  });

  test("are handled once when they arrive twice", () => {
    const peer = new HostilePeer({ role: "client" }).handshake();
    const packet = peer.seal(oneRtt, Uint8Array.of(0x1a, 1, 2, 3, 4, 5, 6, 7, 8));
    for (let i = 0; i < 5; i += 1) peer.deliver(packet.slice()).poll();
    expect(peer.connection.stats.packetsDuplicate).toBe(4);
    expect(peer.frames.filter(({ frame }) => frame.type === "path-response")).toHaveLength(1);
  });
});
