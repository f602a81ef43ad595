/** What is sent again after a loss, and what is not (RFC 9000 §13.3). */

import { describe, expect, it } from "vitest";
import type { Frame } from "../frame/index.ts";
import {
  at,
  drain,
  framesOf,
  pattern,
  settle,
  streamPair,
  type TestPacket,
  type TestSide,
} from "./testing/stream-pair.ts";

const NO_BYTES = new Uint8Array(0);

/** STREAM frames as [start, end) of their bytes, with their FIN. */
const ranges = (packets: readonly TestPacket[]): [number, number, boolean][] =>
  packets
    .flatMap(framesOf)
    .flatMap((frame) =>
      frame.type === "stream"
        ? [[frame.offset, frame.offset + frame.data.length, frame.fin] as [number, number, boolean]]
        : [],
    );

const other = (side: TestSide): Frame[] =>
  side
    .packets()
    .flatMap(framesOf)
    .filter(({ type }) => type !== "stream");

/** 10 000 bytes in nine full packets and a smaller one. */
function sending(fin = true) {
  const { client, server } = streamPair();
  const id = client.set.openStream("bidi")!;
  client.set.write(id, pattern(10_000), fin);
  const packets = client.packets(1_100);
  return { client, server, id, packets };
}

describe("STREAM data", () => {
  it("is sent again if it was lost, before new data", () => {
    const { client, id, packets } = sending(false);
    client.set.write(id, pattern(10_000), false);
    client.lost(packets[2]!);
    client.lost(packets[1]!);
    const [start] = ranges([packets[1]!])[0]!;
    const [, end] = ranges([packets[2]!])[0]!;
    const again = ranges(client.packets(1_100));
    expect(again[0]![0]).toBe(start);
    expect(again.filter(([from]) => from < 10_000).at(-1)![1]).toBe(end);
    expect(again.map(([from]) => from < 10_000)).toEqual([...again.map(([from]) => from < 10_000)].sort().reverse());
    expect(again.at(-1)![1]).toBe(20_000);
  });

  it("is not sent again if another packet has delivered it", () => {
    const { client, packets } = sending();
    client.lost(packets[3]!);
    const again = client.packet(1_100)!;
    expect(ranges([again])).toEqual(ranges([packets[3]!]));
    client.acked(again);
    client.lost(packets[3]!);
    expect(client.set.hasStreamData).toBe(false);
  });

  it("is not sent again if its first packet is acknowledged after all", () => {
    const { client, packets } = sending();
    client.lost(packets[3]!);
    client.lost(packets[9]!);
    expect(client.set.hasStreamData).toBe(true);
    client.acked(packets[3]!);
    client.acked(packets[9]!);
    expect(client.set.hasStreamData).toBe(false);
  });

  it("is sent again only where it is missing", () => {
    const { client, id } = sending(false);
    // The same bytes in packets of other sizes.
    const big = streamPair().client;
    big.set.openStream("bidi");
    big.set.write(0, pattern(3_000), false);
    const whole = big.packet(4_000)!;
    big.lost(whole);
    const parts = big.packets(1_000);
    big.acked(parts[1]!);
    big.lost(whole);
    expect(ranges(big.packets(4_000))).toEqual([ranges([parts[0]!])[0], [ranges([parts[1]!])[0]![1], 3_000, false]]);
    expect(client.set.activeStreams).toBe(id + 1);
  });

  it("is not sent again while a copy is in flight, unless requested", () => {
    const { client, packets } = sending();
    const last = packets.at(-1)!;
    for (const frame of last.frames) client.set.repeat(frame);
    const copy = client.packet(1_100)!;
    expect(ranges([copy])).toEqual(ranges([last]));
    client.lost(last);
    expect(client.set.hasStreamData).toBe(false);
    client.lost(copy);
    expect(ranges(client.packets(1_100))).toEqual(ranges([last]));
  });

  it("is finished if only the copies arrived", () => {
    const { client, id, packets } = sending();
    for (const packet of packets) for (const frame of packet.frames) client.set.repeat(frame);
    const copies = client.packets(600);
    for (const packet of copies) client.acked(packet);
    expect(client.takeEvents()).toEqual([{ type: "stream-finished", id }]);
    expect(client.set.bytesBuffered).toBe(0);
  });

  it("keeps its FIN", () => {
    const { client, packets } = sending();
    const last = packets.at(-1)!;
    expect(ranges([last])[0]![2]).toBe(true);
    client.lost(last);
    expect(ranges(client.packets(1_100))).toEqual(ranges([last]));
  });

  it("includes a FIN without data, which is sent again", () => {
    const { client, id } = sending(false);
    client.set.write(id, NO_BYTES, true);
    const fin = client.packet()!;
    client.lost(fin);
    expect(ranges(client.packets())).toEqual([[10_000, 10_000, true]]);
    client.acked(fin);
    client.lost(fin);
    expect(client.set.hasStreamData).toBe(false);
  });

  it("is finished, once, when all of it and the FIN are acknowledged in any order", () => {
    const { client, id, packets } = sending();
    for (const packet of [...packets].reverse()) {
      expect(client.takeEvents()).toEqual([]);
      client.acked(packet);
    }
    expect(client.takeEvents()).toEqual([{ type: "stream-finished", id }]);
    for (const packet of packets) client.acked(packet);
    for (const packet of packets) client.lost(packet);
    expect(client.takeEvents()).toEqual([]);
    expect([client.set.hasStreamData, client.set.bytesBuffered]).toEqual([false, 0]);
  });

  it("is released as the acknowledged prefix grows", () => {
    const { client, packets } = sending();
    client.acked(packets[1]!);
    expect(client.set.bytesBuffered).toBe(10_000);
    client.acked(packets[0]!);
    expect(client.set.bytesBuffered).toBe(10_000 - ranges([packets[1]!])[0]![1]);
  });

  it("is not sent again after a reset; the reset is, until it is acknowledged", () => {
    const { client, id, packets } = sending(false);
    client.set.reset(id, 3);
    const reset = client.packet()!;
    for (const packet of packets) client.lost(packet);
    expect([client.set.hasStreamData, client.set.hasControlFrames]).toEqual([false, false]);
    client.lost(reset);
    expect(other(client)).toEqual([{ type: "reset-stream", id, code: 3, finalSize: 10_000 }]);
    client.acked(reset);
    client.lost(reset);
    expect(client.set.hasControlFrames).toBe(false);
  });
});

