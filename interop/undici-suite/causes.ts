/** Tests that pass with undici's agent and not with ours, and why. */
import type { Over } from "./run-file.ts";

interface Cause {
  readonly file: string;
  /** A part of the test's name; all tests of the file if absent. */
  readonly test?: string;
  readonly over: readonly Over[];
  readonly cause: string;
}

const CAUSES: readonly Cause[] = [];

export function causeOf(file: string, test: string, over: Over): string | undefined {
  return CAUSES.find((each) => each.file === file && each.over.includes(over) && test.includes(each.test ?? ""))?.cause;
}
