/** What the runs of one test with undici's agent and with ours say about ours. */
import { causeOf } from "./causes.ts";
import type { TestLine } from "./reporter.ts";
import type { Over } from "./run-file.ts";

export const VERDICTS = {
  pass: "pass with both agents",
  "ours passes": "pass with ours, fail with undici's",
  both: "fail with both",
  known: "fail with ours only, for a recorded cause",
  new: "fail with ours only, without a recorded cause",
} as const;

export type Verdict = keyof typeof VERDICTS;

/** `file` and the test's name identify a test; undefined if the test was skipped. */
export function verdictOf(file: string, over: Over, undici: TestLine, ours: TestLine | undefined): Verdict | undefined {
  if (undici.outcome === "skip" || ours?.outcome === "skip") return undefined;
  if (ours?.outcome === "pass") return undici.outcome === "pass" ? "pass" : "ours passes";
  if (undici.outcome === "fail") return "both";
  return causeOf(file, undici.name, over) === undefined ? "new" : "known";
}
