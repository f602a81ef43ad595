/** Backpressure, and how long written bytes are kept. */

import { describe, expect, it } from "vitest";
import { Writer } from "../../wire/writer.ts";
import type { StreamSetLimits } from "./limits.ts";
import { SendBuffer } from "./send-buffer.ts";
import { SendSource } from "./send-source.ts";
import { drain, pattern, settle, streamPair, type TestPacket, type TestSide } from "./testing/stream-pair.ts";

describe("write", () => {
  it("takes everything, and says when to pause", () => {
    const pair = streamPair({ client: { sendBufferPerStream: 10_000 } });
    const { client } = pair;
    const id = client.set.openStream("bidi")!;
    expect(client.set.writableBytes(id)).toBe(10_000);
    expect(client.set.write(id, pattern(6_000), false)).toBe(true);
    expect(client.set.write(id, pattern(6_000), false)).toBe(false);
    expect([client.set.writableBytes(id), client.set.bytesBuffered]).toEqual([0, 12_000]);
    expect(client.takeEvents()).toEqual([]);
    settle(pair);
    expect(client.takeEvents()).toEqual([{ type: "stream-writable", id }]);
    // Nothing can be written after the end.
    expect(client.set.write(id, pattern(12_000), true)).toBe(true);
    settle(pair);
    expect(client.takeEvents()).toEqual([{ type: "stream-finished", id }]);
  });

  it("has room for two congestion windows, between its minimum and half of the connection's room", () => {
    const { client } = streamPair({ client: { sendBufferPerStream: 10_000, sendBufferPerConnection: 80_000 } });
    const id = client.set.openStream("bidi")!;
    client.set.setCongestionWindow(4_000);
    expect(client.set.writableBytes(id)).toBe(10_000);
    client.set.setCongestionWindow(15_000);
    expect(client.set.writableBytes(id)).toBe(30_000);
    client.set.setCongestionWindow(1_000_000);
    expect(client.set.writableBytes(id)).toBe(40_000);
  });

  const waiting = (limits: Partial<StreamSetLimits>) =>
    streamPair({
      client: { sendBufferPerStream: 400_000, sendBufferPerConnection: 4_000_000 },
      server: { initialMaxStreamData: 1_000_000, initialMaxData: 1_000_000, ...limits },
    }).client;

  it("has room for 64 KiB above the stream's credit, and for more when the credit grows", () => {
    const client = waiting({ initialMaxStreamData: 1 });
    const id = client.set.openStream("bidi")!;
    expect(client.set.writableBytes(id)).toBe(65_536);
    expect(client.set.write(id, pattern(70_000), false)).toBe(false);
    client.set.handleMaxStreamData(id, 200_000);
    expect(client.takeEvents()).toEqual([{ type: "stream-writable", id }]);
    expect(client.set.writableBytes(id)).toBe(130_000);
  });

  it("has room for 64 KiB above the connection's credit, and for more when the credit grows", () => {
    const client = waiting({ initialMaxData: 10 });
    const ids = [0, 1].map(() => client.set.openStream("bidi")!);
    for (const id of ids) expect(client.set.write(id, pattern(70_000), false)).toBe(false);
    client.set.handleMaxData(20);
    expect(client.takeEvents()).toEqual([]);
    client.set.handleMaxData(200_000);
    expect(client.takeEvents()).toEqual(ids.map((id) => ({ type: "stream-writable", id })));
  });

  it("counts the memory of a run until all of it is acknowledged", () => {
    const { client } = streamPair();
    const id = client.set.openStream("bidi")!;
    client.set.write(id, pattern(10_000), false);
    const packets = client.packets();
    for (const packet of packets.slice(0, -1)) client.acked(packet);
    expect([client.set.bytesBuffered < 2_000, client.set.sendMemory]).toEqual([true, 10_000]);
    client.acked(packets.at(-1)!);
    expect([client.set.bytesBuffered, client.set.sendMemory]).toEqual([0, 0]);
  });

  it("emits no event if no write was refused", () => {
    const pair = streamPair({ client: { sendBufferPerStream: 10_000 } });
    const id = pair.client.set.openStream("bidi")!;
    pair.client.set.write(id, pattern(9_999), false);
    settle(pair);
    expect(pair.client.takeEvents()).toEqual([]);
  });

  it("is signalled when a quarter of the room is free, not for every packet", () => {
    const { client } = streamPair({ client: { sendBufferPerStream: 20_000 } });
    const id = client.set.openStream("bidi")!;
    client.set.write(id, pattern(20_000), false);
    const packets = client.packets(1_020);
    for (const packet of packets.slice(0, 4)) client.acked(packet);
    expect(client.takeEvents()).toEqual([]);
    for (const packet of packets.slice(4, 6)) client.acked(packet);
    expect(client.takeEvents()).toEqual([{ type: "stream-writable", id }]);
  });

  it("is bounded for all streams together, and no stream waits forever", () => {
    const pair = streamPair({ client: { sendBufferPerStream: 10_000, sendBufferPerConnection: 15_000 } });
    const { client } = pair;
    const ids = [0, 1, 2].map(() => client.set.openStream("bidi")!);
    expect(client.set.write(ids[0]!, pattern(10_000), false)).toBe(false);
    expect(client.set.write(ids[1]!, pattern(5_000), false)).toBe(false);
    expect(client.set.writableBytes(ids[2]!)).toBe(0);
    expect(client.set.bytesBuffered).toBe(15_000);
    settle(pair);
    expect(
      client
        .takeEvents()
        .map((event) => "id" in event && event.id)
        .sort(),
    ).toEqual(ids);
    expect(client.set.bytesBuffered).toBe(0);
  });

  it("is not signalled while other streams use the room", () => {
    const { client } = streamPair({ client: { sendBufferPerStream: 10_000, sendBufferPerConnection: 15_000 } });
    const [id, greedy] = [0, 1].map(() => client.set.openStream("bidi")!) as [number, number];
    client.set.write(id, pattern(10_000), false);
    const packets = client.packets(1_010);
    client.set.write(greedy, pattern(4_999), false);
    for (const packet of packets.slice(0, 3)) client.acked(packet);
    expect([client.set.writableBytes(id) >= 2_500, client.takeEvents()]).toEqual([true, []]);
    client.acked(packets[3]!);
    expect(client.takeEvents()).toEqual([{ type: "stream-writable", id }]);
  });

  it("is not signalled for a stream that was reset while it waited", () => {
    const pair = streamPair({ client: { sendBufferPerStream: 1_000, sendBufferPerConnection: 1_500 } });
    const { client } = pair;
    const ids = [0, 1].map(() => client.set.openStream("bidi")!);
    client.set.write(ids[0]!, pattern(1_000), false);
    client.set.write(ids[1]!, pattern(500), false);
    for (const id of ids.reverse()) client.set.reset(id, 0);
    settle(pair);
    expect(client.takeEvents()).toEqual([]);
    expect(client.set.bytesBuffered).toBe(0);
  });
});

