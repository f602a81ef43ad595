/** Rows 9-11, 13: bookkeeping that costs more memory than the bytes counted by flow control. */

import { describe, expect, test } from "vitest";
import { millis } from "../../src/base/time.ts";
import { TRANSPORT_ERRORS } from "../../src/quic/errors.ts";
import type { Frame } from "../../src/quic/frame/frames.ts";
import { type ConnectionEvent, DEFAULT_LIMITS } from "../../src/quic/index.ts";
import type { HostilePeer } from "../../src/quic/testing/hostile-peer.ts";
import { EncryptionLevel } from "../../src/tls/index.ts";
import { attacker, growth, KIB, MIB, sent } from "./attack.ts";

const { oneRtt } = EncryptionLevel;
const LIMITS = { ...DEFAULT_LIMITS, initialMaxStreamsBidi: 128 };
const stream = (id: number, offset: number, length: number, fin = false): Frame => ({
  type: "stream",
  id,
  offset,
  data: new Uint8Array(length).fill(offset),
  fin,
});
const readable = (peer: HostilePeer): ConnectionEvent[] => peer.events.filter(({ type }) => type === "stream-readable");

describe("row 9: STREAM fragments", () => {
  test("of six bytes with one-byte gaps cost only their size, and close the connection after 1024", () => {
    const attack = (peer: HostilePeer): number => {
      let pieces = 0;
      while (peer.close === undefined && pieces < 5_000) {
        // One per packet, so that each would keep its own datagram alive.
        peer.send(oneRtt, [stream(0, 7 * pieces + 1, 6)], { padTo: 1_400 });
        pieces += 1;
        peer.frames.length = 0;
        peer.datagrams.length = 0;
        if (pieces === 1_024) expect(peer.connection.isOpen).toBe(true);
      }
      return pieces;
    };
    // The first attack compiles code, which also counts as memory.
    attack(attacker());
    const peer = attacker();
    let pieces = 0;
    const used = growth(() => {
      pieces = attack(peer);
      return peer;
    });
    expect(pieces).toBe(1_025);
    expect(peer.close?.code).toBe(TRANSPORT_ERRORS.INTERNAL_ERROR.code);
    expect(used).toBeLessThan(MIB);
  });

  test("on all streams together need less than four connection windows", () => {
    const peer = attacker({ victim: { limits: LIMITS } });
    let pieces = 0;
    const used = growth(() => {
      for (let i = 0; i < 60 && peer.close === undefined; i += 1) {
        for (let n = 0; n < 100; n += 1) {
          peer.deliver(peer.seal(oneRtt, (writer) => writeStream(writer, 4 * n, 7 * i + 1)));
          pieces += 1;
        }
        peer.poll();
        peer.frames.length = 0;
        peer.datagrams.length = 0;
      }
      return peer;
    });
    expect(pieces).toBeGreaterThan(5_000);
    expect(used).toBeLessThan(4 * LIMITS.initialMaxData);
  });

  test("far ahead yield no credit: only reads do", () => {
    const peer = attacker();
    peer.send(oneRtt, [stream(0, 500 * KIB, 1)]);
    peer.wait(millis(100));
    expect(sent(peer, "max-stream-data")).toEqual([]);
    expect(sent(peer, "max-data")).toEqual([]);
  });
});

test("row 10: duplicates and overlaps cost nothing, and the first copy is kept", () => {
  const peer = attacker();
  peer.send(oneRtt, [{ type: "stream", id: 0, offset: 1, data: Uint8Array.of(2, 3, 4), fin: false }]);
  const used = growth(() => {
    for (let i = 0; i < 2_000; i += 1) {
      const data = new Uint8Array(1_000).fill(9);
      peer.send(oneRtt, [{ type: "stream", id: 0, offset: 1, data, fin: false }]);
      peer.frames.length = 0;
      peer.datagrams.length = 0;
    }
    return peer;
  });
  expect(used).toBeLessThan(MIB);
  peer.send(oneRtt, [{ type: "stream", id: 0, offset: 0, data: Uint8Array.of(1), fin: false }]);
  expect(readable(peer)).toHaveLength(1);
  const read: number[] = [];
  for (let chunk = peer.connection.read(0); chunk !== undefined; chunk = peer.connection.read(0))
    read.push(...chunk.bytes);
  expect(read).toHaveLength(1_001);
  expect(read.slice(0, 6)).toEqual([1, 2, 3, 4, 9, 9]);
});

