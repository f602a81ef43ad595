/** What the runs of one file with both servers say about ours. */
import { causeOf } from "./causes.ts";
import type { FileRun } from "./run-file.ts";

export const VERDICTS = {
  pass: "pass with both servers",
  "ours only": "pass with ours, fail with node:https",
  redirection: "fail with both: TLS in place of TCP",
  broken: "fail with this Node as it is",
  known: "fail with ours only, for a recorded cause",
  new: "fail with ours only, without a recorded cause",
  stale: "pass with both, but recorded as a failure",
  skip: "skipped by the file itself",
  absent: "not in this source",
} as const;

export type Verdict = keyof typeof VERDICTS;

/** `untouched` is only needed if both others failed. */
export function verdictOf(name: string, ours: FileRun, node: FileRun, untouched?: FileRun): Verdict {
  if (ours.outcome === "absent") return "absent";
  if (ours.outcome === "skip") return "skip";
  const isRecorded = causeOf(name) !== undefined;
  if (ours.outcome === "pass") {
    if (isRecorded) return "stale";
    return node.outcome === "pass" ? "pass" : "ours only";
  }
  if (node.outcome !== "pass") return untouched?.outcome === "pass" ? "redirection" : "broken";
  return isRecorded ? "known" : "new";
}
