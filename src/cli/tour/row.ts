// One row of the tour: a system against one peer.
import type { Io } from "../io.ts";

export type Outcome = "ok" | "failed" | "no peer here" | "not built";

export interface RowContext {
  /** An empty folder of the row's own, gone when it ends. */
  readonly directory: string;
  readonly env: Io["env"];
  /** Aborted when the row's time is over, or the person has had enough. */
  readonly signal: AbortSignal;
}

export interface Row {
  /** The system's name in systems.ts. */
  readonly system: string;
  /** Short, after a slash in --only; undefined for the system's first row. */
  readonly peer: string;
  readonly against: string;
  /** What shows the same by hand. */
  readonly command: string;
  /** Runs it for real: what was seen, or a NoPeer or another error thrown. */
  run(context: RowContext): Promise<string>;
}

/** Thrown by a row whose peer this machine does not have. */
export class NoPeer extends Error {
  constructor(what: string) {
    super(what);
    this.name = "NoPeer";
  }
}

export interface RowReport {
  readonly system: string;
  readonly title: string;
  readonly peer: string | null;
  readonly against: string;
  readonly outcome: Outcome;
  readonly milliseconds: number | null;
  readonly command: string | null;
  /** What was seen, or what went wrong. */
  readonly detail: string;
}
