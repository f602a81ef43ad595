/** One test suite of another project: where it comes from, which of its files run, and the known causes of failures. */

export type Version = "h1" | "h3";

export interface Suite {
  readonly name: string;
  /** On GitHub: `owner/name`. */
  readonly repository: string;
  readonly tag: string;
  readonly runner: "mocha" | "node:test";
  /** Arguments of the runner, before the files. */
  readonly args: readonly string[];
  /** A program of the suite that its own `npm test` runs first. */
  readonly prepare?: readonly string[];
  /** The test files, relative to the checkout. */
  readonly files: readonly string[];
  /** Test files that do not run, and why. */
  readonly skips: readonly Skip[];
  /** Failures with our server that Node's servers do not have. */
  readonly causes: readonly Cause[];
}

export interface Skip {
  readonly files: readonly string[];
  readonly reason: string;
}

export interface Cause {
  readonly cause: string;
  /** Both by default. */
  readonly versions?: readonly Version[];
  /** As the report prints them: file, then titles. */
  readonly tests: readonly string[];
}
