/** The stream states of RFC 9000 §3, and which frames each state allows. */

import { describe, expect, it } from "vitest";
import { TRANSPORT_ERRORS } from "../errors.ts";
import type { Frame } from "../frame/index.ts";
import { at, drain, framesOf, pattern, settle, streamPair, TestSide } from "./testing/stream-pair.ts";

const stream = (id: number, offset: number, data: Uint8Array, fin = false): Frame => ({
  type: "stream",
  id,
  offset,
  data,
  fin,
});
const NO_BYTES = new Uint8Array(0);
const stateError = { code: TRANSPORT_ERRORS.STREAM_STATE_ERROR.code };

describe("opening (RFC 9000 §2.1, §3.2)", () => {
  it("numbers streams by initiator and direction", () => {
    const { client, server } = streamPair();
    expect([client.set.openStream("bidi"), client.set.openStream("bidi")]).toEqual([0, 4]);
    expect([client.set.openStream("uni"), client.set.openStream("uni")]).toEqual([2, 6]);
    expect([server.set.openStream("bidi"), server.set.openStream("uni")]).toEqual([1, 3]);
  });

  it("opens all lower-numbered streams of the same type, in order", () => {
    const { server } = streamPair();
    server.handle(stream(8, 0, pattern(3)));
    expect(server.takeEvents()).toEqual([
      { type: "stream-opened", id: 0 },
      { type: "stream-opened", id: 4 },
      { type: "stream-opened", id: 8 },
      { type: "stream-readable", id: 8 },
    ]);
    server.handle(stream(4, 0, pattern(3)));
    expect(server.takeEvents()).toEqual([{ type: "stream-readable", id: 4 }]);
  });

  it.each<[string, Frame]>([
    ["RESET_STREAM", { type: "reset-stream", id: 4, code: 1, finalSize: 0 }],
    ["STOP_SENDING", { type: "stop-sending", id: 4, code: 1 }],
    ["MAX_STREAM_DATA", { type: "max-stream-data", id: 4, maximum: 9 }],
    ["STREAM_DATA_BLOCKED", { type: "stream-data-blocked", id: 4, limit: 9 }],
  ])("also happens on %s", (_, frame) => {
    const { server } = streamPair();
    server.handle(frame);
    expect(server.takeEvents().slice(0, 2)).toEqual([
      { type: "stream-opened", id: 0 },
      { type: "stream-opened", id: 4 },
    ]);
  });

  it("throws if the application uses a stream that does not exist", () => {
    const { client } = streamPair();
    expect(() => client.set.write(0, pattern(1), false)).toThrow(RangeError);
    expect(() => client.set.read(1)).toThrow(RangeError);
    const uni = client.set.openStream("uni")!;
    expect(() => client.set.read(uni)).toThrow("is send-only");
    client.handle(stream(3, 0, pattern(1)));
    expect(() => client.set.write(3, pattern(1), false)).toThrow("is receive-only");
  });
});

