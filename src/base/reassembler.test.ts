import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../test/properties/runs.ts";
import { type ChunkBudget, Reassembler, TOO_MANY_CHUNKS } from "./reassembler.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >>> 8)) & 0xff);

function readAll(reassembler: Reassembler, max?: number): Uint8Array {
  const runs: Uint8Array[] = [];
  for (let run = reassembler.read(max); run !== undefined; run = reassembler.read(max)) runs.push(run);
  return new Uint8Array(Buffer.concat(runs));
}

describe("Reassembler", () => {
  it("delivers bytes in order as soon as no gap precedes them", () => {
    const reassembler = new Reassembler(16);
    expect(reassembler.insert(3, bytes(4, 5))).toBe(2);
    expect(reassembler.read()).toBeUndefined();
    expect([reassembler.readable, reassembler.highest, reassembler.chunks]).toEqual([0, 5, 1]);
    expect(reassembler.insert(0, bytes(1, 2, 3))).toBe(3);
    expect([reassembler.readable, reassembler.chunks]).toEqual([5, 0]);
    expect(readAll(reassembler)).toEqual(bytes(1, 2, 3, 4, 5));
    expect(reassembler.readOffset).toBe(5);
  });

  it("reads at most the requested number of bytes", () => {
    const reassembler = new Reassembler(16);
    reassembler.insert(0, bytes(1, 2, 3));
    expect(reassembler.read(0)).toBeUndefined();
    expect(reassembler.read(2)).toEqual(bytes(1, 2));
    expect(reassembler.readOffset).toBe(2);
    expect(reassembler.read(2)).toEqual(bytes(3));
    expect(reassembler.read(2)).toBeUndefined();
  });

  it("keeps the first copy where pieces overlap and counts only new bytes", () => {
    const reassembler = new Reassembler(16);
    expect(reassembler.insert(4, bytes(4, 5, 6))).toBe(3);
    expect(reassembler.insert(2, bytes(92, 93, 94, 95, 96, 97, 98))).toBe(4);
    expect(reassembler.insert(0, bytes(80, 81, 82, 83))).toBe(2);
    expect(reassembler.insert(0, bytes(70, 71, 72))).toBe(0);
    expect(readAll(reassembler)).toEqual(bytes(80, 81, 92, 93, 4, 5, 6, 97, 98));
  });

  it("keeps no view of its input", () => {
    for (const datagram of [new Uint8Array(4_000).fill(1), Buffer.alloc(4_000, 1)]) {
      const reassembler = new Reassembler(16);
      reassembler.insert(5_000, datagram.subarray(0, 1_000));
      reassembler.insert(0, datagram);
      datagram.fill(2);
      reassembler.insert(4_000, new Uint8Array(1_000).fill(1));
      const all = readAll(reassembler);
      expect(all.length).toBe(6_000);
      expect(all.every((byte) => byte === 1)).toBe(true);
    }
  });

  it("allocates exactly the size of a small stream", () => {
    const reassembler = new Reassembler(16);
    reassembler.insert(0, pattern(90));
    expect(reassembler.read()!.buffer.byteLength).toBe(90);
  });

  it("returns long runs when a stream is read late", () => {
    const reassembler = new Reassembler(16);
    for (let i = 0; i < 1_000; i += 1) reassembler.insert(i * 1_200, new Uint8Array(1_200));
    let runs = 0;
    while (reassembler.read() !== undefined) runs += 1;
    expect(runs).toBeLessThan(1_200_000 / 65_536 + 8);
  });

  it("never lets a few bytes keep a large block alive", () => {
    const reassembler = new Reassembler(16);
    for (let i = 0; i < 200; i += 1) reassembler.insert(i * 1_200, new Uint8Array(1_200));
    readAll(reassembler);
    for (let i = 0; i < 100; i += 1) {
      reassembler.insert(240_000 + i * 10, new Uint8Array(10));
      expect(reassembler.read()!.buffer.byteLength).toBe(10);
    }
    for (let i = 0; i < 100; i += 1) {
      reassembler.insert(241_000 + i * 1_200, new Uint8Array(1_200));
      expect(reassembler.read()!.buffer.byteLength).toBeLessThanOrEqual(16_384);
    }
  });

  it("discards all unread bytes", () => {
    const reassembler = new Reassembler(16);
    reassembler.insert(0, bytes(1, 2));
    reassembler.insert(5, bytes(6));
    reassembler.clear();
    expect(reassembler.read()).toBeUndefined();
    expect([reassembler.readable, reassembler.chunks, reassembler.readOffset]).toEqual([0, 0, 2]);
  });

  it("matches a plain array of first copies for any input", () => {
    const piece = fc.record({
      offset: fc.integer({ min: 0, max: 400 }),
      length: fc.integer({ min: 0, max: 90 }),
      value: fc.integer({ min: 0, max: 255 }),
      read: fc.option(fc.integer({ min: 1, max: 120 })),
    });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 80 }), (pieces) => {
        const reassembler = new Reassembler(1_000);
        const model = new Array<number | undefined>(500).fill(undefined);
        const taken: number[] = [];
        for (const { offset, length, value, read } of pieces) {
          let fresh = 0;
          for (let i = offset; i < offset + length; i += 1) {
            if (model[i] !== undefined) continue;
            model[i] = value;
            fresh += 1;
          }
          expect(reassembler.insert(offset, new Uint8Array(length).fill(value))).toBe(fresh);
          expect(reassembler.readable).toBe(model.indexOf(undefined) - taken.length);
          if (read !== null) taken.push(...(reassembler.read(read) ?? []));
        }
        taken.push(...readAll(reassembler));
        expect(taken).toEqual(model.slice(0, taken.length));
      }),
      { numRuns: runs(300) },
    );
  });
});

