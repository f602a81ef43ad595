/** How many streams may be open (RFC 9000 §4.6). */

import { describe, expect, it } from "vitest";
import { TRANSPORT_ERRORS } from "../errors.ts";
import type { Frame } from "../frame/index.ts";
import { at, drain, framesOf, pattern, settle, streamPair, type TestSide } from "./testing/stream-pair.ts";

const NO_BYTES = new Uint8Array(0);
const open = (side: TestSide, id: number): number => side.set.handleStream(id, 0, pattern(1), false, at(0));
const sent = (side: TestSide): Frame[] => side.packets().flatMap(framesOf);

describe("streams that we open with a given id", () => {
  it("also open all lower ones of their type, on both sides (RFC 9000 §2.1)", () => {
    const pair = streamPair({ server: { initialMaxStreamsUni: 5 } });
    const { client, server } = pair;
    expect(client.set.openStream("uni", 10)).toBe(10);
    expect(client.set.activeStreams).toBe(3);
    client.set.write(10, pattern(5), true);
    client.set.write(2, pattern(7), true);
    settle(pair);
    expect(server.takeEvents().filter(({ type }) => type === "stream-opened")).toEqual([
      { type: "stream-opened", id: 2 },
      { type: "stream-opened", id: 6 },
      { type: "stream-opened", id: 10 },
    ]);
    expect([drain(server, 2).bytes, drain(server, 10).bytes]).toEqual([pattern(7), pattern(5)]);
    expect(client.set.openStream("uni")).toBe(14);
  });

  it("wait for credit like others", () => {
    const { client } = streamPair({ server: { initialMaxStreamsUni: 2 } });
    expect(client.set.openStream("uni", 10)).toBeUndefined();
    expect(client.set.activeStreams).toBe(0);
    expect(sent(client)).toEqual([{ type: "streams-blocked", direction: "uni", limit: 2 }]);
    client.set.handleMaxStreams("uni", 3);
    expect(client.takeEvents()).toEqual([{ type: "streams-available", direction: "uni" }]);
    expect(client.set.openStream("uni", 10)).toBe(10);
  });

  it("throw if the id has another type, belongs to the peer, or is already open", () => {
    const { client } = streamPair();
    client.set.openStream("bidi", 4);
    for (const id of [0, 4, 1, 5, 2, 10]) expect(() => client.set.openStream("bidi", id)).toThrow(RangeError);
    expect(client.set.openStream("bidi")).toBe(8);
  });
});

