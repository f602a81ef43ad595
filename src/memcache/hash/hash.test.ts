/** XXH3 against values of xxHash's reference code, and distribution against values of memcached 1.6.38. */

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { stopFilter, tagFilter } from "./filter.ts";
import { jumpHash } from "./jump.ts";
import { ketamaHash, Ring } from "./ring.ts";
import { type Hash64, xxh3 } from "./xxh3.ts";

const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));

function hashOf(bytes: Uint8Array, seed = 0n): Hash64 {
  const hash = { high: 0, low: 0 };
  xxh3(bytes, 0, bytes.length, Number(seed >> 32n), Number(seed & 0xffff_ffffn), hash);
  return hash;
}
const text = ({ high, low }: Hash64): string => high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");

describe("XXH3", () => {
  const vectors = JSON.parse(
    readFileSync(new URL("../../../test/vectors/xxh3-64.json", import.meta.url), "utf8"),
  ) as readonly (readonly [number, string, string, string, string])[];
  const input = Uint8Array.from({ length: 4096 }, (_, i) => Number((BigInt(i) * 2654435761n) & 0xffff_ffffn) >>> 13);
  const seeds = [0n, 1n, 0x9e3779b185ebca87n, 0xffffffffffffffffn];

  test("has the reference values for every length class and seed", () => {
    expect(vectors.length).toBe(40);
    for (const [length, ...expected] of vectors) {
      const bytes = input.subarray(0, length);
      expect(
        seeds.map((seed) => text(hashOf(bytes, seed))),
        `${length} bytes`,
      ).toEqual(expected);
    }
  });

  test("does not depend on where the bytes lie", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 250 }), fc.integer({ min: 0, max: 9 }), (bytes, offset) => {
        const moved = new Uint8Array(bytes.length + offset + 3);
        moved.set(bytes, offset);
        const hash = { high: 0, low: 0 };
        xxh3(moved, offset, offset + bytes.length, 0, 0, hash);
        expect(hash).toEqual(hashOf(bytes));
      }),
      { numRuns: runs(100) },
    );
  });
});

describe("jump consistent hash", () => {
  test.each([
    [0n, 1, 0],
    [1n, 10, 6],
    [10863919174838991n, 11, 6],
    [0xdead10ccn, 5, 1],
    [256n, 1024, 520],
    [0n, 60, 0],
  ])("%s in %i buckets is %i", (hash, buckets, expected) => {
    expect(jumpHash({ high: Number(hash >> 32n), low: Number(hash & 0xffff_ffffn) }, buckets)).toBe(expected);
  });

  test.each([
    ["foo/a", "4178348f550b2cc9", [1, 2, 2, 2]],
    ["key1", "384d070cd5d829e2", [0, 0, 4, 4]],
    ["key2", "725a5d3d07b8e069", [1, 2, 2, 2]],
    ["user:{42}:x", "731477e4ba8d05f0", [1, 1, 1, 1]],
    ["42", "1217cb28c0ef2191", [0, 0, 3, 3]],
    ["", "2d06800538d394c2", [0, 0, 0, 0]],
  ])("places %j as memcached does", (key, expected, places) => {
    const hash = hashOf(ascii(key));
    expect(text(hash)).toBe(expected);
    expect([2, 3, 5, 10].map((buckets) => jumpHash(hash, buckets))).toEqual(places);
  });

  test("an added bucket only takes keys", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 0xffffffffffffffffn }),
        fc.integer({ min: 1, max: 500 }),
        (hash, buckets) => {
          const parts = { high: Number(hash >> 32n), low: Number(hash & 0xffff_ffffn) };
          const [before, after] = [jumpHash(parts, buckets), jumpHash(parts, buckets + 1)];
          expect(after === before || after === buckets).toBe(true);
        },
      ),
      { numRuns: runs(200) },
    );
  });
});

describe("the ring", () => {
  const servers = ["10.0.1.1", "10.0.1.2", "10.0.1.3"].map((host) => ({ host, port: "11211" }));

  test("gives every server a fair part, and keeps most keys when one is added", () => {
    const before = new Ring(servers, "ketama");
    const after = new Ring([...servers, { host: "10.0.1.4", port: "11211" }], "ketama");
    const counts = [0, 0, 0];
    let moved = 0;
    for (let i = 0; i < 3000; i += 1) {
      const key = ascii(`key ${i}`);
      const hash = ketamaHash(key, 0, key.length);
      counts[before.serverOf(hash)]! += 1;
      if (before.serverOf(hash) !== after.serverOf(hash)) {
        moved += 1;
        expect(after.serverOf(hash)).toBe(3);
      }
    }
    expect(Math.min(...counts)).toBeGreaterThan(700);
    expect(moved).toBeLessThan(1100);
  });

  test("wraps after the last point", () => {
    const ring = new Ring(servers, "ketama");
    expect(ring.serverOf(0xffff_ffff)).toBe(ring.serverOf(0));
  });

  test("the names of the variants differ", () => {
    const rings = (["default", "ketama", "twemproxy", "evcache"] as const).map((mode) => new Ring(servers, mode));
    const places = rings.map((ring) => Array.from({ length: 200 }, (_, i) => ring.serverOf(i * 21_474_836)).join(""));
    expect(new Set(places).size).toBe(4);
  });
});

describe("key filters", () => {
  const filtered = (key: string, filter: ReturnType<typeof stopFilter>): string => {
    const range = { start: 0, end: key.length };
    filter(ascii(key), range);
    return key.slice(range.start, range.end);
  };

  test.each([
    ["user:{42}:x", "42"],
    ["user:{}:x", ""],
    ["user:{42", "user:{42"],
    ["user:}42{", "user:}42{"],
    ["a{b}{c}", "b"],
    ["{", "{"],
  ])("tags: %s hashes %j", (key, expected) => {
    expect(filtered(key, tagFilter(0x7b, 0x7d))).toBe(expected);
  });

  test("tags of twice the same character", () => {
    expect(filtered("a$b$c", tagFilter(0x24, 0x24))).toBe("b");
  });

  test.each([
    ["foo:bar|#|rest", "foo:bar"],
    ["foo:bar|#", "foo:bar|#"],
    ["|#|", ""],
  ])("stop: %s hashes %j", (key, expected) => {
    expect(filtered(key, stopFilter(ascii("|#|")))).toBe(expected);
  });
});
