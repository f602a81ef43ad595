/** The result of one cell of the matrix, in the format of `--json`, which scripts rely on. */

/** Our role. */
export type Role = "server" | "client";

export type Outcome = "pass" | "fail" | "unsupported" | "skipped";

export interface Result {
  readonly peer: string;
  /** A third party that took our side. */
  readonly side?: string;
  readonly version: string;
  readonly case: string;
  readonly role: Role;
  readonly result: Outcome;
  /** The observation, or the reason for the failure. */
  readonly detail: string;
}

/** The peer is not available on this machine; the message says why. */
export class Skip extends Error {
  override readonly name = "Skip";
}

export const countOf = (results: readonly Result[], outcome: Outcome): number =>
  results.filter(({ result }) => result === outcome).length;
