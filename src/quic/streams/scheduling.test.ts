/** Which stream sends what in which packet. */

import { describe, expect, it } from "vitest";
import { Writer } from "../../wire/writer.ts";
import type { SentFrame } from "../recovery/sent-packet.ts";
import { at, drain, framesOf, pattern, settle, streamPair, type TestPacket } from "./testing/stream-pair.ts";

const many = { initialMaxStreamsBidi: 20_000, initialMaxData: 10_000_000, sendBufferPerConnection: 2_000_000 };

/** Like `toEqual`, but fast for many bytes. */
function expectAll({ bytes, fin }: { bytes: Uint8Array; fin: boolean }, wanted: Uint8Array): void {
  expect([fin, Buffer.compare(bytes, wanted)]).toEqual([true, 0]);
}

describe("stream selection", () => {
  it("gives each stream a whole packet in turn", () => {
    const { client } = streamPair();
    const ids = [0, 4, 8].map(() => client.set.openStream("bidi")!);
    for (const id of ids) client.set.write(id, pattern(10_000), false);
    const turns = client.packets(1_000).map(({ frames }) => frames.map((frame) => "id" in frame && frame.id));
    expect(turns.slice(0, 9)).toEqual([[0], [4], [8], [0], [4], [8], [0], [4], [8]]);
  });

  it("fills a packet from as many streams as needed, and none of them loses its turn", () => {
    const { client } = streamPair();
    const ids = [0, 4, 8].map(() => client.set.openStream("bidi")!);
    client.set.write(ids[0]!, pattern(300), true);
    client.set.write(ids[1]!, pattern(5_000), true);
    client.set.write(ids[2]!, pattern(5_000), true);
    const turns = client.packets(1_000).map(({ frames }) => frames.map((frame) => "id" in frame && frame.id));
    expect(turns.slice(0, 3)).toEqual([[0, 4], [4], [8]]);
  });

  it("is not slowed down by ten thousand idle streams", () => {
    const { client } = streamPair({ server: many });
    const ids = Array.from({ length: 10_001 }, () => client.set.openStream("bidi")!);
    client.set.write(ids[5_000]!, pattern(3_000), true);
    const writers = new Set(client.packets().flatMap(({ frames }) => frames.map((frame) => "id" in frame && frame.id)));
    expect([...writers]).toEqual([ids[5_000]]);
    expect(client.set.hasStreamData).toBe(false);
  });

  it("skips a stream that was reset while it waited", () => {
    const { client } = streamPair();
    const ids = [0, 4, 8].map(() => client.set.openStream("bidi")!);
    for (const id of ids) client.set.write(id, pattern(2_000), true);
    client.set.reset(ids[1]!, 1);
    const sent = client.packets().flatMap(framesOf);
    expect(sent.filter((frame) => frame.type === "stream" && frame.id === ids[1])).toEqual([]);
    expect(sent.filter((frame) => frame.type === "stream" && frame.fin).length).toBe(2);
    client.set.reset(ids[0]!, 1);
    client.set.reset(ids[2]!, 1);
    expect(client.set.hasStreamData).toBe(false);
  });

  it("completes a thousand concurrent requests", () => {
    const pair = streamPair({ server: many, client: many });
    for (let i = 0; i < 1_000; i += 1) pair.client.set.write(pair.client.set.openStream("bidi")!, pattern(50, i), true);
    settle(pair);
    for (let i = 0; i < 1_000; i += 1) {
      expectAll(drain(pair.server, i * 4), pattern(50, i));
      pair.server.set.write(i * 4, pattern(1_500, i), true);
    }
    settle(pair);
    for (let i = 0; i < 1_000; i += 1) expectAll(drain(pair.client, i * 4), pattern(1_500, i));
    expect([pair.client.set.activeStreams, pair.server.set.activeStreams]).toEqual([0, 0]);
  });
});

