import type { Report } from "./report.ts";

export interface BenchOptions {
  /** How often each is measured; each benchmark has its own number by default. */
  readonly rounds: number | undefined;
  readonly log: (line: string) => void;
}

export type Bench = (options: BenchOptions) => Promise<Report>;
