import fc from "fast-check";
import { expect, test } from "vitest";
import { runs } from "../../../../test/properties/runs.ts";
import { TokenBuckets } from "./token-buckets.ts";

test("a client may send a burst, then as many as the rate allows, and hears how long to wait", () => {
  const buckets = new TokenBuckets(10, 3);
  expect([0, 0, 0, 0].map((now) => buckets.take("a", now))).toEqual([0, 0, 0, 100]);
  expect(buckets.take("b", 0)).toBe(0); // has its own
  expect(buckets.take("a", 50)).toBeCloseTo(50);
  expect(buckets.take("a", 100)).toBe(0);
  // After a long pause, no more than the burst.
  expect(Array.from({ length: 4 }, () => buckets.take("a", 60_000)).filter((wait) => wait === 0)).toHaveLength(3);
});

test("whenever requests arrive, at most the burst and the rate pass", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(400), { minLength: 1, maxLength: 200 }), (pauses) => {
      const buckets = new TokenBuckets(5, 4);
      let now = 0;
      let passed = 0;
      for (const pause of pauses) {
        now += pause;
        if (buckets.take("a", now) === 0) passed += 1;
      }
      expect(passed).toBeLessThanOrEqual(4 + (now / 1000) * 5 + 1e-6);
    }),
    { numRuns: runs(100) },
  );
});

test("the table is bounded", () => {
  const buckets = new TokenBuckets(1, 1, 100);
  for (let i = 0; i < 1_000; i += 1) buckets.take(String(i), 0);
  expect(buckets.size).toBe(100);
  expect(buckets.take("999", 0)).toBeGreaterThan(0);
});