describe("priorities", () => {
  /** The stream that began each packet. */
  const turns = (packets: readonly TestPacket[]) =>
    packets.map(({ frames: [frame] }) => frame && "id" in frame && frame.id);

  it("decide which stream sends, and a retransmission keeps its stream's rank", () => {
    const { client } = streamPair();
    const [low, high, none] = [0, 4, 8].map(() => client.set.openStream("bidi")!) as [number, number, number];
    client.set.setPriority(low, { urgency: 5, incremental: true });
    client.set.setPriority(high, { urgency: 1, incremental: false });
    for (const id of [low, high, none]) client.set.write(id, pattern(1_900), false);
    const packets = client.packets(1_000);
    expect(turns(packets)).toEqual([high, high, none, none, low, low]);
    // Lost data of the least urgent stream waits for new data of others, but that of the most urgent one goes first.
    client.set.write(none, pattern(1_900), false);
    client.lost(packets[5]!);
    client.lost(packets[0]!);
    expect(turns(client.packets(1_000))).toEqual([high, none, none, low]);
  });

  it("of streams in a session go by their send order", () => {
    const { client } = streamPair();
    const group = client.set.openSession().openGroup();
    const ids = [0, 4, 8].map(() => client.set.openStream("bidi")!) as [number, number, number];
    client.set.setPriority(ids[0], { group, sendOrder: 1 });
    client.set.setPriority(ids[1], { group, sendOrder: 2 });
    for (const id of ids) client.set.write(id, pattern(1_980), false);
    const [last, first, single] = ids;
    expect(turns(client.packets(1_000))).toEqual([first, single, first, single, last, last]);
  });

  it("have no effect on a finished stream, and throw for one that cannot send", () => {
    const pair = streamPair();
    const id = pair.client.set.openStream("uni")!;
    pair.client.set.write(id, pattern(1), true);
    settle(pair);
    pair.client.set.setPriority(id, { urgency: 0, incremental: true });
    expect(() => pair.server.set.setPriority(id, { urgency: 0, incremental: true })).toThrow(RangeError);
    expect(() => pair.client.set.setPriority(id + 4, { urgency: 0, incremental: true })).toThrow(RangeError);
  });
});

describe("a packet", () => {
  it("is filled to its last byte, with no Length field in its last frame (§19.8)", () => {
    const { client } = streamPair();
    const id = client.set.openStream("bidi")!;
    client.set.write(id, pattern(5_000), false);
    const packet = client.packet(1_200)!;
    expect(packet.bytes.length).toBe(1_200);
    // OFF and LEN are not set, and the id takes one byte.
    expect(packet.bytes[0]).toBe(0x08);
    expect(framesOf(packet)).toMatchObject([{ offset: 0, fin: false }]);
    expect(client.packet(1_200)!.bytes[0]).toBe(0x0c);
  });

  it("does not end with a slice too small to be worth a frame", () => {
    const { client } = streamPair();
    const ids = [0, 4].map(() => client.set.openStream("bidi")!);
    client.set.write(ids[0]!, pattern(70), true);
    client.set.write(ids[1]!, pattern(2_000), true);
    expect(client.packet(100)!.frames.length).toBe(1);
    client.set.write(client.set.openStream("bidi")!, pattern(60), true);
    expect(client.packet(100)!.frames).toMatchObject([{ id: ids[1], offset: 0 }]);
  });

  it("has a Length field in a frame that does not fill it", () => {
    const { client } = streamPair();
    client.set.write(client.set.openStream("bidi")!, pattern(100), true);
    expect(client.packet(1_200)!.bytes[0]).toBe(0x0b);
  });

  it("holds data of any size exactly, in any room", () => {
    for (let size = 1; size <= 150; size += 1) {
      for (let room = 5; room <= 150; room += 1) {
        const { client, server } = streamPair();
        const id = client.set.openStream("uni")!;
        client.set.write(id, pattern(size), true);
        for (const packet of client.packets(room)) server.receive(packet);
        const { bytes, fin } = drain(server, id);
        if (!fin || Buffer.compare(bytes, pattern(size)) !== 0) throw new Error(`${size} bytes in packets of ${room}`);
      }
    }
  });

  it("is not changed if there is no room", () => {
    const { client } = streamPair();
    const id = client.set.openStream("bidi")!;
    client.set.write(id, pattern(100), true);
    for (const room of [0, 1, 2]) {
      const writer = new Writer(new Uint8Array(1_200), 100, 100 + room);
      const frames: SentFrame[] = [];
      client.set.writeStreamFrames(writer, frames, at(0));
      expect([writer.position, frames]).toEqual([100, []]);
    }
    expect(client.set.hasStreamData).toBe(true);
  });

  it("gets as many control frames as fit, and the rest stay pending", () => {
    const { client } = streamPair({ server: many });
    for (let i = 0; i < 1_000; i += 1) client.set.reset(client.set.openStream("bidi")!, 1);
    const packets = client.packets(1_200);
    expect(packets.length).toBeGreaterThan(2);
    const ids = packets.flatMap(framesOf).map((frame) => frame.type === "reset-stream" && frame.id);
    expect(ids).toEqual(Array.from({ length: 1_000 }, (_, i) => i * 4));
  });

  it("joins small writes into one frame", () => {
    const { client, server } = streamPair();
    const id = client.set.openStream("uni")!;
    const all = pattern(700);
    for (let i = 0; i < all.length; i += 7) client.set.write(id, all.subarray(i, i + 7), i + 7 === all.length);
    const packets = client.packets();
    expect(packets.flatMap(framesOf).length).toBeLessThanOrEqual(2);
    for (const packet of packets) server.receive(packet);
    expect(drain(server, id)).toEqual({ bytes: all, fin: true });
  });
});
