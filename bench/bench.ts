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
  /** The size of a transfer in MB, or the number of requests or connections in a round. */
  readonly size: number | undefined;
  /** Over a pair of virtual Ethernet interfaces without segmentation offload, instead of loopback. */
  readonly veth: boolean;
  readonly log: (line: string) => void;
}

export type Bench = (options: BenchOptions) => Promise<Report>;
