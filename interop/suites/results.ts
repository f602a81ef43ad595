/** The results of one run, from the output of the suite's own runner. */
import { relative } from "node:path";

export interface Failure {
  /** The file and the titles, separated by " › ". */
  readonly test: string;
  readonly error: string;
}

export interface Results {
  readonly passed: readonly string[];
  readonly failed: readonly Failure[];
  readonly skipped: number;
}

/** A line of `node-test-reporter.ts`. */
export interface ReportedTest {
  readonly outcome: "pass" | "fail" | "skip";
  readonly file: string;
  readonly titles: readonly string[];
  readonly error?: string;
}

type Test = Omit<Failure, "error"> & { readonly outcome: ReportedTest["outcome"]; readonly error: string };

/** Reads the output of mocha's `json-stream` reporter. What tests print is between its lines. */
export function parseMocha(output: string, directory: string): Results {
  const tests: Test[] = [];
  let pending = 0;
  for (const match of output.matchAll(/\["(pass|fail|end)",(\{.*\})\]$/gm)) {
    const [, outcome, json] = match;
    const given = JSON.parse(json!) as { fullTitle: string; file: string | null; err?: string; pending?: number };
    if (outcome === "end") pending = given.pending ?? 0;
    else {
      const file = given.file === null ? "" : relative(directory, given.file);
      tests.push({
        outcome: outcome as "pass" | "fail",
        test: nameOf(file, [given.fullTitle]),
        error: given.err ?? "",
      });
    }
  }
  return resultsOf(tests, pending);
}

export function parseNodeTest(output: string, directory: string): Results {
  const tests = output
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Test => {
      const { outcome, file, titles, error = "" } = JSON.parse(line) as ReportedTest;
      return { outcome, test: nameOf(relative(directory, file), titles), error };
    });
  return resultsOf(tests, 0);
}

const nameOf = (file: string, titles: readonly string[]): string =>
  [file, ...titles].join(" › ").replace(/\s+/g, " ").trim();

function resultsOf(tests: readonly Test[], pending: number): Results {
  const seen = new Map<string, number>();
  // Tests with the same name are told apart by a number.
  const numbered = tests.map((each): Test => {
    const count = (seen.get(each.test) ?? 0) + 1;
    seen.set(each.test, count);
    return count === 1 ? each : { ...each, test: `${each.test} (${count})` };
  });
  return {
    passed: numbered.filter(({ outcome }) => outcome === "pass").map(({ test }) => test),
    failed: numbered.filter(({ outcome }) => outcome === "fail").map(({ test, error }) => ({ test, error })),
    skipped: pending + numbered.filter(({ outcome }) => outcome === "skip").length,
  };
}
