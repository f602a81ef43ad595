import { expect, test } from "vitest";
import { ReceivedBatch } from "../../src/base/datagrams.ts";
import { portableEngine } from "../../src/crypto/portable/index.ts";
import { OVERHEAD, PacketReader, PacketWriter } from "./packets.ts";

const LOCAL = { family: 4, host: "127.0.0.1", port: 1 } as const;
const SIZE = 1_200;

function received(arena: Uint8Array, count: number): ReceivedBatch {
  const batch = new ReceivedBatch(arena, 64);
  for (let i = 0; i < count; i++) batch.add(i * SIZE, SIZE, LOCAL, LOCAL, 0);
  return batch;
}

test("what is written can be read: every byte of stream data counts", () => {
  const writer = new PacketWriter(portableEngine);
  const reader = new PacketReader(portableEngine);
  const content = new Uint8Array(100_000).fill(7);
  for (const first of [0, 20, 40]) {
    const arena = new Uint8Array(20 * SIZE);
    writer.write(arena, first, 20, SIZE, content);
    reader.read(received(arena, 20));
  }
  expect([reader.packets, reader.largest, reader.bytes]).toEqual([60, 59, 60 * (SIZE - OVERHEAD)]);
});

test("a changed packet is refused", () => {
  const arena = new Uint8Array(SIZE);
  new PacketWriter(portableEngine).write(arena, 0, 1, SIZE, new Uint8Array(10_000));
  arena[100]! ^= 1;
  expect(() => new PacketReader(portableEngine).read(received(arena, 1))).toThrow("not genuine");
});
