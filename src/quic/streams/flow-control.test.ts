/** Flow control (RFC 9000 §4.1) and final sizes (§4.5). */

import { describe, expect, it } from "vitest";
import type { Micros } from "../../base/time.ts";
import { TRANSPORT_ERRORS } from "../errors.ts";
import type { Frame } from "../frame/index.ts";
import { ReceiveWindow } from "./flow-control.ts";
import { at, drain, framesOf, pattern, settle, streamPair, type TestSide } from "./testing/stream-pair.ts";

const flowControlError = { code: TRANSPORT_ERRORS.FLOW_CONTROL_ERROR.code };
const finalSizeError = { code: TRANSPORT_ERRORS.FINAL_SIZE_ERROR.code };
const NO_BYTES = new Uint8Array(0);

const sent = (side: TestSide, type: Frame["type"]): Frame[] =>
  side
    .packets()
    .flatMap(framesOf)
    .filter((frame) => frame.type === type);

describe("the data that the peer may send", () => {
  const receive = (side: TestSide, id: number, offset: number, length: number, fin = false): number =>
    side.set.handleStream(id, offset, new Uint8Array(length), fin, at(0));

  it("ends at the stream's limit", () => {
    const { server } = streamPair({ server: { initialMaxStreamData: 100 } });
    receive(server, 0, 90, 10);
    expect(() => receive(server, 0, 91, 10)).toThrow(expect.objectContaining(flowControlError));
    expect(() => receive(server, 0, 100_000_000, 1)).toThrow(expect.objectContaining(flowControlError));
    expect(() => receive(server, 0, 2 ** 62 - 1, 1)).toThrow(expect.objectContaining(flowControlError));
  });

  it("ends at the connection's limit, for all streams together", () => {
    const { server } = streamPair({ server: { initialMaxData: 100 } });
    receive(server, 0, 0, 60);
    receive(server, 4, 39, 1);
    receive(server, 0, 0, 60);
    expect(() => receive(server, 8, 0, 1)).toThrow(expect.objectContaining(flowControlError));
  });

  it("includes the final size of a reset", () => {
    const { server } = streamPair({ server: { initialMaxStreamData: 100, initialMaxData: 150 } });
    expect(() => server.set.handleResetStream(0, 0, 101)).toThrow(expect.objectContaining(flowControlError));
    server.set.handleResetStream(4, 0, 100);
    expect(() => server.set.handleResetStream(8, 0, 51)).toThrow(expect.objectContaining(flowControlError));
  });

  it("grows only by what the application consumed, never by the highest offset", () => {
    const { server } = streamPair({ server: { initialMaxStreamData: 1_000, initialMaxData: 1_000, maxUnread: 0 } });
    receive(server, 0, 999, 1);
    expect(server.set.hasControlFrames).toBe(false);
    receive(server, 0, 0, 600);
    expect(server.set.hasControlFrames).toBe(false);
    server.smoothedRtt = 0 as Micros;
    expect(server.set.read(0)!.bytes.length).toBe(600);
    expect(server.packets().flatMap(framesOf)).toEqual([
      { type: "max-stream-data", id: 0, maximum: 1_600 },
      { type: "max-data", maximum: 1_600 },
    ]);
  });

  it("is not used up by unread streams, up to a limit", () => {
    const limits = { initialMaxStreamData: 500, initialMaxData: 1_000, maxUnread: 4_000, maxConnectionWindow: 1_000 };
    const { server } = streamPair({ server: limits });
    const granted = [1_000];
    for (let stream = 0; stream < 8; stream += 1) {
      receive(server, stream * 4, 0, 500);
      for (const frame of sent(server, "max-data")) if ("maximum" in frame) granted.push(Number(frame.maximum));
    }
    expect(granted).toEqual([1_000, 2_000, 3_000, 4_000]);
    // Reading two streams makes room for two others.
    for (const id of [0, 4]) drain(server, id);
    expect(sent(server, "max-data")).toEqual([{ type: "max-data", maximum: 5_000 }]);
  });

  it("is not extended for bytes after a gap", () => {
    const { server } = streamPair({ server: { initialMaxStreamData: 500, initialMaxData: 1_000, maxUnread: 4_000 } });
    receive(server, 0, 1, 499);
    receive(server, 4, 1, 499);
    expect(server.set.hasControlFrames).toBe(false);
    receive(server, 0, 0, 1);
    expect(sent(server, "max-data")).toEqual([{ type: "max-data", maximum: 1_500 }]);
  });

  it("is not announced in small steps, unless the peer says that it is blocked", () => {
    const { server } = streamPair({ server: { initialMaxStreamData: 1_000, initialMaxData: 2_000 } });
    receive(server, 0, 0, 300);
    drain(server, 0);
    expect(server.set.hasControlFrames).toBe(false);
    server.set.handleStreamDataBlocked(0, 1_000);
    expect(sent(server, "max-stream-data")).toEqual([{ type: "max-stream-data", id: 0, maximum: 1_300 }]);
    server.set.handleDataBlocked(2_000);
    expect(sent(server, "max-data")).toEqual([{ type: "max-data", maximum: 2_300 }]);
    server.set.handleStreamDataBlocked(0, 1_000);
    server.set.handleDataBlocked(2_000);
    expect(server.set.hasControlFrames).toBe(false);
  });

  it("gets no more credit on a stream whose final size is known", () => {
    const { server } = streamPair({ server: { initialMaxStreamData: 1_000 } });
    receive(server, 0, 0, 500);
    drain(server, 0);
    expect(server.set.hasControlFrames).toBe(true);
    receive(server, 0, 500, 500, true);
    expect(server.set.hasControlFrames).toBe(false);
    drain(server, 0);
    expect(server.set.hasControlFrames).toBe(false);
  });

  it("returns to the connection for bytes that a reset or the application drops", () => {
    const { server } = streamPair({ server: { initialMaxStreamData: 400, initialMaxData: 1_000 } });
    receive(server, 0, 100, 100);
    server.set.handleResetStream(0, 0, 400);
    expect(server.set.bytesConsumed).toBe(400);
    receive(server, 4, 0, 300);
    server.set.read(4, 100);
    server.set.stopSending(4, 1);
    expect(server.set.bytesConsumed).toBe(700);
    receive(server, 4, 300, 100);
    server.set.handleResetStream(4, 1, 400);
    expect(server.set.bytesConsumed).toBe(800);
    expect(server.set.bytesReceived).toBe(800);
  });
});

