import type { Report } from "./report.ts";

export interface BenchOptions {
  /** The number of measurements; each benchmark has its own default. */
  readonly rounds: number | undefined;
  /** Another, built checkout: measures only the two, alternately, and compares them round by round. */
  readonly against: string | undefined;
  /** Measures only attacks, rows or ratios whose name contains this. */
  readonly only: string | undefined;
  /** `soak`: the duration, and the number of honest clients. */
  readonly minutes: number | undefined;
  readonly clients: number | undefined;
  /** `h3-bulk`: the size of a transfer in MB. */
  readonly size: number | undefined;
  readonly log: (line: string) => void;
}

export type Bench = (options: BenchOptions) => Promise<Report>;
