import { expect, test } from "vitest";
import { median, medianRatio, pairedRatio, rounded } from "./statistics.ts";

test("the median is the middle value, or the mean of the two middle values", () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([7])).toBe(7);
  expect(() => median([])).toThrow();
});

test("the median does not modify its input", () => {
  const values = [3, 1, 2];
  median(values);
  expect(values).toEqual([3, 1, 2]);
});

test("rounds to three significant digits", () => {
  expect([12_345.6, 0.123456, 1].map(rounded)).toEqual([12_300, 0.123, 1]);
});

test("a paired ratio compares within each round, whatever varies between rounds", () => {
  const before = [100, 200, 400, 800];
  const same = pairedRatio(before, before);
  expect([same.ratio, same.low, same.high]).toEqual([1, 1, 1]);
  const twice = pairedRatio(
    before.map((value) => 2 * value),
    before,
  );
  expect(twice.ratio).toBeCloseTo(2);
  expect(twice.low).toBeCloseTo(2);
  const mixed = pairedRatio([110, 90, 110, 90], [100, 100, 100, 100]);
  expect(mixed.low).toBeLessThan(1);
  expect(mixed.high).toBeGreaterThan(1);
});

test("the interval of a median ratio leaves out the extremes only where enough rounds remain", () => {
  const of = (count: number) => {
    const ratios = Array.from({ length: count }, (_, i) => i + 1);
    const { low, high } = medianRatio(ratios, new Array(count).fill(1));
    return [low, high];
  };
  expect([1, 2, 5, 7].map(of)).toEqual([1, 2, 5, 7].map((count) => [1, count]));
  // The probability that the median lies outside of the 2nd to the 7th of 8 values: 2 × (1 + 8) / 2⁸ = 7 %.
  expect(of(8)).toEqual([2, 7]);
  // 2 × (1 + 20 + 190 + 1140 + 4845 + 15504) / 2²⁰ = 4 %.
  expect(of(20)).toEqual([6, 15]);
});