describe("the data that we may send", () => {
  it("waits for stream credit, and says so once per limit", () => {
    const pair = streamPair({ server: { initialMaxStreamData: 3_000 } });
    const { client } = pair;
    const id = client.set.openStream("bidi")!;
    client.set.write(id, pattern(5_000), true);
    const frames = client.packets().flatMap(framesOf);
    expect(frames.filter(({ type }) => type === "stream-data-blocked")).toEqual([
      { type: "stream-data-blocked", id, limit: 3_000 },
    ]);
    expect([client.set.bytesSent, client.set.hasStreamData]).toEqual([3_000, false]);
    client.set.handleMaxStreamData(id, 2_000);
    expect(client.set.hasStreamData).toBe(false);
    client.set.handleMaxStreamData(id, 3_001);
    expect(client.packets().flatMap(framesOf)).toEqual([
      { type: "stream", id, offset: 3_000, data: pattern(5_000).subarray(3_000, 3_001), fin: false },
      { type: "stream-data-blocked", id, limit: 3_001 },
    ]);
    client.set.handleMaxStreamData(id, 5_000);
    expect(client.packets().flatMap(framesOf).at(-1)).toMatchObject({ type: "stream", fin: true });
    expect([client.set.bytesSent, client.set.hasControlFrames]).toEqual([5_000, false]);
  });

  it("waits for connection credit, and says so once per limit", () => {
    const { client } = streamPair({ server: { initialMaxData: 1_000 } });
    const [a, b] = [client.set.openStream("bidi")!, client.set.openStream("bidi")!];
    client.set.write(a, pattern(800), true);
    client.set.write(b, pattern(800), true);
    const frames = client.packets().flatMap(framesOf);
    expect(frames.filter(({ type }) => type === "data-blocked")).toEqual([{ type: "data-blocked", limit: 1_000 }]);
    expect([client.set.bytesSent, client.set.hasStreamData, client.set.hasControlFrames]).toEqual([
      1_000,
      false,
      false,
    ]);
    client.set.handleMaxData(1_000);
    expect(client.set.hasStreamData).toBe(false);
    client.set.handleMaxData(5_000);
    expect(sent(client, "stream")).toEqual([expect.objectContaining({ id: b, offset: 200, fin: true })]);
  });

  it("needs no credit for a FIN without data, nor for lost bytes", () => {
    const { client } = streamPair({ server: { initialMaxData: 1_000 } });
    const id = client.set.openStream("bidi")!;
    client.set.write(id, pattern(1_000), false);
    const [first] = client.packets();
    client.set.write(id, NO_BYTES, true);
    expect(client.packets().flatMap(framesOf)).toEqual([
      { type: "stream", id, offset: 1_000, data: NO_BYTES, fin: true },
    ]);
    client.lost(first!);
    expect(sent(client, "stream")).toEqual([{ type: "stream", id, offset: 0, data: pattern(1_000), fin: true }]);
  });
});

