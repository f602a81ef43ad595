import { expect, test } from "vitest";
import { median, rounded } from "./statistics.ts";

test("the median is the middle value, or between the two in the middle", () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([7])).toBe(7);
  expect(() => median([])).toThrow();
});

test("the median leaves its values as they were", () => {
  const values = [3, 1, 2];
  median(values);
  expect(values).toEqual([3, 1, 2]);
});

test("three digits remain", () => {
  expect([12_345.6, 0.123456, 1].map(rounded)).toEqual([12_300, 0.123, 1]);
});
