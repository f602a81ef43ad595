// One row of the tour: a system against one peer.
import type { Io } from "../io.ts";

export type Outcome = "ok" | "failed" | "no peer here" | "not built";

export interface RowContext {
  /** An empty folder for this row, deleted when it ends. */
  readonly directory: string;
  readonly env: Io["env"];
  /** Aborted when the row's time is up, or when the user interrupts. */
  readonly signal: AbortSignal;
}

export interface Row {
  /** The system's name in systems.ts. */
  readonly system: string;
  /** A short name, used after a slash in --only. */
  readonly peer: string;
  readonly against: string;
  /** A command that does the same by hand. */
  readonly command: string;
  /** Runs the row and returns what it observed. Throws NoPeer or another error. */
  run(context: RowContext): Promise<string>;
}

/** Thrown by a row whose peer this machine does not have. */
export class NoPeer extends Error {
  constructor(message: string) {
    super(message);
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
  /** What the row observed, or what went wrong. */
  readonly detail: string;
}
