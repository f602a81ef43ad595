/** Any bytes on any stream, however split, yield events or one closing error, and memory stays bounded. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../test/properties/runs.ts";
import { SeededRng } from "../base/rng.ts";
import { QPACK_ERRORS } from "../qpack/errors.ts";
import { isUnidirectional } from "../quic/transport.ts";
import { concat } from "../wire/text.ts";
import { H3_ERRORS } from "./errors.ts";
import type { Role } from "./frames.ts";
import { H3Pair } from "./testing/pair.ts";
import { data, frame, headers, RawPeer, settings, varint } from "./testing/raw-peer.ts";

const CODES: readonly unknown[] = [...Object.values(H3_ERRORS), ...Object.values(QPACK_ERRORS)].map(({ code }) => code);

/** Acts as an application: reads all content and answers all requests. */
function act(peer: RawPeer): void {
  const { connection } = peer.victim;
  peer.victim.onEvent = (event) => {
    if (event.type === "request") {
      connection.respond(event.id, 200, [["x", "y"]], false);
      connection.writeData(event.id, new Uint8Array(10), true);
    }
    if (event.type === "data") while (connection.readData(event.id) !== undefined);
  };
}

/** The connection is either open or closed once with an HTTP/3 or QPACK code, and its memory is within limits. */
function checkSound(peer: RawPeer): void {
  const closed = peer.victim.of("closed");
  if (peer.closeCode === undefined) {
    expect(closed).toHaveLength(0);
  } else {
    expect(CODES).toContain(peer.closeCode);
    expect(closed).toHaveLength(1);
    expect(peer.victim.events.at(-1)).toBe(closed[0]);
    expect(peer.victim.connection.openRequests).toBe(0);
  }
}

const role = fc.constantFrom<Role>("server", "client");

test("arbitrary bytes on arbitrary streams", () => {
  const bytes = fc.uint8Array({ maxLength: 80 });
  const step = fc.oneof(
    fc.record({ type: fc.constant("uni" as const), kind: fc.nat(5), bytes }),
    fc.record({ type: fc.constant("request" as const), bytes, fin: fc.boolean() }),
    fc.record({ type: fc.constant("more" as const), stream: fc.nat(10), bytes, fin: fc.boolean() }),
    fc.record({ type: fc.constant("reset" as const), stream: fc.nat(10) }),
    fc.record({ type: fc.constant("stop" as const), stream: fc.nat(10) }),
  );
  fc.assert(
    fc.property(role, fc.array(step, { maxLength: 15 }), fc.integer(), (victim, steps, seed) => {
      const peer = new RawPeer(victim, { rng: new SeededRng(seed) });
      act(peer);
      const streams: number[] = [];
      for (const next of steps) {
        const stream = streams[("stream" in next ? next.stream : 0) % Math.max(1, streams.length)];
        if (next.type === "uni") streams.push(peer.openUni(next.kind, next.bytes));
        else if (peer.closeCode !== undefined) break;
        else if (next.type === "request") {
          const id: number | undefined = peer.openRequest();
          // A client makes no more requests after GOAWAY.
          if (id === undefined) continue;
          streams.push(id);
          peer.send(id, next.bytes, next.fin);
        } else if (stream === undefined) continue;
        else if (next.type === "more") peer.send(stream, next.bytes, next.fin);
        else if (next.type === "reset") peer.transport.reset(stream, 0x10c);
        else if (!isUnidirectional(stream)) peer.transport.stopSending(stream, 0x10c);
        peer.run();
      }
      checkSound(peer);
    }),
    { numRuns: runs(800) },
  );
});