describe("frames that a stream's type forbids: STREAM_STATE_ERROR", () => {
  // From a server's view: 2 is the client's unidirectional stream, 3 its own; 1 and 3 are not open unless noted.
  it.each<[string, Frame]>([
    ["STREAM for a send-only stream", stream(3, 0, pattern(1))],
    ["RESET_STREAM for a send-only stream", { type: "reset-stream", id: 3, code: 0, finalSize: 0 }],
    ["STREAM_DATA_BLOCKED for a send-only stream", { type: "stream-data-blocked", id: 3, limit: 0 }],
    ["STREAM for a local stream not yet created", stream(1, 0, pattern(1))],
    ["RESET_STREAM for a local stream not yet created", { type: "reset-stream", id: 1, code: 0, finalSize: 0 }],
    ["STOP_SENDING for a local stream not yet created", { type: "stop-sending", id: 1, code: 0 }],
    ["STOP_SENDING for a local unidirectional stream not yet created", { type: "stop-sending", id: 3, code: 0 }],
    ["STOP_SENDING for a receive-only stream", { type: "stop-sending", id: 2, code: 0 }],
    ["MAX_STREAM_DATA for a local stream not yet created", { type: "max-stream-data", id: 1, maximum: 1 }],
    ["MAX_STREAM_DATA for a receive-only stream", { type: "max-stream-data", id: 2, maximum: 1 }],
    ["STREAM_DATA_BLOCKED for a local stream not yet created", { type: "stream-data-blocked", id: 1, limit: 1 }],
  ])("%s", (_, frame) => {
    const { server } = streamPair();
    expect(() => server.handle(frame)).toThrow(expect.objectContaining(stateError));
  });

  it("is also an error if the stream exists or is finished", () => {
    const pair = streamPair();
    const id = pair.server.set.openStream("uni")!;
    expect(() => pair.server.handle(stream(id, 0, NO_BYTES))).toThrow(expect.objectContaining(stateError));
    pair.server.set.write(id, pattern(1), true);
    settle(pair);
    expect(pair.server.set.activeStreams).toBe(0);
    expect(() => pair.server.handle(stream(id, 0, NO_BYTES))).toThrow(expect.objectContaining(stateError));
    pair.client.set.read(id);
    expect(pair.client.set.activeStreams).toBe(0);
    expect(() => pair.client.handle({ type: "stop-sending", id, code: 0 })).toThrow(
      expect.objectContaining(stateError),
    );
  });
});

describe("finished streams", () => {
  it("are removed, and frames for them ignored", () => {
    const pair = streamPair();
    const id = pair.client.set.openStream("bidi")!;
    pair.client.set.write(id, pattern(10), true);
    settle(pair);
    drain(pair.server, id);
    pair.server.set.write(id, pattern(10), true);
    settle(pair);
    drain(pair.client, id);
    for (const side of [pair.client, pair.server]) {
      expect(side.set.activeStreams).toBe(0);
      side.takeEvents();
      side.handle(stream(id, 0, pattern(10), true));
      side.handle(stream(id, 1_000_000, pattern(10)));
      side.handle({ type: "reset-stream", id, code: 1, finalSize: 5 });
      side.handle({ type: "stop-sending", id, code: 1 });
      side.handle({ type: "max-stream-data", id, maximum: 1_000_000 });
      side.handle({ type: "stream-data-blocked", id, limit: 1 });
      expect(side.takeEvents()).toEqual([]);
      expect([side.set.hasControlFrames, side.set.hasStreamData]).toEqual([false, false]);
      expect(side.set.write(id, pattern(7), true)).toBe(true);
      expect(side.set.read(id)).toBeUndefined();
      side.set.reset(id, 1);
      side.set.stopSending(id, 1);
      expect([side.set.hasControlFrames, side.set.hasStreamData]).toEqual([false, false]);
    }
  });
});

describe("reading", () => {
  it("emits stream-readable once until the stream is drained", () => {
    const { server } = streamPair();
    server.handle(stream(0, 0, pattern(10)));
    server.handle(stream(0, 10, pattern(10)));
    expect(server.takeEvents().length).toBe(2);
    expect(server.set.read(0, 15)!.bytes.length).toBe(10);
    server.handle(stream(0, 20, pattern(10)));
    expect(server.takeEvents()).toEqual([]);
    drain(server, 0);
    server.handle(stream(0, 40, pattern(10)));
    expect(server.takeEvents()).toEqual([]);
    server.handle(stream(0, 30, pattern(10)));
    expect(server.takeEvents()).toEqual([{ type: "stream-readable", id: 0 }]);
  });

  it("returns a FIN that arrives alone", () => {
    const { server } = streamPair();
    server.handle(stream(0, 0, pattern(10)));
    expect(server.set.read(0)).toEqual({ bytes: pattern(10), fin: false });
    expect(server.set.read(0)).toBeUndefined();
    server.takeEvents();
    server.handle(stream(0, 10, NO_BYTES, true));
    expect(server.takeEvents()).toEqual([{ type: "stream-readable", id: 0 }]);
    expect(server.set.read(0)).toEqual({ bytes: NO_BYTES, fin: true });
    expect(server.set.read(0)).toBeUndefined();
  });

  it("returns the end of an empty stream", () => {
    const pair = streamPair();
    const id = pair.client.set.openStream("uni")!;
    pair.client.set.write(id, NO_BYTES, true);
    settle(pair);
    expect(pair.server.set.read(id)).toEqual({ bytes: NO_BYTES, fin: true });
    expect([pair.client.set.activeStreams, pair.server.set.activeStreams]).toEqual([0, 0]);
  });

  it("announces an end that arrives before its bytes only with them", () => {
    const { server } = streamPair();
    server.handle(stream(0, 5, pattern(5), true));
    server.takeEvents();
    server.handle(stream(0, 0, pattern(5)));
    expect(server.takeEvents()).toEqual([{ type: "stream-readable", id: 0 }]);
    expect(drain(server, 0).fin).toBe(true);
  });
});

