import type { Report } from "./report.ts";

export interface BenchOptions {
  /** How often each is measured; each benchmark has its own number by default. */
  readonly rounds: number | undefined;
  /** Another checkout, built: only the two are measured, in turn, and compared round by round. */
  readonly against: string | undefined;
  readonly log: (line: string) => void;
}

export type Bench = (options: BenchOptions) => Promise<Report>;
