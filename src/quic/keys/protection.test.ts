import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { randomBytes, SeededRng } from "../../base/rng.ts";
import { type AeadName, type HashName, PacketBatch, TAG_LENGTH } from "../../crypto/engine.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import { Writer } from "../../wire/writer.ts";
import {
  beginLongHeader,
  beginShortHeader,
  finishPacket,
  type PacketNumberLength,
  parsePacketHeader,
} from "../packet/index.ts";
import { preferredVersion } from "../versions/index.ts";
import { derivePacketKeys, openBatch, protectBatch, removeHeaderProtection } from "./index.ts";

const SUITES: readonly (readonly [AeadName, HashName])[] = [
  ["aes-128-gcm", "sha256"],
  ["aes-256-gcm", "sha384"],
  ["chacha20-poly1305", "sha256"],
];
const ID = new Uint8Array(8).fill(7);

describe.each(SUITES)("protection with %s", (aead, hash) => {
  const keys = derivePacketKeys(
    portableEngine,
    aead,
    hash,
    new Uint8Array(hash === "sha256" ? 32 : 48).fill(5),
    preferredVersion,
  );

  const packet = fc.record({
    isLong: fc.boolean(),
    length: fc.constantFrom(1, 2, 3, 4) as fc.Arbitrary<PacketNumberLength>,
    payload: fc.uint8Array({ minLength: 1, maxLength: 100 }),
  });

  it("a batch of long and short packets round-trips", () => {
    fc.assert(
      fc.property(
        fc.array(packet, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: -1, max: 2 ** 40 }),
        (packets, largest) => {
          const arena = new Uint8Array(4_000);
          const out = new PacketBatch(arena, packets.length);
          const writer = new Writer(arena, 0, arena.length - TAG_LENGTH);
          packets.forEach(({ isLong, length, payload }, i) => {
            const number = largest + 1 + i;
            const open = isLong
              ? beginLongHeader(writer, "handshake", preferredVersion, ID, ID, ID, number, length)
              : beginShortHeader(writer, ID, 0, 1, number, length);
            writer.write(payload);
            finishPacket(writer, open, out);
          });
          const clear = arena.slice(0, writer.position);
          protectBatch(out, keys, 0);

          const inbound = new PacketBatch(arena, packets.length);
          packets.forEach((_, i) => {
            const header = parsePacketHeader(arena, out.header[i]!, out.end[i]!, ID.length)!;
            inbound.header[i] = header.start;
            inbound.packetNumberOffset[i] = header.packetNumberOffset;
            inbound.end[i] = header.end;
            inbound.count += 1;
          });
          removeHeaderProtection(inbound, keys, 0, largest);
          openBatch(inbound, keys.packet, 0);
          packets.forEach((_, i) => {
            expect(inbound.ok[i]).toBe(1);
            expect(inbound.packetNumber[i]).toBe(largest + 1 + i);
            expect(inbound.payload[i]).toBe(out.payload[i]);
            const end = out.end[i]! - TAG_LENGTH;
            expect(arena.subarray(out.header[i], end)).toEqual(clear.subarray(out.header[i], end));
          });
        },
      ),
      { numRuns: runs(50) },
    );
  });

  it("only touches packets from `from` on", () => {
    const arena = new Uint8Array(200);
    const batch = new PacketBatch(arena, 2);
    const writer = new Writer(arena, 0, 184);
    for (const number of [0, 1]) {
      const open = beginShortHeader(writer, ID, 0, 0, number, 1);
      writer.fill(1, 20);
      finishPacket(writer, open, batch);
    }
    const before = arena.slice();
    protectBatch(batch, keys, 1);
    expect(arena.subarray(0, batch.end[0])).toEqual(before.subarray(0, batch.end[0]));
    expect(arena.subarray(batch.header[1])).not.toEqual(before.subarray(batch.header[1]));
  });

  it("a forged packet with any number does not spoil those after it", () => {
    const arena = new Uint8Array(400);
    const batch = new PacketBatch(arena, 3);
    const writer = new Writer(arena, 0, 384);
    for (const number of [100, 101, 102]) {
      const open = beginShortHeader(writer, ID, 0, 0, number, number === 101 ? 4 : 1);
      writer.fill(1, 20);
      finishPacket(writer, open, batch);
    }
    protectBatch(batch, keys, 0);
    const rng = new SeededRng(3);
    arena.set(randomBytes(rng, 24), batch.packetNumberOffset[1]);
    removeHeaderProtection(batch, keys, 0, 99);
    openBatch(batch, keys.packet, 0);
    expect([...batch.ok]).toEqual([1, 0, 1]);
    expect(batch.packetNumber[2]).toBe(102);
  });

  it("a packet does not open with another path's nonce", () => {
    const arena = new Uint8Array(100);
    const batch = new PacketBatch(arena, 1);
    const writer = new Writer(arena, 0, 84);
    const open = beginShortHeader(writer, ID, 0, 0, 9, 2);
    writer.fill(1, 20);
    finishPacket(writer, open, batch);
    protectBatch(batch, keys, 0, 3);
    const copy = arena.slice();
    removeHeaderProtection(batch, keys, 0, 8);
    openBatch(batch, keys.packet, 0, 0);
    expect(batch.ok[0]).toBe(0);
    arena.set(copy);
    removeHeaderProtection(batch, keys, 0, 8);
    openBatch(batch, keys.packet, 0, 3);
    expect(batch.ok[0]).toBe(1);
  });
});
