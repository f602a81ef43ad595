/** Attacks on streams, and their limits. */

import { describe, expect, it } from "vitest";
import { TRANSPORT_ERRORS } from "../errors.ts";
import { at, drain, framesOf, pattern, settle, streamPair } from "./testing/stream-pair.ts";

describe("fragments", () => {
  const crumbs = { initialMaxStreamData: 10_000_000, initialMaxData: 100_000_000, initialMaxStreamsBidi: 100 };
  const refused = expect.objectContaining({ code: TRANSPORT_ERRORS.INTERNAL_ERROR.code });

  it("of 6 bytes with gaps of 1 close the connection at 1024 on one stream", () => {
    const { server } = streamPair({ server: crumbs });
    let pieces = 0;
    const next = (): number => server.set.handleStream(0, 7 * ++pieces, new Uint8Array(6), false, at(0));
    for (let i = 0; i < 1_024; i += 1) next();
    expect(next).toThrow(refused);
  });

  it("close the connection at 8192 on all streams, and dropped streams free theirs", () => {
    const { server } = streamPair({ server: crumbs });
    const piece = (id: number, i: number): number =>
      server.set.handleStream(id, 7 * i, new Uint8Array(6), false, at(0));
    for (let id = 0; id < 8 * 4; id += 4) for (let i = 1; i <= 1_024; i += 1) piece(id, i);
    expect(() => piece(32, 1)).toThrow(refused);
    server.set.handleResetStream(0, 0, 8_000);
    server.set.stopSending(4, 0);
    for (let i = 1; i <= 1_024; i += 1) piece(32, i);
    for (let i = 1; i <= 1_024; i += 1) piece(36, i);
    expect(() => piece(40, 1)).toThrow(refused);
  });

  it("for a stopped stream are not buffered at all", () => {
    const { server } = streamPair({ server: crumbs });
    server.set.handleStream(0, 0, pattern(1), false, at(0));
    server.set.stopSending(0, 0);
    for (let i = 1; i <= 100_000; i += 1) server.set.handleStream(0, 7 * i, new Uint8Array(6), false, at(0));
    expect(server.set.read(0)).toBeUndefined();
  });
});

it("a million duplicates add nothing and emit no events", () => {
  const { server } = streamPair();
  server.set.handleStream(0, 0, pattern(1_000), false, at(0));
  drain(server, 0);
  server.set.handleStream(0, 2_000, pattern(1_000), false, at(0));
  server.takeEvents();
  const piece = pattern(500);
  for (let i = 0; i < 1_000_000; i += 1) server.set.handleStream(0, i % 2 === 0 ? 100 : 2_250, piece, false, at(0));
  expect(server.takeEvents()).toEqual([]);
  expect([server.set.bytesReceived, server.set.hasControlFrames]).toEqual([3_000, false]);
});

it("a million STOP_SENDING frames for one stream cause one RESET_STREAM and one event", () => {
  const { server } = streamPair();
  for (let i = 0; i < 1_000_000; i += 1) server.set.handleStopSending(0, i);
  expect(server.takeEvents()).toEqual([
    { type: "stream-opened", id: 0 },
    { type: "stream-stopped", id: 0, code: 0 },
  ]);
  expect(server.packets().flatMap(framesOf)).toEqual([{ type: "reset-stream", id: 0, code: 0, finalSize: 0 }]);
});

it("a million limits and blocked frames leave at most one frame of each kind pending", () => {
  const { server } = streamPair({ server: { initialMaxStreamData: 1_000, initialMaxData: 1_000 } });
  server.set.handleStream(0, 0, pattern(300), false, at(0));
  drain(server, 0);
  for (let i = 0; i < 1_000_000; i += 1) {
    server.set.handleDataBlocked(i);
    server.set.handleStreamDataBlocked(0, i);
    server.set.handleStreamsBlocked("bidi", i);
    server.set.handleMaxData(i);
    server.set.handleMaxStreamData(0, i);
    server.set.handleMaxStreams("uni", i);
  }
  expect(server.packets().flatMap(framesOf)).toEqual([
    { type: "max-stream-data", id: 0, maximum: 1_300 },
    { type: "max-data", maximum: 1_300 },
  ]);
});

it("credit that grows by one byte at a time does not cause a flood", () => {
  const { client } = streamPair({ server: { initialMaxStreamData: 0, initialMaxData: 1_000_000 } });
  const id = client.set.openStream("bidi")!;
  client.set.write(id, pattern(40_000), false);
  client.packets();
  for (let i = 1; i <= 1_000; i += 1) client.set.handleMaxStreamData(id, i);
  expect(
    client
      .packets()
      .flatMap(framesOf)
      .map(({ type }) => type),
  ).toEqual(["stream", "stream-data-blocked"]);
});

it("endless opening and cancelling never has more streams open than allowed, and leaves nothing behind", () => {
  const pair = streamPair();
  const { client, server } = pair;
  let cancelled = 0;
  while (cancelled < 100_000) {
    for (let id = client.set.openStream("bidi"); id !== undefined; id = client.set.openStream("bidi")) {
      client.set.write(id, pattern(20), false);
      client.set.reset(id, 1);
      client.set.stopSending(id, 1);
      cancelled += 1;
    }
    settle(pair);
    expect(server.set.activeStreams).toBe(10);
    for (const event of server.takeEvents()) if (event.type === "stream-stopped") server.set.reset(event.id, 1);
    client.takeEvents();
    settle(pair);
  }
  expect([client.set.activeStreams, server.set.activeStreams]).toEqual([0, 0]);
  expect([client.set.bytesBuffered, server.set.bytesBuffered]).toEqual([0, 0]);
});

it("a peer that never grants credit retains at most the send buffer", () => {
  const { client } = streamPair({ server: { initialMaxStreamData: 1, initialMaxStreamsBidi: 1_000 } });
  for (let i = 0; i < 1_000; i += 1) {
    const id = client.set.openStream("bidi")!;
    while (client.set.writableBytes(id) > 0) client.set.write(id, pattern(10_000), false);
  }
  expect(client.set.bytesBuffered).toBe(16 * 40_000);
});
