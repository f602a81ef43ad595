// Maps against a model: the same operations on a Map, and the errors that Linux documents.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { SeededRng } from "../../base/rng.ts";
import { toHex } from "../../wire/hex.ts";
import { BpfError } from "../errors.ts";
import { Machine } from "../machine/index.ts";
import { type MapDefinition, type QueueMap, UPDATE } from "./index.ts";

const map = (definition: Partial<MapDefinition>, cpus = 1) =>
  new Machine({ cpus }).addMap({ name: "m", type: "hash", keySize: 4, valueSize: 4, maxEntries: 4, ...definition });
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

test.each(["hash", "percpu-hash"] as const)("a %s map does what a Map does, until it is full", (type) => {
  const operation = fc.tuple(fc.constantFrom("set", "remove", "get"), fc.integer({ min: 0, max: 11 }), fc.nat(255));
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const real = map({ type, keySize: 5, maxEntries: 8 });
      const model = new Map<number, number>();
      for (const [what, key, value] of operations) {
        const at = bytes(key, 0, 7, 0, key);
        if (what === "set") {
          if (model.size === 8 && !model.has(key)) expect(() => real.set(at, bytes(value, 0, 0, 0))).toThrow("full");
          else {
            model.set(key, value);
            real.set(at, bytes(value, 0, 0, 0));
          }
        } else if (what === "remove") expect(real.remove(at)).toBe(model.delete(key));
        expect(real.get(at)?.[0]).toBe(model.get(key));
      }
      expect([...real.keys()].map((key) => key[0]!).sort()).toEqual([...model.keys()].sort());
    }),
    { numRuns: runs(60) },
  );
});

test("an LPM trie finds the longest prefix, like a scan over all", () => {
  const rng = new SeededRng(3);
  const trie = map({ type: "lpm-trie", keySize: 8, maxEntries: 80 });
  const model = new Map<string, Uint8Array>();
  const mask = (length: number) => (length === 0 ? 0 : (-1 << (32 - length)) >>> 0);
  const key = (length: number, address: number) =>
    bytes(length, 0, 0, 0, address >>> 24, address >>> 16, address >>> 8, address);
  for (let round = 0; round < 600; round += 1) {
    const length = rng.uint32() % 33;
    const address = (rng.uint32() & 0xf0f0_0303 & mask(length)) >>> 0;
    const name = toHex(key(length, address));
    if (rng.uint32() % 3 === 0) {
      expect(trie.remove(key(length, address))).toBe(model.delete(name));
    } else if (model.size < 80 || model.has(name)) {
      const value = bytes(rng.uint32(), round, length, 0);
      trie.set(key(length, address), value);
      model.set(name, value);
    }
    const wanted = (rng.uint32() & 0xf0f0_0303) >>> 0;
    let best: Uint8Array | undefined;
    for (let bits = 32; bits >= 0 && best === undefined; bits -= 1) {
      best = model.get(toHex(key(bits, (wanted & mask(bits)) >>> 0)));
    }
    expect(trie.get(key(32, wanted))).toEqual(best && new Uint8Array(best));
  }
  expect([...trie.keys()].map((each) => toHex(each)).sort()).toEqual([...model.keys()].sort());
});

describe("an LRU hash map", () => {
  test("takes a value of the host for no lookup", () => {
    const lru = map({ type: "lru-hash", maxEntries: 2 });
    for (const key of [1, 2]) lru.set(bytes(key, 0, 0, 0), bytes(key, 0, 0, 0));
    lru.get(bytes(1, 0, 0, 0));
    lru.set(bytes(3, 0, 0, 0), bytes(3, 0, 0, 0));
    expect([...lru.keys()].map((key) => key[0]).sort()).toEqual([1, 3]);
  });

  test("evicts what was not looked up", () => {
    const lru = map({ type: "lru-hash", maxEntries: 3 });
    for (const key of [1, 2, 3]) lru.set(bytes(key, 0, 0, 0), bytes(key, 0, 0, 0));
    for (let key = 10; key < 30; key += 1) {
      lru.get(bytes(2, 0, 0, 0));
      lru.set(bytes(key, 0, 0, 0), bytes(key, 0, 0, 0));
    }
    expect(lru.get(bytes(2, 0, 0, 0))?.[0]).toBe(2);
    expect([...lru.keys()]).toHaveLength(3);
  });
});

test("arrays have all entries, refuse others, and keep one value for each processor", () => {
  const array = map({ type: "array" });
  expect(array.get(bytes(3, 0, 0, 0))).toEqual(new Uint8Array(4));
  expect(array.get(bytes(4, 0, 0, 0))).toBeUndefined();
  expect(() => array.set(bytes(4, 0, 0, 0), new Uint8Array(4))).toThrow("too large");
  expect(() => array.remove(bytes(0, 0, 0, 0))).toThrow(BpfError);
  expect(() => array.set(bytes(0, 0, 0, 0), new Uint8Array(4), UPDATE.noExist)).toThrow("exists");
  const perCpu = map({ type: "percpu-array" }, 3);
  perCpu.set(bytes(1, 0, 0, 0), bytes(5, 0, 0, 0));
  expect([0, 1, 2].map((cpu) => perCpu.get(bytes(1, 0, 0, 0), cpu)?.[0])).toEqual([5, 5, 5]);
});

test.each([
  ["queue", [1, 2, 3]],
  ["stack", [3, 2, 1]],
] as const)("a %s gives values back in its order", (type, order) => {
  const queue = map({ type, keySize: 0, maxEntries: 3 }) as QueueMap;
  for (const value of [1, 2, 3]) queue.set(new Uint8Array(0), bytes(value, 0, 0, 0));
  expect(() => queue.set(new Uint8Array(0), bytes(4, 0, 0, 0))).toThrow("full");
  expect(order.map(() => queue.take()?.[0])).toEqual(order);
  expect(queue.take()).toBeUndefined();
});

test.each<[string, Partial<MapDefinition>]>([
  ["no entries", { maxEntries: 0 }],
  ["no value", { valueSize: 0 }],
  ["a key that is too long", { keySize: 513 }],
  ["an array with a long key", { type: "array", keySize: 8 }],
  ["a ring buffer whose size is no power of two", { type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: 100 }],
  ["a trie without an address", { type: "lpm-trie", keySize: 4 }],
  ["more memory than the machine has", { maxEntries: 1 << 24, valueSize: 1024 }],
])("refuses %s", (_what, definition) => {
  expect(() => map(definition)).toThrow(BpfError);
});
