/** The lists of files, and what the results say. */
import { describe, expect, test } from "vitest";
import { CAUSES } from "./causes.ts";
import { FILES, SKIPPED } from "./files.ts";
import type { FileRun } from "./run-file.ts";
import { type Verdict, verdictOf } from "./verdict.ts";

test("each file is either run or skipped, once, and has at most one cause", () => {
  const all = [...FILES, ...Object.values(SKIPPED).flat()];
  expect(new Set(all).size).toBe(all.length);
  expect(FILES.length).toBeGreaterThanOrEqual(150);
  const failing = Object.values(CAUSES).flat();
  expect(new Set(failing).size).toBe(failing.length);
  expect(failing.filter((name) => !FILES.includes(name))).toEqual([]);
});

describe("verdict", () => {
  const run = (outcome: FileRun["outcome"]): FileRun => ({ outcome, detail: "" });
  const recorded = Object.values(CAUSES).flat()[0]!;
  const CASES: [Verdict, string, FileRun["outcome"], FileRun["outcome"], FileRun["outcome"]?][] = [
    ["pass", "http-date-header", "pass", "pass"],
    ["ours only", "http-date-header", "pass", "fail"],
    ["stale", recorded, "pass", "pass"],
    ["known", recorded, "fail", "pass"],
    ["new", "http-date-header", "fail", "pass"],
    ["redirection", "http-date-header", "fail", "fail", "pass"],
    ["broken", "http-date-header", "fail", "fail", "fail"],
    ["skip", "http-date-header", "skip", "skip"],
    ["absent", "http-date-header", "absent", "absent"],
  ];
  test.each(CASES)("%s", (verdict, name, ours, node, untouched) => {
    const third = untouched === undefined ? undefined : run(untouched);
    expect(verdictOf(name, run(ours), run(node), third)).toBe(verdict);
  });
});
