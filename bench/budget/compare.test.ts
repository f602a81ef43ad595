import { describe, expect, test } from "vitest";
import { compare, lineOf } from "./compare.ts";

const budget = { download: { calls: 1_000, bytes: 2_000 } };

describe("a budget", () => {
  test.each([
    ["the same costs are within it", { calls: 1_000, bytes: 2_000 }, ["within", "within"]],
    ["small differences are tolerated", { calls: 1_009, bytes: 2_090 }, ["within", "within"]],
    ["more calls are over it", { calls: 1_011, bytes: 2_000 }, ["over", "within"]],
    ["more bytes are over it", { calls: 1_000, bytes: 2_101 }, ["within", "over"]],
    ["large savings are reported, so that the budget is lowered", { calls: 980, bytes: 1_500 }, ["under", "under"]],
  ])("%s", (_name, download, outcomes) => {
    expect(compare(budget, { download }).map(({ outcome }) => outcome)).toEqual(outcomes);
  });

  test("a workload without a budget, or without a result, is over it", () => {
    expect(compare(budget, {}).map(({ outcome }) => outcome)).toEqual(["over", "over"]);
    expect(compare({}, budget).map(({ outcome }) => outcome)).toEqual(["over", "over"]);
  });

  test("a line says by how much", () => {
    const [calls] = compare(budget, { download: { calls: 1_100, bytes: 2_000 } });
    expect(lineOf(calls!)).toBe("✗ download: 1100 calls per packet, budget 1000 (+10.0 %)");
  });
});
