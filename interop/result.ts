/** What one cell of the matrix came to. The shape of `--json`, which scripts hold on to. */

/** Which side is ours. */
export type Role = "server" | "client";

export type Outcome = "pass" | "fail" | "unsupported" | "skipped";

export interface Result {
  readonly peer: string;
  readonly version: string;
  readonly case: string;
  readonly role: Role;
  readonly result: Outcome;
  /** What was seen, or why not. */
  readonly detail: string;
}

/** The peer is not to be had on this machine; the message says why. */
export class Skip extends Error {
  override readonly name = "Skip";
}

export const countOf = (results: readonly Result[], outcome: Outcome): number =>
  results.filter(({ result }) => result === outcome).length;
