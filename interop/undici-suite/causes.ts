/** Tests that pass with undici's agent and not with ours, and why. */
import type { Over } from "./run-file.ts";

interface Cause {
  readonly file: string;
  /** A part of the test's name; all tests of the file if absent. */
  readonly test?: string;
  readonly over: readonly Over[];
  readonly cause: string;
}

const SECURE = ["http/1.1", "h2", "h3"] as const;

const CAUSES: readonly Cause[] = [
  {
    file: "abort2",
    over: ["h3"],
    cause: "ten responses arrive in one datagram, before the first can abort the others; the test expects ten turns",
  },
  {
    file: "fetch-timeouts",
    over: SECURE,
    cause: "the test's clock says 1970, when no certificate was valid",
  },
  {
    file: "issue-4058",
    over: ["h2", "h3"],
    cause: "128 MB take more than the test's 30 s if the machine is busy; passes alone",
  },
  {
    file: "issue-2898",
    over: ["h2"],
    cause: "fetch repeats a 421 without its body if the head comes before the content, also with undici's agent",
  },
];

export function causeOf(file: string, test: string, over: Over): string | undefined {
  return CAUSES.find((each) => each.file === file && each.over.includes(over) && test.includes(each.test ?? ""))?.cause;
}
