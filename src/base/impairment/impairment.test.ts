import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SeededRng } from "../rng.ts";
import { type Instant, millis } from "../time.ts";
import { Impairment, type ImpairmentOptions } from "./impairment.ts";

const NOW = 0 as Instant;
const fates = (options: ImpairmentOptions, count: number, seed = 1) => {
  const impairment = new Impairment(options, new SeededRng(seed));
  return Array.from({ length: count }, (_, i) => impairment.decide(i as Instant));
};

const anyOptions: fc.Arbitrary<ImpairmentOptions> = fc.record({
  loss: fc.double({ min: 0, max: 1, noNaN: true }),
  maxLossBurst: fc.integer({ min: 1, max: 5 }),
  corruption: fc.double({ min: 0, max: 1, noNaN: true }),
  maxCorruptionBurst: fc.integer({ min: 1, max: 5 }),
  duplication: fc.double({ min: 0, max: 1, noNaN: true }),
  reordering: fc.double({ min: 0, max: 1, noNaN: true }),
});

describe("Impairment", () => {
  test("without options every item arrives once, intact and undelayed", () => {
    expect(fates({}, 10)).toEqual(new Array(10).fill({ copies: 1, corrupted: false, delay: 0, jitter: 0 }));
  });

  test("bursts of lost and of corrupted items stay within their bounds", () => {
    fc.assert(
      fc.property(anyOptions, fc.nat(), (options, seed) => {
        let lost = 0;
        let corrupted = 0;
        for (const fate of fates(options, 300, seed)) {
          lost = fate.copies === 0 ? lost + 1 : 0;
          if (fate.copies > 0) corrupted = fate.corrupted ? corrupted + 1 : 0;
          expect(lost).toBeLessThanOrEqual(options.maxLossBurst!);
          expect(corrupted).toBeLessThanOrEqual(options.maxCorruptionBurst!);
        }
      }),
    );
  });

  test("the same seed gives the same fates", () => {
    fc.assert(
      fc.property(anyOptions, fc.nat(), (options, seed) => {
        expect(fates(options, 100, seed)).toEqual(fates(options, 100, seed));
      }),
    );
  });

  test("the loss rate is the configured one", () => {
    const lost = fates({ loss: 0.02 }, 20_000).filter((fate) => fate.copies === 0).length;
    expect(lost).toBeGreaterThan(300);
    expect(lost).toBeLessThan(500);
  });

  test("reordering delays stay within their bound", () => {
    const delays = fates({ reordering: 1, reorderDelay: millis(3) }, 1_000).map((fate) => fate.delay);
    expect(Math.max(...delays)).toBeLessThanOrEqual(3_000);
    expect(Math.max(...delays)).toBeGreaterThan(2_900);
  });

  test("a periodic blackhole", () => {
    const impairment = new Impairment({ blackhole: { on: millis(5), off: millis(2) } }, new SeededRng(1));
    const passes = (at: number) => impairment.decide((at * 1000) as Instant).copies === 1;
    expect([0, 4.999, 5, 6.999, 7, 11.999, 12].map(passes)).toEqual([true, true, false, false, true, true, false]);
  });

  test("corrupt flips exactly one bit, and accepts empty input", () => {
    const impairment = new Impairment({}, new SeededRng(5));
    for (let i = 0; i < 200; i += 1) {
      const bytes = new Uint8Array(1 + (i % 7));
      impairment.corrupt(bytes);
      const bits = bytes.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0);
      expect(bits).toBe(1);
    }
    impairment.corrupt(new Uint8Array(0));
    expect(impairment.decide(NOW).copies).toBe(1);
  });
});