describe("streams that the peer opens", () => {
  it("must not exceed the limit that we announced: STREAM_LIMIT_ERROR", () => {
    const limitError = expect.objectContaining({ code: TRANSPORT_ERRORS.STREAM_LIMIT_ERROR.code });
    const { server } = streamPair({ server: { initialMaxStreamsBidi: 3, initialMaxStreamsUni: 0 } });
    open(server, 8);
    expect(() => open(server, 12)).toThrow(limitError);
    expect(() => open(server, 2)).toThrow(limitError);
    expect(() => open(server, 4 * 2 ** 50)).toThrow(limitError);
    expect(() => server.set.handleStopSending(12, 0)).toThrow(limitError);
    expect(server.set.activeStreams).toBe(3);
  });

  it("make room for another when they are finished", () => {
    const pair = streamPair({ server: { initialMaxStreamsBidi: 2 } });
    const { client, server } = pair;
    for (let i = 0; i < 100; i += 1) {
      const id = client.set.openStream("bidi");
      expect(id).toBe(i * 4);
      client.set.write(id!, pattern(10), true);
      settle(pair);
      drain(server, id!);
      expect(server.set.activeStreams).toBe(1);
      server.set.write(id!, pattern(10), true);
      settle(pair);
      drain(client, id!);
    }
    expect([client.set.activeStreams, server.set.activeStreams]).toEqual([0, 0]);
  });

  it("make no room until the application has read the end and written its own", () => {
    const pair = streamPair({ server: { initialMaxStreamsBidi: 1 } });
    const { client, server } = pair;
    const id = client.set.openStream("bidi")!;
    expect(client.set.openStream("bidi")).toBeUndefined();
    client.set.write(id, pattern(10), true);
    settle(pair);
    server.set.write(id, pattern(10), true);
    settle(pair);
    expect(client.takeEvents().filter(({ type }) => type === "streams-available")).toEqual([]);
    drain(server, id);
    settle(pair);
    expect(client.takeEvents()).toEqual([{ type: "streams-available", direction: "bidi" }]);
    expect(client.set.openStream("bidi")).toBe(4);
  });

  it("make no room by being cancelled while the application still uses them", () => {
    const pair = streamPair({ server: { initialMaxStreamsBidi: 1 } });
    const { client, server } = pair;
    const id = client.set.openStream("bidi")!;
    client.set.reset(id, 1);
    client.set.stopSending(id, 1);
    settle(pair);
    expect(server.takeEvents().map(({ type }) => type)).toEqual(["stream-opened", "stream-reset", "stream-stopped"]);
    expect([client.set.activeStreams, server.set.activeStreams]).toEqual([0, 1]);
    expect(client.set.openStream("bidi")).toBeUndefined();
    settle(pair);
    server.set.write(id, pattern(10), false);
    expect(server.set.activeStreams).toBe(1);
    server.set.write(id, NO_BYTES, true);
    expect(server.set.activeStreams).toBe(0);
    settle(pair);
    expect(client.set.openStream("bidi")).toBe(4);
  });

  it("are announced in batches while the peer has many left, immediately if it has none", () => {
    const { server } = streamPair({ server: { initialMaxStreamsUni: 20 } });
    const announcements: number[] = [];
    for (let index = 0; index < 40; index += 1) {
      server.set.handleStream(index * 4 + 2, 0, pattern(1), true, at(0));
      drain(server, index * 4 + 2);
      for (const frame of sent(server)) if (frame.type === "max-streams") announcements.push(frame.maximum);
    }
    expect(announcements.length).toBeLessThan(15);
    expect(announcements.at(-1)).toBeGreaterThan(50);
    const { server: busy } = streamPair({ server: { initialMaxStreamsUni: 1 } });
    busy.set.handleStream(2, 0, pattern(1), true, at(0));
    drain(busy, 2);
    expect(sent(busy)).toEqual([{ type: "max-streams", direction: "uni", maximum: 2 }]);
  });

  it("are announced if the peer says that it is blocked", () => {
    const { server } = streamPair({ server: { initialMaxStreamsUni: 20 } });
    server.set.handleStream(2, 0, pattern(1), true, at(0));
    drain(server, 2);
    expect(server.set.hasControlFrames).toBe(false);
    server.set.handleStreamsBlocked("uni", 20);
    server.set.handleStreamsBlocked("bidi", 10);
    expect(sent(server)).toEqual([{ type: "max-streams", direction: "uni", maximum: 21 }]);
  });
});

describe("streams that we open", () => {
  it("are limited by the peer, which is told once per limit that we are blocked", () => {
    const { client } = streamPair({ server: { initialMaxStreamsBidi: 1 } });
    expect(client.set.openStream("bidi")).toBe(0);
    expect(client.set.hasControlFrames).toBe(false);
    expect(client.set.openStream("bidi")).toBeUndefined();
    expect(client.set.openStream("bidi")).toBeUndefined();
    expect(sent(client)).toEqual([{ type: "streams-blocked", direction: "bidi", limit: 1 }]);
    client.set.handleMaxStreams("bidi", 1);
    client.set.handleMaxStreams("uni", 9);
    expect(client.takeEvents()).toEqual([]);
    client.set.handleMaxStreams("bidi", 2);
    client.set.handleMaxStreams("bidi", 3);
    expect(client.takeEvents()).toEqual([{ type: "streams-available", direction: "bidi" }]);
    expect([client.set.openStream("bidi"), client.set.openStream("bidi")]).toEqual([4, 8]);
  });
});