describe("mutated frames", () => {
  const mutation = fc.record({
    at: fc.nat(400),
    kind: fc.constantFrom("flip", "cut", "insert", "repeat"),
    value: fc.nat(255),
  });

  function mutate(bytes: Uint8Array, { at, kind, value }: { at: number; kind: string; value: number }): Uint8Array {
    const index = at % bytes.length;
    const before = bytes.subarray(0, index);
    switch (kind) {
      case "flip":
        return concat(before, Uint8Array.of(bytes[index]! ^ (1 << (value % 8))), bytes.subarray(index + 1));
      case "cut":
        return concat(before, bytes.subarray(index + 1 + (value % 20)));
      case "insert":
        return concat(before, Uint8Array.of(value), bytes.subarray(index));
      default:
        return concat(bytes.subarray(0, index + 1), bytes.subarray(index - (value % (index + 1))));
    }
  }

  test("in messages, in SETTINGS, in QPACK instructions", () => {
    fc.assert(
      fc.property(role, fc.array(mutation, { minLength: 1, maxLength: 3 }), fc.nat(3), (victim, mutations, where) => {
        const peer = new RawPeer(victim);
        act(peer);
        const flawed = (target: number, ...parts: Uint8Array[]): Uint8Array => {
          const bytes = concat(...parts);
          return target === where
            ? mutations.reduce((result, next) => (result.length > 0 ? mutate(result, next) : result), bytes)
            : bytes;
        };
        const streams = [peer.openRequest(), peer.openRequest()] as const;
        peer.openUni(
          0,
          flawed(0, settings([1, 4096], [6, 10_000], [7, 16], [0x21, 5]), frame(0x40, data(3)), frame(7, varint(400))),
        );
        peer.openUni(
          2,
          flawed(1, Uint8Array.of(0x3f, 0xe1, 0x1f, 0xc5, 0x02, 0x2f, 0x61, 0x43, 0x78, 0x2d, 0x61, 0x01, 0x62, 0x01)),
        );
        if (peer.closeCode === undefined) {
          const length = ["content-length", "14"] as const;
          const message = [
            headers([...peer.head, length]),
            data(4),
            frame(0x21, data(9)),
            data(10),
            headers([["a", "b"]]),
          ];
          peer.send(streams[0], flawed(2, ...message), true);
        }
        if (peer.closeCode === undefined)
          peer.send(streams[1], flawed(3, frame(1, Uint8Array.of(3, 0, 0x80, 0x81))), true);
        checkSound(peer);
      }),
      { numRuns: runs(1000) },
    );
  });
});

test("a conversation does not depend on how the network splits and reorders it", () => {
  const message = fc.record({
    path: fc.constantFrom("/", "/a", "/b"),
    repeated: fc.constantFrom("one", "two"),
    length: fc.nat(600),
    trailers: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(message, { minLength: 1, maxLength: 12 }),
      fc.integer(),
      fc.constantFrom(7, 100, 5000),
      fc.constantFrom(0, 200, 4096),
      (messages, seed, window, qpackMaxTableCapacity) => {
        const side = { qpackMaxTableCapacity };
        const pair = new H3Pair({
          rng: new SeededRng(seed),
          window,
          maxRead: 1 + (Math.abs(seed) % 50),
          client: side,
          server: side,
        });
        pair.run();
        const owed = new Map<number, Uint8Array>();
        const { connection: server } = pair.server;
        const { connection: client } = pair.client;
        const write = (id: number): void => {
          let rest = owed.get(id);
          if (rest === undefined) return;
          for (let hasRoom = true; hasRoom && rest.length > 0; rest = rest.subarray(100)) {
            hasRoom = server.writeData(id, rest.subarray(0, 100), false);
          }
          owed.set(id, rest);
          if (rest.length > 0) return;
          owed.delete(id);
          server.sendTrailers(id, [["x-length", String(messages[id / 4]!.length)]]);
        };
        pair.server.onEvent = (event) => {
          if (event.type === "request") {
            const { length, repeated } = messages[event.id / 4]!;
            server.respond(
              event.id,
              200,
              [
                ["x-repeated", repeated],
                ["content-length", String(length)],
              ],
              false,
            );
            owed.set(event.id, new Uint8Array(length).fill(event.id));
            write(event.id);
          } else if (event.type === "writable") write(event.id);
        };
        const received = new Map<number, number>();
        pair.client.onEvent = (event) => {
          if (event.type !== "data") return;
          for (let chunk = client.readData(event.id); chunk !== undefined; chunk = client.readData(event.id)) {
            received.set(event.id, (received.get(event.id) ?? 0) + chunk.bytes.length);
            expect(chunk.bytes.every((byte) => byte === event.id)).toBe(true);
          }
        };
        for (const { path, repeated } of messages) {
          const fields = [
            ["x-repeated", repeated],
            ["user-agent", "test"],
          ] as const;
          client.request({ method: "GET", scheme: "https", authority: "example.com", path, fields }, true);
        }
        pair.run();
        expect(pair.client.of("closed")).toEqual([]);
        expect(pair.client.of("finished")).toHaveLength(messages.length);
        for (const [index, { path, length, repeated }] of messages.entries()) {
          const id = index * 4;
          const request = pair.server.of("request").find((event) => event.id === id)!;
          expect(request.head.path).toBe(path);
          expect(request.head.fields).toEqual([
            ["x-repeated", repeated],
            ["user-agent", "test"],
          ]);
          expect(received.get(id) ?? 0).toBe(length);
          const trailers = pair.client.of("trailers").find((event) => event.id === id);
          expect(trailers?.fields).toEqual([["x-length", String(length)]]);
        }
        expect(client.openRequests + server.openRequests).toBe(0);
      },
    ),
    { numRuns: runs(40) },
  );
});
