/** Abandoned streams, stream limits, and the end of the connection. */

import { expect } from "vitest";
import { wideInt } from "../../wire/varint.ts";
import type { StreamDirection, StreamId, StreamTransport, TransportEvent } from "../transport.ts";
import {
  bytes,
  eventsOf,
  NO_BYTES,
  readAll,
  type TransportCase,
  type TransportPair,
  WINDOW,
} from "./transport-case.ts";

/** Ends both parts of a stream, as the application that received the request. */
function end(transport: StreamTransport, id: StreamId): void {
  transport.write(id, NO_BYTES, true);
  readAll(transport, id);
}

// ── Giving up ───────────────────────────────────────────────────────────────────────────────────────────────────────

const CODE = wideInt(0x3fff_ffff, 0xffff_ffff);

export const ABANDONING: readonly TransportCase[] = [
  {
    name: "reset: the peer gets the 62-bit code, and unread bytes are dropped",
    check: (pair) => {
      const id = pair.client.openStream("bidi")!;
      pair.client.write(id, bytes(1, 2, 3), false);
      pair.run();
      pair.client.reset(id, CODE);
      pair.run();
      expect(pair.serverEvents.at(-1)).toEqual({ type: "stream-reset", id, code: CODE });
      expect(pair.server.read(id)).toBeUndefined();
      // It is finished: no more events on either side.
      pair.client.reset(id, 7);
      expect(pair.client.write(id, bytes(4), true)).toBe(true);
      pair.run();
      expect(pair.serverEvents.at(-1)).toEqual({ type: "stream-reset", id, code: CODE });
      expect(eventsOf(pair.clientEvents, id)).toEqual([]);
    },
  },
  {
    name: "reset ends only one direction",
    check: (pair) => {
      const id = pair.client.openStream("bidi")!;
      pair.client.reset(id, 1);
      pair.run();
      pair.server.write(id, bytes(9), true);
      pair.run();
      expect(readAll(pair.client, id)).toEqual({ data: [9], fin: true });
    },
  },
  {
    name: "reset right after the end is a reset",
    check: (pair) => {
      const id = pair.client.openStream("uni")!;
      pair.client.write(id, bytes(1), true);
      pair.client.reset(id, 3);
      pair.run();
      expect(pair.serverEvents.at(-1)).toEqual({ type: "stream-reset", id, code: 3 });
      expect(eventsOf(pair.clientEvents, id)).toEqual([]);
    },
  },
  {
    name: "reset after everything has arrived has no effect",
    check: (pair) => {
      const id = pair.client.openStream("uni")!;
      pair.client.write(id, bytes(1), true);
      pair.run();
      pair.client.reset(id, 3);
      pair.run();
      expect(readAll(pair.server, id)).toEqual({ data: [1], fin: true });
      expect(eventsOf(pair.serverEvents, id)).not.toContain("stream-reset");
    },
  },
  {
    name: "stop-sending: the sender gets the code and its bytes are dropped",
    check: (pair) => {
      const id = pair.client.openStream("bidi")!;
      pair.client.write(id, bytes(1), false);
      pair.run();
      pair.server.stopSending(id, CODE);
      pair.server.stopSending(id, 8);
      expect(pair.server.read(id)).toBeUndefined();
      pair.run();
      expect(pair.clientEvents.at(-1)).toEqual({ type: "stream-stopped", id, code: CODE });
      expect(pair.client.write(id, bytes(2, 3), false)).toBe(true);
      pair.client.reset(id, 1);
      pair.run();
      // It requested that, so the reset in response causes no event.
      expect(eventsOf(pair.serverEvents, id)).toEqual(["stream-opened", "stream-readable"]);
      expect(eventsOf(pair.clientEvents, id)).toEqual(["stream-stopped"]);
      expect(pair.server.read(id)).toBeUndefined();
    },
  },
  {
    name: "bytes that cross stop-sending cause no stream-readable",
    check: (pair) => {
      const id = pair.client.openStream("bidi")!;
      pair.client.write(id, bytes(1), false);
      pair.run();
      pair.client.write(id, bytes(2), false);
      pair.server.stopSending(id, 1);
      pair.run();
      expect(eventsOf(pair.serverEvents, id)).toEqual(["stream-opened", "stream-readable"]);
    },
  },
  {
    name: "stop-sending after the end has no effect",
    check: (pair) => {
      const id = pair.client.openStream("uni")!;
      pair.client.write(id, bytes(1), true);
      pair.run();
      pair.server.stopSending(id, 1);
      pair.run();
      expect(pair.server.read(id)).toBeUndefined();
      expect(eventsOf(pair.clientEvents, id)).toEqual(["stream-finished"]);
    },
  },
  {
    name: "stop-sending stops a sender whose end is written but not yet sent",
    options: { window: WINDOW },
    check: (pair) => {
      const id = pair.client.openStream("uni")!;
      // More than the peer's limit, so that the end is not sent yet.
      pair.client.write(id, new Uint8Array(2 * WINDOW), false);
      pair.run();
      pair.client.write(id, new Uint8Array(WINDOW), true);
      pair.server.stopSending(id, 6);
      pair.run();
      expect(pair.clientEvents.at(-1)).toEqual({ type: "stream-stopped", id, code: 6 });
      expect(eventsOf(pair.clientEvents, id)).not.toContain("stream-finished");
    },
  },
  {
    name: "stop-sending after a reset has no effect",
    check: (pair) => {
      const id = pair.client.openStream("uni")!;
      pair.client.reset(id, 2);
      pair.run();
      pair.server.stopSending(id, 1);
      pair.run();
      expect(eventsOf(pair.clientEvents, id)).toEqual([]);
      expect(eventsOf(pair.serverEvents, id)).toEqual(["stream-opened", "stream-reset"]);
    },
  },
];

