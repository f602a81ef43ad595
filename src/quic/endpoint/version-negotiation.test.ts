/** Version Negotiation, both sides (RFC 9000 §6, §17.2.1; RFC 8999 §6). */

import { describe, expect, test } from "vitest";
import { SeededRng } from "../../base/rng.ts";
import { concat } from "../../wire/text.ts";
import { Writer } from "../../wire/writer.ts";
import { emitVersionNegotiation } from "../packet/index.ts";
import { HostilePeer } from "../testing/hostile-peer.ts";
import { headersOf, initialPacket } from "../testing/initial.ts";
import { Listener } from "../testing/listener.ts";
import { isReservedVersion, preferredVersion, VERSION_2 } from "../versions/index.ts";

const UNKNOWN = 0x1a2a3a4a;

/** A long header of any version, with ids of any length. */
function foreign(version: number, destination: Uint8Array, source: Uint8Array, length = 1_200): Uint8Array {
  const writer = new Writer(new Uint8Array(length));
  writer.uint8(0xc3);
  writer.uint32(version);
  for (const id of [destination, source]) {
    writer.uint8(id.length);
    writer.write(id);
  }
  return writer.bytes;
}

const id = (length: number, fill: number) => new Uint8Array(length).fill(fill);

describe("a server", () => {
  test.each([
    [8, 8],
    [20, 0],
    [20, 20],
  ])("answers an unknown version with its own versions, and swaps ids of %i and %i bytes", (destination, source) => {
    const [answer, ...more] = new Listener().deliver(foreign(UNKNOWN, id(destination, 1), id(source, 2)));
    expect(more).toEqual([]);
    const header = headersOf(answer!.bytes)[0]!;
    expect(header.form).toBe("version-negotiation");
    expect(header.versions).toContain(preferredVersion);
    expect(header.versions).not.toContain(UNKNOWN);
    expect(header.destination).toEqual(id(source, 2));
    expect(header.source).toEqual(id(destination, 1));
    expect(answer!.bytes.length).toBeLessThan(1_200);
  });

  test("answers a version that it does not support by configuration", () => {
    const server = new Listener({ config: { versions: [VERSION_2] } });
    const [answer] = server.deliver(initialPacket({ destination: id(8, 1), source: id(8, 2) }));
    const { versions = [] } = headersOf(answer!.bytes)[0]!;
    expect(versions.filter((version) => !isReservedVersion(version))).toEqual([VERSION_2]);
  });

  test("does not answer datagrams that could not have started a connection", () => {
    expect(new Listener().deliver(foreign(UNKNOWN, id(8, 1), id(8, 2), 1_199))).toEqual([]);
  });

  test("never answers Version Negotiation, however long", () => {
    const server = new Listener();
    const writer = new Writer(new Uint8Array(1_400));
    emitVersionNegotiation(writer, id(8, 1), id(8, 2), new Array(320).fill(preferredVersion), new SeededRng(1));
    expect(server.deliver(writer.written())).toEqual([]);
    expect(server.deliver(foreign(0, id(8, 1), id(8, 2)))).toEqual([]);
  });

  test("does not loop with another server", () => {
    const first = new Listener().deliver(foreign(UNKNOWN, id(8, 1), id(8, 2)));
    expect(first).toHaveLength(1);
    expect(new Listener({ seed: 2 }).deliver(first[0]!.bytes)).toEqual([]);
  });
});

describe("a client", () => {
  const versions = (peer: HostilePeer, list: readonly number[], source = peer.originalDestination!): Uint8Array => {
    const writer = new Writer(new Uint8Array(200));
    // Without the reserved version that an honest server inserts.
    writer.uint8(0xc0);
    writer.uint32(0);
    for (const each of [peer.destination, source]) {
      writer.uint8(each.length);
      writer.write(each);
    }
    for (const version of list) writer.uint32(version);
    return writer.written().slice();
  };
  const waiting = () => new HostilePeer({ role: "server", mute: true }).poll();

  test("gives up if the server supports none of our versions", () => {
    const peer = waiting();
    const before = peer.datagrams.length;
    peer.deliver(versions(peer, [UNKNOWN, 0x709a50c4])).poll();
    expect(peer.events).toEqual([
      {
        type: "closed",
        reason: { type: "version-negotiation", versions: [UNKNOWN, 0x709a50c4], next: undefined },
      },
    ]);
    expect(peer.datagrams.length).toBe(before);
    expect(peer.victim.connectionCount).toBe(0);
  });

  test("names the version to try next if the server supports another of ours", () => {
    const peer = waiting();
    peer.deliver(versions(peer, [UNKNOWN, VERSION_2])).poll();
    expect(peer.events).toMatchObject([{ type: "closed", reason: { type: "version-negotiation", next: VERSION_2 } }]);
  });

  test("ignores a list with the version we use", () => {
    const peer = waiting();
    peer.deliver(versions(peer, [UNKNOWN, preferredVersion])).poll();
    expect(peer.connection.isOpen).toBe(true);
  });

  test("ignores one if the sender has not seen our packet", () => {
    const peer = waiting();
    peer.deliver(versions(peer, [UNKNOWN], id(8, 9))).poll();
    expect(peer.connection.isOpen).toBe(true);
  });

  test("ignores one without versions, or with a partial one", () => {
    const peer = waiting();
    peer.deliver(versions(peer, [])).poll();
    peer.deliver(concat(versions(peer, [UNKNOWN]), Uint8Array.of(1, 2))).poll();
    expect(peer.connection.isOpen).toBe(true);
  });

  test("ignores one after any packet from the server", () => {
    const peer = new HostilePeer({ role: "server" }).handshake();
    peer.deliver(versions(peer, [UNKNOWN])).poll();
    expect(peer.connection.isOpen).toBe(true);
  });
});
