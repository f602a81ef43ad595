import { expect, test } from "vitest";
import { tableLines } from "./text.ts";

test("a table aligns numbers right and texts left, below titles that end on the same line", () => {
  const columns = {
    who: { title: "runner", labels: { a: "Anna" } },
    time: { title: "time for the whole way", unit: "min", digits: 1, spread: true },
    falls: { title: "falls" },
  };
  const rows = [
    { part: "p", who: "a", time: 9, timeLowest: 8.5, timeHighest: 10, falls: null },
    { part: "p", who: "b", time: 100.25, timeLowest: 99, timeHighest: 101, falls: 2 },
  ];
  expect(tableLines(columns, rows)).toEqual([
    "              time for the",
    "                 whole way",
    "runner               (min)  falls",
    "──────  ──────────────────  ─────",
    "Anna        9.0 (8.5–10.0)      –",
    "b       100.3 (99.0–101.0)      2",
  ]);
});