describe("Reassembler: memory that a hostile peer can occupy", () => {
  it("refuses one chunk too many and keeps the others", () => {
    const reassembler = new Reassembler(3);
    for (const offset of [2, 4, 6]) expect(reassembler.insert(offset, bytes(offset))).toBe(1);
    expect(reassembler.insert(8, bytes(8))).toBe(TOO_MANY_CHUNKS);
    expect(reassembler.chunks).toBe(3);
    // A piece that touches a chunk adds none, and neither does an in-order piece.
    expect(reassembler.insert(7, bytes(7))).toBe(1);
    expect(reassembler.insert(0, bytes(0, 1))).toBe(2);
    expect(readAll(reassembler)).toEqual(bytes(0, 1, 2));
    expect(reassembler.insert(9, bytes(9))).toBe(1);
  });

  it("refuses pieces of 6 bytes with gaps of 1 at the cap", () => {
    const reassembler = new Reassembler(1_024);
    let accepted = 0;
    while (reassembler.insert(1 + accepted * 7, new Uint8Array(6)) !== TOO_MANY_CHUNKS) accepted += 1;
    expect(accepted).toBe(1_024);
  });

  it("shares a budget with others and returns its part", () => {
    const budget: ChunkBudget = { remaining: 4 };
    const [a, b] = [new Reassembler(3, budget), new Reassembler(3, budget)];
    for (const offset of [1, 3, 5]) a.insert(offset, bytes(0));
    expect(b.insert(1, bytes(0))).toBe(1);
    expect(b.insert(3, bytes(0))).toBe(TOO_MANY_CHUNKS);
    a.insert(0, bytes(0));
    expect(budget.remaining).toBe(1);
    expect(b.insert(3, bytes(0))).toBe(1);
    a.clear();
    b.clear();
    expect(budget.remaining).toBe(4);
  });

  it("keeps none of a million duplicates", () => {
    const reassembler = new Reassembler(1_024);
    reassembler.insert(0, pattern(100));
    for (let i = 0; i < 1_000; i += 1) reassembler.insert(200 + i * 20, pattern(10));
    for (let i = 0; i < 1_000_000; i += 1) {
      if (reassembler.insert(200 + (i % 1_000) * 20, pattern10) !== 0) throw new Error("a duplicate counted as new");
      if (reassembler.insert(i % 90, pattern10) !== 0) throw new Error("a duplicate counted as new");
    }
    expect(reassembler.chunks).toBe(1_000);
    expect(reassembler.readable).toBe(100);
  });

  it("joins single bytes that arrive in reverse order", () => {
    const reassembler = new Reassembler(1_024);
    const all = pattern(300_000);
    for (let i = all.length - 1; i >= 0; i -= 1) reassembler.insert(i, all.subarray(i, i + 1));
    expect(Buffer.compare(readAll(reassembler), all)).toBe(0);
  });

  it("joins odd bytes with even ones", () => {
    const reassembler = new Reassembler(40_000);
    const all = pattern(60_000);
    for (let i = 1; i < all.length; i += 2) reassembler.insert(i, all.subarray(i, i + 1));
    expect(reassembler.chunks).toBe(30_000);
    for (let i = all.length - 2; i >= 0; i -= 2) reassembler.insert(i, all.subarray(i, i + 1));
    expect(reassembler.chunks).toBe(0);
    expect(Buffer.compare(readAll(reassembler), all)).toBe(0);
  });
});

const pattern10 = pattern(10);

describe("read into the caller's memory", () => {
  it("gives the same bytes, however pieces and reads are cut, and leaves what was returned before alone", () => {
    const total = 300_000;
    const sent = Uint8Array.from({ length: total }, (_, i) => (i * 31 + (i >>> 8)) & 255);
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 8 }),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 90_000 }), fc.boolean()), { minLength: 1, maxLength: 8 }),
        (pieces, reads) => {
          const reassembler = new Reassembler(100);
          const into = new Uint8Array(90_000);
          const kept: [number, Uint8Array][] = [];
          let [at, got, n] = [0, 0, 0];
          while (got < total) {
            if (at < total) {
              const end = Math.min(total, at + pieces[n % pieces.length]!);
              reassembler.insert(at, sent.subarray(at, end));
              at = end;
            }
            const [max, isCopied] = reads[n % reads.length]!;
            const bytes = reassembler.read(max, isCopied ? into : undefined);
            if (bytes !== undefined) {
              expect(bytes.buffer === into.buffer).toBe(isCopied);
              expect(Buffer.compare(bytes, sent.subarray(got, got + bytes.length))).toBe(0);
              if (!isCopied) kept.push([got, bytes]);
              got += bytes.length;
            }
            n += 1;
          }
          expect(reassembler.readable).toBe(0);
          for (const [start, bytes] of kept) {
            expect(Buffer.compare(bytes, sent.subarray(start, start + bytes.length))).toBe(0);
          }
        },
      ),
      { numRuns: runs(30) },
    );
  });
});
