import { describe, expect, test } from "vitest";
import { niceScale, scaleOf } from "./scale.ts";

describe("ticks", () => {
  test.each([
    [
      [3, 9.5],
      [0, 2, 4, 6, 8, 10],
    ],
    [
      [0, 0],
      [0, 0.2, 0.4, 0.6, 0.8, 1],
    ],
    [
      [1_102, 127],
      [0, 500, 1_000, 1_500],
    ],
    [[0.3], [0, 0.1, 0.2, 0.3]],
  ])("a linear axis for %j starts at zero", (values, ticks) => {
    expect(niceScale("linear", values).ticks).toEqual(ticks);
  });

  test.each([
    [
      [0.14, 9.5],
      [0.1, 0.2, 0.5, 1, 2, 5, 10],
    ],
    [
      [39, 1_225],
      [20, 50, 100, 200, 500, 1_000, 2_000],
    ],
    [
      [1, 1_000],
      [1, 10, 100, 1_000],
    ],
    [
      [0, 5],
      [5, 10],
    ],
    [[], [1, 2, 5, 10]],
  ])("a logarithmic axis for %j", (values, ticks) => {
    expect(niceScale("log", values).ticks).toEqual(ticks);
  });
});

describe("positions", () => {
  test.each([
    ["linear", 0, 10, 5, 0.5],
    ["log", 1, 100, 10, 0.5],
    ["sqrt", 0, 4, 1, 0.5],
  ] as const)("on a %s axis from %d to %d, %d is at %d", (name, low, high, value, position) => {
    const scale = scaleOf(name, low, high);
    expect(scale.position(value)).toBeCloseTo(position);
    expect(scale.valueAt(position)).toBeCloseTo(value);
    expect([scale.position(low), scale.position(high)]).toEqual([0, 1]);
  });

  test("zero has no position on a logarithmic axis", () => {
    expect(scaleOf("log", 1, 10).position(0)).toBeUndefined();
  });

  test("the only value of an axis is in the middle", () => {
    expect(scaleOf("linear", 5, 5).position(5)).toBe(0.5);
  });
});
