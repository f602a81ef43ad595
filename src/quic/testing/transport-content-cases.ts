/** Streams that are opened, carry bytes under backpressure and end normally. */

import { expect } from "vitest";
import { concat } from "../../wire/text.ts";
import type { StreamId } from "../transport.ts";
import {
  bytes,
  eventsOf,
  NO_BYTES,
  readAll,
  type TransportCase,
  type TransportPair,
  WINDOW,
} from "./transport-case.ts";

const pattern = (from: number, to: number): Uint8Array => Uint8Array.from({ length: to - from }, (_, i) => from + i);

// ── Opening ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export const OPENING: readonly TransportCase[] = [
  {
    name: "ids are numbered by initiator and direction (RFC 9000 §2.1)",
    check: ({ client, server }) => {
      expect([client.openStream("bidi"), client.openStream("bidi"), client.openStream("uni")]).toEqual([0, 4, 2]);
      expect([server.openStream("bidi"), server.openStream("uni"), server.openStream("uni")]).toEqual([1, 3, 7]);
    },
  },
  {
    name: "a stream can be opened with a given id, which also opens all lower ones of its type",
    check: (pair) => {
      expect(pair.client.openStream("bidi", 8)).toBe(8);
      expect(pair.client.openStream("bidi")).toBe(12);
      for (const id of [4, 8, 17, 18]) expect(() => pair.client.openStream("bidi", id)).toThrow(RangeError);
      pair.client.write(4, bytes(1), false);
      pair.run();
      expect(pair.serverEvents.slice(-2)).toEqual([
        { type: "stream-opened", id: 4 },
        { type: "stream-readable", id: 4 },
      ]);
    },
  },
  {
    name: "a stream is unknown to the peer until something is sent on it",
    check: (pair) => {
      const id = pair.client.openStream("bidi")!;
      pair.run();
      expect(eventsOf(pair.serverEvents, id)).toEqual([]);
      expect(() => pair.server.read(id)).toThrow(RangeError);
    },
  },
  {
    name: "the first byte opens it, after all lower-numbered ones of its type (RFC 9000 §3.2)",
    check: (pair) => {
      const [first, second, third] = [0, 1, 2].map(() => pair.client.openStream("bidi")!);
      pair.client.write(third!, bytes(1), false);
      pair.run();
      const opened = pair.serverEvents.filter(({ type }) => type === "stream-opened" || type === "stream-readable");
      expect(opened).toEqual([
        { type: "stream-opened", id: first },
        { type: "stream-opened", id: second },
        { type: "stream-opened", id: third },
        { type: "stream-readable", id: third },
      ]);
      pair.client.write(first!, bytes(1), false);
      pair.run();
      expect(eventsOf(pair.serverEvents, first!)).toEqual(["stream-opened", "stream-readable"]);
    },
  },
  ...(["reset", "stop-sending"] as const).map(
    (what): TransportCase => ({
      name: `${what} also opens a stream`,
      check: (pair) => {
        const id = pair.client.openStream("bidi")!;
        if (what === "reset") pair.client.reset(id, 5);
        else pair.client.stopSending(id, 5);
        pair.run();
        const event = what === "reset" ? "stream-reset" : "stream-stopped";
        expect(eventsOf(pair.serverEvents, id)).toEqual(["stream-opened", event]);
      },
    }),
  ),
  {
    name: "using a stream against its type throws a RangeError",
    check: (pair) => {
      const id = pair.client.openStream("uni")!;
      pair.client.write(id, bytes(1), false);
      pair.run();
      expect(() => pair.client.read(id)).toThrow(RangeError);
      expect(() => pair.client.stopSending(id, 0)).toThrow(RangeError);
      expect(() => pair.server.write(id, bytes(1), false)).toThrow(RangeError);
      expect(() => pair.server.reset(id, 0)).toThrow(RangeError);
      expect(() => pair.server.writableBytes(id)).toThrow(RangeError);
    },
  },
  {
    name: "using a stream that was never opened throws a RangeError",
    check: ({ client }) => {
      for (const id of [0, 1, 2, 3]) {
        if (id !== 3) expect(() => client.write(id, bytes(1), false)).toThrow(RangeError);
        if (id !== 2) expect(() => client.read(id)).toThrow(RangeError);
      }
    },
  },
];

// ── Bytes and their end ─────────────────────────────────────────────────────────────────────────────────────────────