describe("row 11: streams opened and cancelled", () => {
  const cancelled = (id: number): Frame[] => [
    stream(id, 0, 10),
    { type: "reset-stream", id, code: 0, finalSize: 10 },
    { type: "stop-sending", id, code: 0 },
  ];

  test("free their slots only when the application is done with them", () => {
    const peer = attacker({ victim: { limits: LIMITS } });
    for (let n = 0; n < 128; n += 1) peer.send(oneRtt, cancelled(4 * n));
    expect(peer.connection.isOpen).toBe(true);
    expect(peer.connection.activeStreams).toBe(128);
    expect(sent(peer, "max-streams")).toEqual([]);
    peer.send(oneRtt, cancelled(4 * 128));
    expect(peer.close?.code).toBe(TRANSPORT_ERRORS.STREAM_LIMIT_ERROR.code);
  });

  test("two thousand times leave no state", () => {
    const peer = attacker({ victim: { limits: LIMITS } });
    peer.onEvent = (connection, event) => {
      if (event.type === "stream-stopped") connection.reset(event.id, event.code);
    };
    let peak = 0;
    const used = growth(() => {
      for (let n = 0; n < 2_000; n += 1) {
        peer.send(oneRtt, cancelled(4 * n)).wait(millis(2));
        peak = Math.max(peak, peer.connection.activeStreams);
        peer.frames.length = 0;
        peer.datagrams.length = 0;
        peer.events.length = 0;
      }
      return peer;
    });
    expect(peer.connection.isOpen).toBe(true);
    expect(peak).toBeLessThanOrEqual(128);
    expect(peer.connection.activeStreams).toBe(0);
    expect(used).toBeLessThan(2 * MIB);
  });
});

describe("row 13: windows of one byte", () => {
  const parameters = { initialMaxData: 1, initialMaxStreamDataUni: 1, initialMaxStreamsUni: 100 };

  test("limit data to the send buffers", () => {
    const peer = attacker({ parameters });
    const chunk = new Uint8Array(100 * KIB);
    let written = 0;
    for (let n = 0; n < 100; n += 1) {
      const id = peer.connection.openStream("uni")!;
      for (; peer.connection.writableBytes(id) > 0; written += chunk.length) peer.connection.write(id, chunk, false);
    }
    expect(written).toBeLessThan(16 * 512 * KIB + chunk.length);
  });

  test("that grow by one byte get one byte at a time, and no flood of BLOCKED frames", () => {
    const peer = attacker({ parameters });
    const id = peer.connection.openStream("uni")!;
    peer.connection.write(id, new Uint8Array(10_000), false);
    peer.poll();
    for (let limit = 2; limit <= 300; limit += 1) {
      peer
        .send(oneRtt, [
          { type: "max-data", maximum: limit },
          { type: "max-stream-data", id, maximum: limit },
        ])
        .wait(millis(10));
    }
    const bytes = sent(peer, "stream").reduce((sum, { data }) => sum + data.length, 0);
    expect(bytes).toBe(300);
    expect(sent(peer, "data-blocked").length + sent(peer, "stream-data-blocked").length).toBeLessThanOrEqual(2 * 301);
    expect(peer.connection.isOpen).toBe(true);
  });
});

function writeStream(writer: { uint8(value: number): void; uint16(value: number): void }, id: number, offset: number) {
  // STREAM with offset and length, encoded in two bytes.
  writer.uint8(0x0e);
  writer.uint16(0x4000 | id);
  writer.uint16(0x4000 | offset);
  writer.uint8(6);
  for (let i = 0; i < 6; i += 1) writer.uint8(i);
}