// ── How many streams ────────────────────────────────────────────────────────────────────────────────────────────────

const available = (pair: TransportPair, direction: StreamDirection): number =>
  pair.clientEvents.filter((event) => event.type === "streams-available" && event.direction === direction).length;

export const LIMITS: readonly TransportCase[] = [
  {
    name: "openStream fails at the limit, and streams-available is emitted when a stream is finished",
    options: { maxUniStreams: 2 },
    check: (pair) => {
      const [first] = [pair.client.openStream("uni")!, pair.client.openStream("uni")!];
      expect(pair.client.openStream("uni")).toBeUndefined();
      pair.client.write(first!, bytes(1), true);
      pair.run();
      expect(available(pair, "uni")).toBe(0);
      readAll(pair.server, first!);
      pair.run();
      expect(available(pair, "uni")).toBe(1);
      expect(pair.client.openStream("uni")).toBe(10);
      expect(pair.client.openStream("uni")).toBeUndefined();
    },
  },
  {
    name: "streams-available is not emitted if openStream never failed",
    options: { maxUniStreams: 1 },
    check: (pair) => {
      const id = pair.client.openStream("uni")!;
      pair.client.write(id, bytes(1), true);
      pair.run();
      readAll(pair.server, id);
      pair.run();
      expect(available(pair, "uni")).toBe(0);
      expect(pair.client.openStream("uni")).toBe(6);
    },
  },
  {
    name: "the two directions have independent limits",
    options: { maxBidiStreams: 1, maxUniStreams: 1 },
    check: ({ client }) => {
      client.openStream("uni");
      expect(client.openStream("uni")).toBeUndefined();
      expect(client.openStream("bidi")).toBe(0);
    },
  },
  ...(["write", "reset"] as const).map(
    (how): TransportCase => ({
      name: `a cancelled stream makes room only when the receiving application ends it with ${how}`,
      options: { maxBidiStreams: 1 },
      check: (pair) => {
        const id = pair.client.openStream("bidi")!;
        pair.client.write(id, bytes(1), false);
        pair.run();
        expect(pair.client.openStream("bidi")).toBeUndefined();
        pair.client.reset(id, 1);
        pair.client.stopSending(id, 1);
        pair.run();
        expect(eventsOf(pair.serverEvents, id).slice(2).sort()).toEqual(["stream-reset", "stream-stopped"]);
        expect(available(pair, "bidi")).toBe(0);
        if (how === "write") pair.server.write(id, NO_BYTES, true);
        else pair.server.reset(id, 1);
        pair.run();
        expect(available(pair, "bidi")).toBe(1);
        expect(pair.client.openStream("bidi")).toBe(4);
      },
    }),
  ),
  {
    name: "many streams, one after another, with a limit of one",
    options: { maxBidiStreams: 1 },
    check: (pair) => {
      for (let index = 0; index < 10; index += 1) {
        const id = pair.client.openStream("bidi")!;
        expect(id).toBe(4 * index);
        pair.client.write(id, bytes(index), true);
        pair.run();
        end(pair.server, id);
        pair.run();
        expect(readAll(pair.client, id)).toEqual({ data: [], fin: true });
      }
    },
  },
];

// ── The end of the connection ───────────────────────────────────────────────────────────────────────────────────────

export const CLOSING: readonly TransportCase[] = [
  {
    name: "close is reported on both sides, with code and phrase",
    check: (pair) => {
      pair.client.close(CODE, "bye");
      pair.client.close(1, "again");
      pair.run();
      const reason = { layer: "application", code: CODE, phrase: "bye" };
      const closed = (events: readonly TransportEvent[]) => events.filter(({ type }) => type === "closed");
      expect(closed(pair.clientEvents)).toEqual([{ type: "closed", reason: { type: "local", ...reason } }]);
      expect(closed(pair.serverEvents)).toEqual([{ type: "closed", reason: { type: "peer", ...reason } }]);
    },
  },
  {
    name: "after close, calls do nothing and there are no more events",
    check: (pair) => {
      const id = pair.client.openStream("bidi")!;
      pair.client.write(id, bytes(1), false);
      pair.run();
      pair.client.close(1, "");
      pair.run();
      const counts = [pair.clientEvents.length, pair.serverEvents.length];
      for (const transport of [pair.client, pair.server]) {
        expect(transport.openStream("bidi")).toBeUndefined();
        expect(transport.write(id, bytes(1, 2), true)).toBe(true);
        expect(transport.read(id)).toBeUndefined();
        transport.reset(id, 1);
        transport.stopSending(id, 1);
        transport.close(2, "");
      }
      pair.run();
      expect([pair.clientEvents.length, pair.serverEvents.length]).toEqual(counts);
    },
  },
];
