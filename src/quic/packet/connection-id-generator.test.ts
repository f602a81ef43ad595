import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { randomBytes, SeededRng } from "../../base/rng.ts";
import { RandomConnectionIds } from "./connection-id-generator.ts";
import { type ConnectionIdRoute, ROUTED_ID_LENGTH, RoutedConnectionIds, RoutedIdKeys } from "./routed-connection-id.ts";

const KEYS = [0, 1, 2, 3].map((n) => Uint8Array.from({ length: 16 }, (_, i) => 16 * n + i));
const keys = new RoutedIdKeys(KEYS);
const routes: fc.Arbitrary<ConnectionIdRoute> = fc.record({
  key: fc.nat(3),
  generation: fc.nat(7),
  worker: fc.nat(31),
  node: fc.nat(63),
});

test("random ids have the requested length and are unique", () => {
  const ids = new RandomConnectionIds(new SeededRng(1), 12);
  const generated = Array.from({ length: 1_000 }, () => ids.generate());
  expect(generated.every(({ length }) => length === ids.length && length === 12)).toBe(true);
  expect(new Set(generated.map(({ key }) => key)).size).toBe(1_000);
});

describe("routed ids", () => {
  test("reveal their route to a holder of the keys, at any offset in a datagram", () => {
    fc.assert(
      fc.property(routes, fc.integer(), fc.nat(20), (route, seed, before) => {
        const ids = new RoutedConnectionIds(new SeededRng(seed), keys, route, () => 4_000 + route.key);
        const id = ids.generate();
        expect(id.length).toBe(ROUTED_ID_LENGTH);
        expect(keys.decode(id.bytes)).toEqual(route);
        const datagram = new Uint8Array(before + 30).fill(0xff);
        datagram.set(id.bytes, before);
        expect(keys.decode(datagram, before)).toEqual(route);
      }),
    );
  });

  test("have this exact layout", () => {
    // The mask is the SipHash, under key 1, of 8 random bytes that are all zero.
    const zeros = { fill: (target: Uint8Array) => void target.fill(0), uint32: () => 0 };
    const mask = keys.mask(1, new Uint8Array(ROUTED_ID_LENGTH), 0)!;
    const id = new RoutedConnectionIds(zeros, keys, { generation: 5, worker: 17, node: 42 }, () => 1).generate();
    const word = 0b01_101_10001_101010 ^ mask;
    expect([...id.bytes]).toEqual([word >> 8, word & 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  test("of one worker are indistinguishable: all values of the masked bits occur equally often", () => {
    const ids = new RoutedConnectionIds(new SeededRng(7), keys, { generation: 0, worker: 0, node: 0 }, () => 0);
    const counts = new Array<number>(64).fill(0);
    for (let i = 0; i < 64_000; i += 1) counts[ids.generate().bytes[1]! & 63]! += 1;
    // 1,000 each, plus or minus five standard deviations.
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(160);
  });

  test("generated with other keys, and arbitrary bytes, decode to some route or none, and never throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), fc.nat(24), (bytes, start) => {
        const route = keys.decode(bytes, start);
        expect(route === undefined).toBe(bytes.length - start < ROUTED_ID_LENGTH);
      }),
    );
    const other = randomBytes(new SeededRng(3), 16);
    const stranger = new RoutedIdKeys([other, other, other, other]);
    const right = { generation: 1, worker: 2, node: 3 };
    const ids = new RoutedConnectionIds(new SeededRng(9), stranger, right, () => 0);
    let hits = 0;
    for (let i = 0; i < 1_000; i += 1) if (keys.decode(ids.generate().bytes)?.worker === right.worker) hits += 1;
    expect(hits).toBeLessThan(100);
    const second = new RoutedConnectionIds(new SeededRng(9), keys, right, () => 2);
    expect(new RoutedIdKeys([other]).decode(second.generate().bytes)).toBeUndefined();
  });

  test("reject an invalid route or a missing key", () => {
    const route = { generation: 0, worker: 0, node: 0 };
    const make = (changes: Partial<ConnectionIdRoute>, known = KEYS) =>
      new RoutedConnectionIds(new SeededRng(1), new RoutedIdKeys(known), { ...route, ...changes }, () => 0);
    expect(() => make({ worker: 32 })).toThrow("invalid worker 32: must be an integer from 0 to 31");
    expect(() => make({ node: -1 })).toThrow(/invalid node/);
    expect(() => make({ generation: 1.5 })).toThrow(/invalid generation/);
    expect(() => make({}, KEYS.slice(0, 1))).toThrow("key 1 is missing");
  });

  test("name the key of the period in which they were made, until two periods after it", () => {
    let period = 20_000;
    const route = { generation: 0, worker: 0, node: 0 };
    const ids = new RoutedConnectionIds(new SeededRng(1), keys, route, () => period);
    for (let made = 20_000; made < 20_008; made += 1) {
      period = made;
      const { bytes } = ids.generate();
      expect(keys.decode(bytes)?.key).toBe(made % 4);
      // A process whose clock is behind understands them too.
      const understood = [-2, -1, 0, 1, 2, 3].filter((later) => {
        period = made + later;
        return ids.keyPeriod(bytes) === made;
      });
      expect(understood).toEqual([-1, 0, 1, 2]);
    }
  });
});
