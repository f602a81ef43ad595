/** Backpressure, and how long what was written is kept. */

import { describe, expect, it } from "vitest";
import { SendBuffer } from "./send-buffer.ts";
import { SendSource } from "./send-source.ts";
import { pattern, settle, streamPair } from "./testing/stream-pair.ts";

describe("write", () => {
  it("takes as much as there is room for, and then no end", () => {
    const pair = streamPair({ client: { sendBufferPerStream: 10_000 } });
    const { client } = pair;
    const id = client.set.openStream("bidi")!;
    expect(client.set.writableBytes(id)).toBe(10_000);
    expect(client.set.write(id, pattern(6_000), false)).toBe(6_000);
    expect(client.set.write(id, pattern(6_000), true)).toBe(4_000);
    expect([client.set.writableBytes(id), client.set.bytesBuffered]).toEqual([0, 10_000]);
    expect(client.takeEvents()).toEqual([]);
    settle(pair);
    expect(client.takeEvents()).toEqual([{ type: "stream-writable", id }]);
    expect(client.set.write(id, pattern(6_000).subarray(4_000), true)).toBe(2_000);
    settle(pair);
    expect(client.takeEvents()).toEqual([{ type: "stream-finished", id }]);
  });

  it("takes two congestion windows, between its least and half of the connection's", () => {
    const { client } = streamPair({ client: { sendBufferPerStream: 10_000, sendBufferPerConnection: 80_000 } });
    const id = client.set.openStream("bidi")!;
    client.set.setCongestionWindow(4_000);
    expect(client.set.writableBytes(id)).toBe(10_000);
    client.set.setCongestionWindow(15_000);
    expect(client.set.writableBytes(id)).toBe(30_000);
    client.set.setCongestionWindow(1_000_000);
    expect(client.set.writableBytes(id)).toBe(40_000);
  });

  it("is not called for when nothing was refused", () => {
    const pair = streamPair({ client: { sendBufferPerStream: 10_000 } });
    const id = pair.client.set.openStream("bidi")!;
    pair.client.set.write(id, pattern(10_000), false);
    settle(pair);
    expect(pair.client.takeEvents()).toEqual([]);
  });

  it("is called for when a quarter of the room is free, not for every packet", () => {
    const { client } = streamPair({ client: { sendBufferPerStream: 20_000 } });
    const id = client.set.openStream("bidi")!;
    client.set.write(id, pattern(20_001), false);
    const packets = client.packets(1_020);
    for (const packet of packets.slice(0, 4)) client.acked(packet);
    expect(client.takeEvents()).toEqual([]);
    for (const packet of packets.slice(4, 6)) client.acked(packet);
    expect(client.takeEvents()).toEqual([{ type: "stream-writable", id }]);
  });

  it("is bounded for all streams together, and nobody waits for ever", () => {
    const pair = streamPair({ client: { sendBufferPerStream: 10_000, sendBufferPerConnection: 15_000 } });
    const { client } = pair;
    const ids = [0, 1, 2].map(() => client.set.openStream("bidi")!);
    expect(ids.map((id) => client.set.write(id, pattern(12_000), false))).toEqual([10_000, 5_000, 0]);
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

  it("is not called for while other streams take the room", () => {
    const { client } = streamPair({ client: { sendBufferPerStream: 10_000, sendBufferPerConnection: 15_000 } });
    const [id, greedy] = [0, 1].map(() => client.set.openStream("bidi")!) as [number, number];
    client.set.write(id, pattern(10_001), false);
    const packets = client.packets(1_010);
    client.set.write(greedy, pattern(5_000), false);
    for (const packet of packets.slice(0, 3)) client.acked(packet);
    expect([client.set.writableBytes(id) >= 2_500, client.takeEvents()]).toEqual([true, []]);
    client.acked(packets[3]!);
    expect(client.takeEvents()).toEqual([{ type: "stream-writable", id }]);
  });

  it("is not called for on a stream that was reset while it waited", () => {
    const pair = streamPair({ client: { sendBufferPerStream: 1_000, sendBufferPerConnection: 1_500 } });
    const { client } = pair;
    const ids = [0, 1].map(() => client.set.openStream("bidi")!);
    for (const id of ids) client.set.write(id, pattern(1_200), false);
    for (const id of ids.reverse()) client.set.reset(id, 0);
    settle(pair);
    expect(client.takeEvents()).toEqual([]);
    expect(client.set.bytesBuffered).toBe(0);
  });
});

describe("SendSource", () => {
  it("is held by every stream that has it to send, and released once by each", () => {
    let released = 0;
    const source = new SendSource(pattern(100), () => {
      released += 1;
    });
    const [a, b] = [new SendBuffer(), new SendBuffer()];
    a.appendSource(source, 0, 100);
    b.appendSource(source, 50, 100);
    expect(source.references).toBe(2);
    a.release(99);
    b.releaseAll();
    expect([source.references, released]).toEqual([1, 0]);
    a.release(100);
    expect([source.references, released]).toEqual([0, 1]);
    expect(() => source.release()).toThrow(RangeError);
  });
});

describe("SendBuffer", () => {
  it("keeps writes by reference, except small ones that follow each other", () => {
    const buffer = new SendBuffer();
    const [large, small, next] = [pattern(5_000), pattern(20), pattern(30, 1)];
    buffer.append(large);
    buffer.append(small);
    buffer.append(next);
    expect(buffer.find(0).source.bytes).toBe(large);
    expect(buffer.find(5_000).source.bytes).toBe(small);
    const gathered = buffer.find(5_020);
    expect(gathered.source.bytes).not.toBe(next);
    expect(gathered.source.bytes.subarray(gathered.start, gathered.end)).toEqual(next);
  });

  it("finds every byte through appends, small writes and releases", () => {
    const buffer = new SendBuffer();
    const all = pattern(60_000);
    const sizes = [1, 3, 2_000, 5, 5, 5, 256, 257, 10, 1_500];
    for (let at = 0, i = 0; at < all.length; i += 1) {
      const end = Math.min(all.length, at + sizes[i % sizes.length]!);
      buffer.append(all.subarray(at, end));
      at = end;
    }
    expect(buffer.end).toBe(all.length);
    for (let released = 0; released < all.length; released += 777) {
      buffer.release(released);
      for (let offset = released; offset < all.length; offset += 331) {
        const { source, start, offset: first } = buffer.find(offset);
        if (source.bytes[start + offset - first] !== all[offset]) throw new Error(`wrong byte at ${offset}`);
      }
    }
    buffer.releaseAll();
    expect(buffer.length).toBe(0);
    buffer.append(pattern(10));
    expect(buffer.find(60_003).offset).toBe(60_000);
  });
});