describe("final sizes (§4.5): FINAL_SIZE_ERROR", () => {
  const end = (side: TestSide, offset: number, length: number, fin: boolean): number =>
    side.set.handleStream(0, offset, new Uint8Array(length), fin, at(0));

  it.each<[string, (side: TestSide) => void]>([
    ["data past a FIN", (side) => end(side, 100, 1, false)],
    ["a larger FIN", (side) => end(side, 0, 101, true)],
    ["a smaller FIN", (side) => end(side, 0, 99, true)],
    ["a larger RESET_STREAM", (side) => side.set.handleResetStream(0, 0, 101)],
    ["a smaller RESET_STREAM", (side) => side.set.handleResetStream(0, 0, 99)],
  ])("%s", (_, violate) => {
    const whileMissing = streamPair().server;
    end(whileMissing, 90, 10, true);
    expect(() => violate(whileMissing)).toThrow(expect.objectContaining(finalSizeError));
    const whenComplete = streamPair().server;
    end(whenComplete, 0, 100, true);
    expect(() => violate(whenComplete)).toThrow(expect.objectContaining(finalSizeError));
    const whenRead = streamPair().server;
    end(whenRead, 0, 100, true);
    drain(whenRead, 0);
    expect(() => violate(whenRead)).toThrow(expect.objectContaining(finalSizeError));
    const whenReset = streamPair().server;
    whenReset.set.handleResetStream(0, 0, 100);
    expect(() => violate(whenReset)).toThrow(expect.objectContaining(finalSizeError));
  });

  it("a FIN or a RESET_STREAM below data already received", () => {
    const { server } = streamPair();
    end(server, 50, 50, false);
    expect(() => end(server, 0, 99, true)).toThrow(expect.objectContaining(finalSizeError));
    expect(() => server.set.handleResetStream(0, 0, 99)).toThrow(expect.objectContaining(finalSizeError));
    end(server, 100, 0, true);
  });

  it("is checked for a stopped stream as well", () => {
    const { server } = streamPair();
    end(server, 50, 50, false);
    server.set.stopSending(0, 1);
    expect(() => end(server, 0, 99, true)).toThrow(expect.objectContaining(finalSizeError));
    end(server, 90, 10, true);
    expect(() => end(server, 90, 11, true)).toThrow(expect.objectContaining(finalSizeError));
  });
});

describe("window auto-tuning", () => {
  const rtt = 100_000 as Micros;

  it("doubles a window when half is used within two round trips, up to its maximum", () => {
    const window = new ReceiveWindow(1_000, 5_000);
    let now = 0;
    const use = (bytes: number, after: number): number => {
      window.receive(bytes, at(now));
      now += after;
      window.consume(bytes);
      return window.isDue ? window.announce(at(now), rtt) : 0;
    };
    expect(use(499, 50_000)).toBe(0);
    expect(use(1, 50_000)).toBe(500 + 2_000);
    expect(use(1_000, 50_000)).toBe(1_500 + 4_000);
    expect(use(2_000, 250_000)).toBe(3_500 + 4_000);
    expect(use(2_000, 10_000)).toBe(5_500 + 5_000);
    expect(use(2_500, 10_000)).toBe(8_000 + 5_000);
  });

  it("does not grow a window for bytes that were never read", () => {
    const window = new ReceiveWindow(1_000, 5_000);
    window.receive(1_000, at(0));
    window.discard(1_000);
    expect(window.announce(at(1), rtt)).toBe(2_000);
    expect(window.window).toBe(1_000);
  });

  it("grows both windows until neither blocks the sender", () => {
    const pair = streamPair({ server: { initialMaxStreamData: 10_000, initialMaxData: 12_000 } });
    const id = pair.client.set.openStream("bidi")!;
    let now = 0;
    for (let round = 0; round < 40; round += 1) {
      pair.client.set.write(id, pattern(Math.min(40_000, pair.client.set.writableBytes(id))), false);
      for (const packet of pair.client.packets(1_200, at(now))) {
        pair.server.receive(packet, at(now));
        pair.client.acked(packet);
      }
      drain(pair.server, id);
      now += 50_000;
      for (const packet of pair.server.packets(1_200, at(now))) pair.client.receive(packet, at(now));
    }
    // The windows have to let a send buffer of 40 000 bytes through per round trip.
    const before = pair.client.set.bytesSent;
    pair.client.set.write(id, pattern(40_000), false);
    for (const packet of pair.client.packets()) pair.client.acked(packet);
    expect(pair.client.set.bytesSent - before).toBe(40_000);
  });
});

it("carries much more than its windows and buffers hold, and retains nothing", () => {
  const limits = { maxStreamWindow: 60_000, maxConnectionWindow: 60_000 };
  const pair = streamPair({ client: limits, server: limits });
  const id = pair.client.set.openStream("bidi")!;
  const block = pattern(64 * 1024);
  const total = 32 * 1024 * 1024;
  let written = 0;
  let read = 0;
  for (let now = 0; read < total; now += 1_000) {
    while (written < total && pair.client.set.writableBytes(id) > 0) {
      const start = written % block.length;
      const end = Math.min(block.length, start + total - written);
      pair.client.set.write(id, block.subarray(start, end), written + end - start === total);
      written += end - start;
    }
    settle(pair, at(now));
    for (let chunk = pair.server.set.read(id); chunk !== undefined; chunk = pair.server.set.read(id)) {
      const start = read % block.length;
      const inBlock = Math.min(chunk.bytes.length, block.length - start);
      const isSame = Buffer.compare(chunk.bytes.subarray(0, inBlock), block.subarray(start, start + inBlock)) === 0;
      if (!isSame) throw new Error(`different bytes after ${read}`);
      read += chunk.bytes.length;
    }
    expect(pair.client.set.bytesBuffered).toBeLessThan(40_000 + block.length);
  }
  expect(pair.server.set.bytesConsumed).toBe(total);
});