describe("RESET_STREAM", () => {
  it("ends both the sending and the receiving part, and drops unread bytes", () => {
    const pair = streamPair();
    const id = pair.client.set.openStream("uni")!;
    pair.client.set.write(id, pattern(5_000), false);
    settle(pair);
    pair.client.set.reset(id, 77);
    pair.client.set.reset(id, 78);
    expect(pair.client.set.bytesBuffered).toBe(0);
    settle(pair);
    expect(pair.server.takeEvents().at(-1)).toEqual({ type: "stream-reset", id, code: 77 });
    expect(pair.server.set.read(id)).toBeUndefined();
    expect([pair.client.set.activeStreams, pair.server.set.activeStreams]).toEqual([0, 0]);
    expect(pair.client.takeEvents()).toEqual([]);
    expect(pair.client.set.write(id, pattern(9), true)).toBe(true);
  });

  it("has the number of bytes sent as final size, not bytes written", () => {
    const { client } = streamPair();
    const id = client.set.openStream("bidi")!;
    client.set.write(id, pattern(5_000), true);
    const { length } = client.packet(500)!.frames[0] as { length: number };
    client.set.reset(id, 1);
    expect(client.packets().flatMap(framesOf)).toEqual([{ type: "reset-stream", id, code: 1, finalSize: length }]);
  });

  it("does not discard what was received completely (§3.2)", () => {
    const { server } = streamPair();
    server.handle(stream(0, 0, pattern(10), true));
    server.takeEvents();
    server.handle({ type: "reset-stream", id: 0, code: 5, finalSize: 10 });
    expect(server.takeEvents()).toEqual([]);
    expect(server.set.read(0)).toEqual({ bytes: pattern(10), fin: true });
  });

  it("keeps codes of 62 bits", () => {
    const pair = streamPair();
    const code = { high: 0x3fff_ffff, low: 0xffff_fff1 };
    const id = pair.client.set.openStream("bidi")!;
    pair.client.set.reset(id, code);
    settle(pair);
    expect(pair.server.takeEvents().at(-1)).toEqual({ type: "stream-reset", id, code });
  });
});