export const CONTENT: readonly TransportCase[] = [
  {
    name: "bytes arrive in order, in both directions at once",
    check: (pair) => {
      const id = pair.client.openStream("bidi")!;
      for (let at = 0; at < 200; at += 50) pair.client.write(id, pattern(at, at + 50), false);
      pair.run();
      pair.server.write(id, pattern(0, 100), false);
      pair.client.write(id, pattern(200, 250), true);
      pair.server.write(id, pattern(100, 120), true);
      pair.run();
      expect(readAll(pair.server, id, 7)).toEqual({ data: [...pattern(0, 250)], fin: true });
      expect(readAll(pair.client, id)).toEqual({ data: [...pattern(0, 120)], fin: true });
    },
  },
  {
    name: "the end arrives with the last bytes",
    check: (pair) => {
      const id = pair.client.openStream("uni")!;
      expect(pair.client.write(id, bytes(1, 2, 3), true)).toBe(true);
      pair.run();
      const chunks = [];
      for (let chunk = pair.server.read(id); chunk !== undefined; chunk = pair.server.read(id)) chunks.push(chunk);
      expect(concat(...chunks.map((chunk) => chunk.bytes))).toEqual(bytes(1, 2, 3));
      expect(chunks.map(({ fin }) => fin)).toEqual(chunks.map((_, index) => index === chunks.length - 1));
      expect(chunks.at(-1)?.bytes.length).toBeGreaterThan(0);
      expect(eventsOf(pair.serverEvents, id)).toEqual(["stream-opened", "stream-readable"]);
    },
  },
  {
    name: "the end is only reported with the last byte read",
    check: (pair) => {
      const id = pair.client.openStream("uni")!;
      pair.client.write(id, bytes(1, 2, 3), true);
      pair.run();
      for (const [value, fin] of [
        [1, false],
        [2, false],
        [3, true],
      ] as const) {
        expect(pair.server.read(id, 1)).toEqual({ bytes: bytes(value), fin });
      }
    },
  },
  {
    name: "the end arrives alone, after bytes that were read",
    check: (pair) => {
      const id = pair.client.openStream("uni")!;
      pair.client.write(id, bytes(1), false);
      pair.run();
      expect(readAll(pair.server, id)).toEqual({ data: [1], fin: false });
      pair.client.write(id, NO_BYTES, true);
      pair.run();
      expect(eventsOf(pair.serverEvents, id)).toEqual(["stream-opened", "stream-readable", "stream-readable"]);
      expect(pair.server.read(id)).toEqual({ bytes: NO_BYTES, fin: true });
      expect(pair.server.read(id)).toBeUndefined();
    },
  },
  {
    name: "a stream may have an end and no bytes",
    check: (pair) => {
      const id = pair.client.openStream("bidi")!;
      pair.client.write(id, NO_BYTES, true);
      pair.run();
      expect(eventsOf(pair.serverEvents, id)).toEqual(["stream-opened", "stream-readable"]);
      expect(pair.server.read(id)).toEqual({ bytes: NO_BYTES, fin: true });
    },
  },
  {
    name: "stream-readable is emitted once until the stream is drained",
    check: (pair) => {
      const id = pair.client.openStream("uni")!;
      for (const value of [1, 2, 3]) {
        pair.client.write(id, bytes(value), false);
        pair.run();
      }
      expect(eventsOf(pair.serverEvents, id)).toEqual(["stream-opened", "stream-readable"]);
      pair.server.read(id, 1);
      pair.client.write(id, bytes(4), false);
      pair.run();
      expect(eventsOf(pair.serverEvents, id)).toHaveLength(2);
      readAll(pair.server, id);
      pair.client.write(id, bytes(5), false);
      pair.run();
      expect(eventsOf(pair.serverEvents, id)).toHaveLength(3);
      expect(readAll(pair.server, id)).toEqual({ data: [5], fin: false });
    },
  },
  {
    name: "stream-finished is emitted once, when the peer has everything",
    check: (pair) => {
      const id = pair.client.openStream("bidi")!;
      pair.client.write(id, bytes(1), false);
      pair.run();
      expect(eventsOf(pair.clientEvents, id)).toEqual([]);
      pair.client.write(id, bytes(2), true);
      pair.run();
      expect(eventsOf(pair.clientEvents, id)).toEqual(["stream-finished"]);
    },
  },
  {
    name: "bytes written after the end are dropped",
    check: (pair) => {
      const id = pair.client.openStream("uni")!;
      pair.client.write(id, bytes(1), true);
      expect(pair.client.write(id, bytes(2), true)).toBe(true);
      pair.run();
      expect(readAll(pair.server, id)).toEqual({ data: [1], fin: true });
      expect(eventsOf(pair.clientEvents, id)).toEqual(["stream-finished"]);
    },
  },
];