describe("credit and limits", () => {
  it("STOP_SENDING is repeated until the stream's end is known", () => {
    const { server } = streamPair();
    server.set.handleStream(2, 0, pattern(10), false, at(0));
    server.set.stopSending(2, 5);
    const stop = server.packet()!;
    server.lost(stop);
    expect(other(server)).toEqual([{ type: "stop-sending", id: 2, code: 5 }]);
    server.set.handleResetStream(2, 5, 10);
    server.lost(stop);
    expect(other(server).map(({ type }) => type)).toEqual(["max-streams"]);
  });

  it("MAX_STREAM_DATA and MAX_DATA are repeated with the newest value, unless a newer frame is in flight", () => {
    const { server } = streamPair({ server: { initialMaxStreamData: 1_000, initialMaxData: 1_000 } });
    server.set.handleStream(0, 0, pattern(600), false, at(0));
    drain(server, 0);
    const first = server.packet(1_200, at(1_000_000))!;
    expect(first.frames.map(({ type }) => type)).toEqual(["max-stream-data", "max-data"]);
    server.set.handleStream(0, 600, pattern(100), false, at(1_000_000));
    drain(server, 0);
    expect(server.set.hasControlFrames).toBe(false);
    server.lost(first);
    const second = server.packet(1_200, at(2_000_000))!;
    expect(framesOf(second).map((frame) => "maximum" in frame && frame.maximum > 1_600)).toEqual([true, true]);
    server.lost(first);
    expect(server.set.hasControlFrames).toBe(false);
    server.lost(second);
    expect(other(server)).toEqual(framesOf(second));
  });

  it("MAX_STREAM_DATA is not repeated once the final size is known", () => {
    const { server } = streamPair({ server: { initialMaxStreamData: 1_000 } });
    server.set.handleStream(0, 0, pattern(600), false, at(0));
    drain(server, 0);
    const packet = server.packet()!;
    server.set.handleStream(0, 600, pattern(10), true, at(0));
    server.lost(packet);
    expect(server.set.hasControlFrames).toBe(false);
  });

  it("MAX_STREAMS is repeated unless a newer one is in flight", () => {
    const { server } = streamPair({ server: { initialMaxStreamsUni: 1 } });
    const finish = (id: number): TestPacket => {
      server.set.handleStream(id, 0, pattern(1), true, at(0));
      drain(server, id);
      return server.packet()!;
    };
    const first = finish(2);
    server.lost(first);
    expect(other(server)).toEqual([{ type: "max-streams", direction: "uni", maximum: 2 }]);
    const second = finish(6);
    server.lost(first);
    expect(server.set.hasControlFrames).toBe(false);
    server.lost(second);
    expect(other(server)).toEqual([{ type: "max-streams", direction: "uni", maximum: 3 }]);
  });

  it("DATA_BLOCKED, STREAM_DATA_BLOCKED and STREAMS_BLOCKED are repeated while still blocked", () => {
    const limits = { initialMaxStreamData: 500, initialMaxData: 800, initialMaxStreamsBidi: 2 };
    const { client } = streamPair({ server: limits });
    for (const id of [client.set.openStream("bidi")!, client.set.openStream("bidi")!]) {
      client.set.write(id, pattern(600), false);
    }
    client.set.openStream("bidi");
    const packets = client.packets();
    const blocked = ["stream-data-blocked", "data-blocked", "streams-blocked"];
    const reported = packets
      .flatMap(({ frames }) => frames.map(({ type }) => type))
      .filter((type) => type !== "stream");
    expect(reported.sort()).toEqual([...blocked].sort());
    for (const packet of packets) client.lost(packet);
    expect(
      other(client)
        .map(({ type }) => type)
        .sort(),
    ).toEqual([...blocked].sort());
    client.set.handleMaxData(10_000);
    client.set.handleMaxStreamData(0, 10_000);
    client.set.handleMaxStreamData(4, 10_000);
    client.set.handleMaxStreams("bidi", 10);
    client.packets();
    for (const packet of packets) client.lost(packet);
    expect(other(client)).toEqual([]);
  });

  it("no frame of a finished stream is repeated", () => {
    const pair = streamPair({ server: { initialMaxStreamData: 1_000 } });
    const id = pair.client.set.openStream("bidi")!;
    pair.client.set.write(id, pattern(600), false);
    for (const packet of pair.client.packets()) pair.server.receive(packet);
    drain(pair.server, id);
    const credit = pair.server.packet()!;
    pair.client.set.write(id, NO_BYTES, true);
    settle(pair);
    drain(pair.server, id);
    pair.server.set.reset(id, 0);
    settle(pair);
    expect(pair.server.set.activeStreams).toBe(0);
    pair.server.lost(credit);
    expect(pair.server.set.hasControlFrames).toBe(false);
  });
});