describe("STOP_SENDING", () => {
  it("is answered with RESET_STREAM and its code (§3.5)", () => {
    const pair = streamPair();
    const { client, server } = pair;
    const id = client.set.openStream("bidi")!;
    client.set.write(id, pattern(5_000), false);
    settle(pair);
    server.takeEvents();
    server.set.stopSending(id, 9);
    server.set.stopSending(id, 10);
    expect(server.set.read(id)).toBeUndefined();
    expect(server.packet(1_200)!.frames).toEqual([{ type: "stop-sending", id }]);
    client.handle({ type: "stop-sending", id, code: 9 });
    expect(client.takeEvents()).toEqual([{ type: "stream-stopped", id, code: 9 }]);
    expect(framesOf(client.packet()!)).toEqual([{ type: "reset-stream", id, code: 9, finalSize: 5_000 }]);
    server.handle({ type: "reset-stream", id, code: 9, finalSize: 5_000 });
    expect(server.takeEvents()).toEqual([]);
    expect(client.set.write(id, pattern(100), true)).toBe(true);
    expect(client.set.writableBytes(id)).toBe(Number.MAX_SAFE_INTEGER);
  });

  it("drops everything that still arrives, and removes the stream at its end", () => {
    const { server } = streamPair();
    server.handle(stream(2, 0, pattern(10)));
    server.takeEvents();
    server.set.stopSending(2, 9);
    server.handle(stream(2, 10, pattern(10)));
    expect(server.takeEvents()).toEqual([]);
    expect(server.set.activeStreams).toBe(1);
    server.handle(stream(2, 20, pattern(10), true));
    expect(server.takeEvents()).toEqual([]);
    expect(server.set.activeStreams).toBe(0);
    expect(server.set.hasControlFrames && server.packets().flatMap((packet) => packet.frames)).not.toContainEqual({
      type: "stop-sending",
      id: 2,
    });
    expect(server.set.bytesConsumed).toBe(30);
  });

  it("is not sent for a stream whose final size is known", () => {
    const { server } = streamPair();
    server.handle(stream(2, 5, pattern(5), true));
    server.set.stopSending(2, 9);
    expect(server.set.activeStreams).toBe(0);
    expect(
      server
        .packets()
        .flatMap(framesOf)
        .filter(({ type }) => type === "stop-sending"),
    ).toEqual([]);
  });

  it("does nothing to a part that has ended", () => {
    const pair = streamPair();
    const id = pair.client.set.openStream("bidi")!;
    pair.client.set.write(id, pattern(10), true);
    settle(pair);
    pair.client.takeEvents();
    pair.client.handle({ type: "stop-sending", id, code: 1 });
    expect(pair.client.takeEvents()).toEqual([]);
    expect(pair.client.set.hasControlFrames).toBe(false);
  });
});

describe("the end of the connection", () => {
  it("releases everything", () => {
    const { client } = streamPair();
    const id = client.set.openStream("bidi")!;
    client.set.write(id, pattern(40_000), false);
    client.set.write(id, pattern(1), false);
    const { frames } = client.packet()!;
    client.handle(stream(1, 0, pattern(100)));
    client.takeEvents();
    client.set.closeAll();
    expect([client.set.activeStreams, client.set.bytesBuffered]).toEqual([0, 0]);
    for (const frame of frames) {
      client.set.handleAcked(frame);
      client.set.handleLost(frame);
    }
    expect([client.set.hasControlFrames, client.set.hasStreamData]).toEqual([false, false]);
    expect(client.set.openStream("bidi")).toBeUndefined();
    expect(client.set.write(id, pattern(9), true)).toBe(true);
    expect(client.set.read(1)).toBeUndefined();
    expect(client.takeEvents()).toEqual([]);
  });
});

it("starts without credit, and applies the peer's parameters to existing streams", () => {
  const server = new TestSide("server");
  server.handle(stream(0, 0, pattern(3)));
  server.set.write(0, pattern(3), true);
  expect([server.set.hasStreamData, server.set.openStream("bidi")]).toEqual([false, undefined]);
  server.takeEvents();
  server.set.setPeerLimits({
    initialMaxData: 100,
    initialMaxStreamDataBidiLocal: 50,
    initialMaxStreamDataBidiRemote: 0,
    initialMaxStreamDataUni: 0,
    initialMaxStreamsBidi: 1,
    initialMaxStreamsUni: 0,
  });
  expect(server.takeEvents()).toEqual([{ type: "streams-available", direction: "bidi" }]);
  expect(server.packets(1_200, at(0)).flatMap(framesOf)).toContainEqual(
    expect.objectContaining({ type: "stream", id: 0, fin: true }),
  );
});