// ── Backpressure ────────────────────────────────────────────────────────────────────────────────────────────────────

/** Writes until there is no more room, running the pair in between. Returns the number of bytes written. */
function fill(pair: TransportPair, id: StreamId, chunk: Uint8Array): number {
  let total = 0;
  do {
    pair.client.write(id, chunk, false);
    total += chunk.length;
    pair.run();
  } while (pair.client.writableBytes(id) > 0 && total < 1_000 * WINDOW);
  return total;
}

export const BACKPRESSURE: readonly TransportCase[] = [
  {
    name: "write returns false without room, and stream-writable is emitted after the peer has read",
    options: { window: WINDOW },
    check: (pair) => {
      const id = pair.client.openStream("uni")!;
      const total = fill(pair, id, new Uint8Array(WINDOW));
      expect(total).toBeGreaterThanOrEqual(WINDOW);
      expect(total).toBeLessThanOrEqual(32 * WINDOW);
      expect(pair.client.writableBytes(id)).toBe(0);
      expect(pair.client.write(id, bytes(1), false)).toBe(false);
      const before = eventsOf(pair.clientEvents, id).length;
      pair.run();
      expect(eventsOf(pair.clientEvents, id)).toHaveLength(before);
      let read = 0;
      while (eventsOf(pair.clientEvents, id).length === before) {
        const chunk = pair.server.read(id);
        read += chunk?.bytes.length ?? 0;
        if (chunk === undefined) pair.run();
        expect(read).toBeLessThanOrEqual(total + 1);
      }
      expect(eventsOf(pair.clientEvents, id).at(-1)).toBe("stream-writable");
      expect(pair.client.writableBytes(id)).toBeGreaterThan(0);
    },
  },
  {
    name: "much more data than there is room for arrives completely, with its end",
    options: { window: WINDOW },
    check: (pair) => {
      const id = pair.client.openStream("uni")!;
      const whole = new Uint8Array(64 * WINDOW).map((_, index) => index % 251);
      pair.client.write(id, whole, true);
      const received: Uint8Array[] = [];
      let isEnded = false;
      for (let turn = 0; !isEnded && turn < 10_000; turn += 1) {
        pair.run();
        for (let chunk = pair.server.read(id); chunk !== undefined; chunk = pair.server.read(id)) {
          received.push(chunk.bytes);
          isEnded = chunk.fin;
        }
      }
      expect(isEnded).toBe(true);
      const joined = concat(...received);
      expect(joined.length).toBe(whole.length);
      expect(joined.every((byte, index) => byte === whole[index])).toBe(true);
    },
  },
  {
    name: "an end without bytes needs no room",
    options: { window: WINDOW },
    check: (pair) => {
      const id = pair.client.openStream("uni")!;
      const total = fill(pair, id, new Uint8Array(WINDOW));
      expect(pair.client.write(id, NO_BYTES, true)).toBe(true);
      let read = 0;
      let fin = false;
      for (let turn = 0; !fin && turn < 10_000; turn += 1) {
        pair.run();
        for (let chunk = pair.server.read(id); chunk !== undefined; chunk = pair.server.read(id)) {
          read += chunk.bytes.length;
          fin = chunk.fin;
        }
      }
      expect({ read, fin }).toEqual({ read: total, fin: true });
    },
  },
  ...(["reset", "stop-sending"] as const).map(
    (what): TransportCase => ({
      name: `${what} ends waiting for room`,
      options: { window: WINDOW },
      check: (pair) => {
        const id = pair.client.openStream("bidi")!;
        fill(pair, id, new Uint8Array(WINDOW));
        const before = eventsOf(pair.clientEvents, id).length;
        if (what === "reset") pair.client.reset(id, 1);
        else pair.server.stopSending(id, 1);
        pair.run();
        const events = eventsOf(pair.clientEvents, id).slice(before);
        expect(events).toEqual(what === "reset" ? [] : ["stream-stopped"]);
        expect(pair.client.writableBytes(id)).toBe(Number.MAX_SAFE_INTEGER);
        expect(pair.client.write(id, new Uint8Array(4 * WINDOW), false)).toBe(true);
      },
    }),
  ),
];
