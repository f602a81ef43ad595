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

interface MochaTest {
  readonly fullTitle: string;
  readonly file?: string | null;
  readonly err: { readonly message?: string };
}

/** Reads the output of mocha's `json` reporter. */
export function parseMocha(output: string, directory: string): Results {
  const { passes, failures, pending } = JSON.parse(output) as Record<"passes" | "failures" | "pending", MochaTest[]>;
  const testsOf = (tests: readonly MochaTest[], outcome: Test["outcome"]): Test[] =>
    tests.map(({ fullTitle, file, err }) => {
      const name = nameOf(file ? relative(directory, file) : "", [fullTitle]);
      return { outcome, test: name, error: err.message ?? "" };
    });
  return resultsOf([...testsOf(passes, "pass"), ...testsOf(failures, "fail"), ...testsOf(pending, "skip")]);
}

export function parseNodeTest(output: string, directory: string): Results {
  const tests = output
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Test => {
      const { outcome, file, titles, error = "" } = JSON.parse(line) as ReportedTest;
      return { outcome, test: nameOf(relative(directory, file), titles), error };
    });
  return resultsOf(tests);
}

const nameOf = (file: string, titles: readonly string[]): string =>
  [file, ...titles].join(" › ").replace(/\s+/g, " ").trim();

function resultsOf(tests: readonly Test[]): Results {
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
    skipped: numbered.filter(({ outcome }) => outcome === "skip").length,
  };
}
