import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PacketBatch } from "../../crypto/engine.ts";
import { fromHex } from "../../wire/hex.ts";
import { Writer } from "../../wire/writer.ts";
import { preferredVersion } from "../versions/index.ts";
import { beginLongHeader, beginShortHeader, finishPacket } from "./build.ts";
import { parsePacketHeader } from "./header.ts";

const idOf = (length: number): Uint8Array => new Uint8Array(length).fill(0xc1);

describe("building packets", () => {
  const id = fc.uint8Array({ maxLength: 20 });
  const length = fc.constantFrom(1, 2, 3, 4) as fc.Arbitrary<1 | 2 | 3 | 4>;
  const packetNumber = fc.integer({ min: 0, max: 2 ** 40 });

  it("a built long-header packet parses back", () => {
    const form = fc.constantFrom("initial", "handshake");
    const token = fc.uint8Array({ maxLength: 100 });
    const frames = fc.uint8Array({ minLength: 4, maxLength: 200 });
    fc.assert(
      fc.property(
        form,
        id,
        id,
        token,
        packetNumber,
        length,
        frames,
        (form, dcid, scid, token, pn, pnLength, frames) => {
          const arena = new Uint8Array(600);
          const batch = new PacketBatch(arena, 1);
          const writer = new Writer(arena, 10, arena.length - 16);
          const open = beginLongHeader(writer, form, preferredVersion, dcid, scid, token, pn, pnLength);
          writer.write(frames);
          finishPacket(writer, open, batch);
          const header = parsePacketHeader(arena, 10, writer.position, 8)!;
          expect(header).toMatchObject({ form, version: preferredVersion, end: writer.position });
          expect(header.destination).toEqual(dcid);
          expect(header.source).toEqual(scid);
          expect(header.token).toEqual(form === "initial" ? token : new Uint8Array(0));
          expect(header.packetNumberOffset).toBe(batch.packetNumberOffset[0]);
          expect(batch.payload[0]! - batch.packetNumberOffset[0]!).toBe(pnLength);
          expect(batch.end[0]).toBe(writer.position);
          expect(batch.packetNumber[0]).toBe(pn);
          expect(arena.subarray(batch.payload[0], writer.position - 16)).toEqual(frames);
        },
      ),
    );
  });

  it("a built short-header packet parses back", () => {
    fc.assert(
      fc.property(id, packetNumber, length, fc.constantFrom(0, 1), (dcid, pn, pnLength, phase) => {
        const arena = new Uint8Array(100);
        const batch = new PacketBatch(arena, 1);
        const writer = new Writer(arena, 0, arena.length - 16);
        const open = beginShortHeader(writer, dcid, 0, phase as 0 | 1, pn, pnLength);
        writer.write(fromHex("01010101"));
        finishPacket(writer, open, batch);
        const header = parsePacketHeader(arena, 0, writer.position, dcid.length)!;
        expect(header.form).toBe("one-rtt");
        expect(header.destination).toEqual(dcid);
        expect((arena[0]! & 0x04) !== 0).toBe(phase === 1);
        expect(arena[0]! & 0x18).toBe(0);
        expect(writer.position).toBe(1 + dcid.length + pnLength + 4 + 16);
      }),
    );
  });

  it("pads before the frames until a sample fits, since the last frame may run to the end (RFC 9001 §5.4.2)", () => {
    const arena = new Uint8Array(64);
    const batch = new PacketBatch(arena, 1);
    const writer = new Writer(arena, 0, 48);
    const open = beginShortHeader(writer, idOf(0), 0, 0, 5, 1);
    writer.write(fromHex("0900")); // STREAM 0 with FIN and without a length
    finishPacket(writer, open, batch);
    expect(arena.subarray(batch.payload[0]!, batch.end[0]! - 16)).toEqual(fromHex("000900"));
    expect(parsePacketHeader(arena, 0, writer.position, 0)).toBeDefined();
  });

  it("one OpenPacket can be reused for many packets", () => {
    const arena = new Uint8Array(200);
    const batch = new PacketBatch(arena, 2);
    const writer = new Writer(arena, 0, 180);
    const open = beginLongHeader(writer, "handshake", preferredVersion, idOf(4), idOf(4), idOf(0), 1, 1);
    writer.fill(1, 10);
    finishPacket(writer, open, batch);
    expect(beginShortHeader(writer, idOf(4), 0, 1, 2, 2, open)).toBe(open);
    writer.fill(1, 10);
    finishPacket(writer, open, batch);
    expect(batch.count).toBe(2);
    expect(batch.header[1]).toBe(batch.end[0]);
    expect([...batch.packetNumber]).toEqual([1, 2]);
  });

  it("throws on misuse by the caller", () => {
    const arena = new Uint8Array(40);
    const writer = new Writer(arena);
    const open = beginShortHeader(writer, idOf(4), 0, 0, 0, 4);
    expect(() => finishPacket(writer, open, new PacketBatch(new Uint8Array(40), 1))).toThrow(RangeError);
    expect(() => finishPacket(writer, open, new PacketBatch(arena, 0))).toThrow(RangeError);
    writer.fill(1, 20);
    expect(() => finishPacket(writer, open, new PacketBatch(arena, 1))).toThrow(RangeError);
  });
});