describe("SendSource", () => {
  it("is released once, when its owner and every stream are done with it", () => {
    const released: Uint8Array[] = [];
    const bytes = pattern(100);
    const source = new SendSource(bytes, (run) => released.push(run));
    const [a, b] = [new SendBuffer(), new SendBuffer()];
    a.append(source);
    b.append(source);
    source.release();
    expect(source.references).toBe(2);
    a.release(99);
    b.releaseAll();
    expect([source.references, released]).toEqual([1, []]);
    a.release(100);
    expect([source.references, released]).toEqual([0, [bytes]]);
    expect(() => source.release()).toThrow(RangeError);
    expect(() => a.append(source)).toThrow(RangeError);
  });

  interface Held {
    readonly client: TestSide;
    readonly id: number;
    readonly packets: TestPacket[];
    readonly released: () => number;
  }

  const held = (): Held => {
    const pair = streamPair();
    const id = pair.client.set.openStream("bidi")!;
    let released = 0;
    const source = new SendSource(pattern(3_000), () => {
      released += 1;
    });
    pair.client.set.write(id, source, false);
    source.release();
    const packets = pair.client.packets();
    expect(released).toBe(0);
    return { ...pair, id, packets, released: () => released };
  };

  it.each<[string, (held: Held) => void]>([
    ["acknowledged", ({ client, packets }) => packets.forEach((packet) => void client.acked(packet))],
    ["reset", ({ client, id }) => client.set.reset(id, 1)],
    ["stopped", ({ client, id }) => client.handle({ type: "stop-sending", id, code: 1 })],
    ["closed with its connection", ({ client }) => client.set.closeAll()],
  ])("is released exactly once when it is %s", (_, end) => {
    const side = held();
    end(side);
    expect(side.released()).toBe(1);
    for (const packet of side.packets) {
      side.client.lost(packet);
      side.client.acked(packet);
    }
    side.client.set.reset(side.id, 1);
    side.client.set.closeAll();
    expect(side.released()).toBe(1);
  });

  it("is not held by a stream that no longer sends", () => {
    const { client } = streamPair();
    const ids = [0, 4].map(() => client.set.openStream("bidi")!) as [number, number];
    client.set.reset(ids[0], 1);
    client.set.write(ids[1], pattern(1), true);
    const source = new SendSource(pattern(10));
    for (const id of ids) expect(client.set.write(id, source, false)).toBe(true);
    client.set.closeAll();
    for (const id of ids) client.set.write(id, source, false);
    expect(source.references).toBe(1);
  });

  it("is sent on several connections with the same id, offset and bytes, and released by the last one", () => {
    let released = 0;
    const source = new SendSource(pattern(5_000), () => {
      released += 1;
    });
    const pairs = [streamPair(), streamPair(), streamPair()];
    const id = 10;
    for (const { client } of pairs) {
      expect(client.set.openStream("uni", id)).toBe(id);
      client.set.write(id, source, true);
    }
    source.release();
    expect(source.references).toBe(3);
    const sent = pairs.map(({ client }) => client.packets());
    expect(sent[1]!.map(({ bytes }) => bytes)).toEqual(sent[0]!.map(({ bytes }) => bytes));
    for (const [index, { client, server }] of pairs.entries()) {
      expect(released).toBe(0);
      for (const packet of sent[index]!) {
        server.receive(packet);
        client.acked(packet);
      }
      expect(drain(server, id)).toEqual({ bytes: pattern(5_000), fin: true });
    }
    expect(released).toBe(1);
  });
});

