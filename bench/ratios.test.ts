import { expect, test } from "vitest";
import { ratiosOf } from "./ratios.ts";

const costs = [
  { name: "ours", cpu: 300 },
  { name: "theirs", cpu: 120 },
  { name: "idle", cpu: 0 },
];

test("ratios are named, and rounded to three digits", () => {
  expect(ratiosOf([{ name: "ours / theirs", of: "ours", to: "theirs" }], costs, ({ cpu }) => cpu)).toEqual({
    "ours / theirs": 2.5,
  });
  expect(ratiosOf([{ name: "r", of: "theirs", to: "ours" }], [...costs], ({ cpu }) => cpu + 1)).toEqual({ r: 0.402 });
});

test("a missing or zero row has no ratio", () => {
  const specs = [
    { name: "a", of: "ours", to: "nobody" },
    { name: "b", of: "nobody", to: "ours" },
    { name: "c", of: "ours", to: "idle" },
  ];
  expect(ratiosOf(specs, costs, ({ cpu }) => cpu)).toEqual({});
});