describe("SendBuffer", () => {
  const bytesOf = (buffer: SendBuffer, offset: number, length: number): Uint8Array => {
    const writer = new Writer(new Uint8Array(length));
    buffer.copyTo(writer, offset, length);
    return writer.written();
  };

  it("keeps writes by reference", () => {
    const buffer = new SendBuffer();
    const bytes = pattern(300);
    buffer.append(bytes);
    bytes[7] = 1;
    expect(bytesOf(buffer, 0, 300)).toEqual(bytes);
  });

  it("combines a trickle of bytes into few objects", () => {
    const buffer = new SendBuffer();
    const all = pattern(5_000);
    for (let at = 0; at < all.length; at += 1) buffer.append(all.subarray(at, at + 1));
    expect(buffer.segments).toBeLessThan(10);
    expect(bytesOf(buffer, 0, all.length)).toEqual(all);
    buffer.releaseAll();
    expect(buffer.segments).toBe(0);
  });

  it("finds every byte through appends, small writes and releases", () => {
    const buffer = new SendBuffer();
    const all = pattern(60_000);
    const sizes = [1, 3, 2_000, 5, 5, 5, 5, 5, 5, 256, 257, 10, 1_500];
    for (let at = 0, i = 0; at < all.length; i += 1) {
      const end = Math.min(all.length, at + sizes[i % sizes.length]!);
      buffer.append(i % 5 === 0 ? new SendSource(all.subarray(at, end)) : all.subarray(at, end));
      at = end;
    }
    expect(buffer.end).toBe(all.length);
    for (let released = 0; released < all.length; released += 777) {
      buffer.release(released);
      for (let offset = released; offset < all.length; offset += 331) {
        const length = Math.min(700, all.length - offset);
        const isSame = Buffer.compare(bytesOf(buffer, offset, length), all.subarray(offset, offset + length)) === 0;
        if (!isSame) throw new Error(`wrong bytes at ${offset}`);
      }
    }
    buffer.releaseAll();
    expect(buffer.length).toBe(0);
    buffer.append(pattern(10));
    expect(bytesOf(buffer, 60_003, 7)).toEqual(pattern(10).subarray(3));
  });
});
