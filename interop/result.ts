/** The result of one cell of the matrix, in the format of `--json`, which scripts rely on. */

/** Our role. */
export type Role = "server" | "client";

export type Outcome = "pass" | "fail" | "unsupported" | "skipped";

export interface Result {
  readonly peer: string;
  readonly version: string;
  /** A third party that took our side. */
  readonly side?: string;
  readonly case: string;
  readonly role: Role;
  readonly result: Outcome;
  /** The observation, or the reason for the failure. */
  readonly detail: string;
  /** Why the failure is the peer's, with what a third party met. */
  readonly cause?: string;
}

/** The peer is not available on this machine; the message says why. */
export class Skip extends Error {
  override readonly name = "Skip";
}

/** What was seen in the run shows that the peer does not support the case; the message is the evidence. */
export class Unsupported extends Error {
  override readonly name = "Unsupported";
}

export const countOf = (results: readonly Result[], outcome: Outcome): number =>
  results.filter(({ result }) => result === outcome).length;

/** Failures that the peer has with others too. */
export const peerFaults = (results: readonly Result[]): readonly Result[] =>
  results.filter(({ cause }) => cause !== undefined);

/** Client → server; we are "us", unless a third party takes our side. */
export const columnOf = ({ peer, side = "us", role }: Result): string =>
  role === "server" ? `${peer} → ${side}` : `${side} → ${peer}`;

/** † is a failure that the peer has with others too. */
export function markOf({ result, cause }: Result): string {
  if (result === "fail") return cause === undefined ? "✗" : "†";
  return { pass: "✓", unsupported: "–", skipped: "skip" }[result];
}

export function summary(results: readonly Result[]): string {
  const tried = countOf(results, "pass") + countOf(results, "fail");
  return [
    `${countOf(results, "pass")} of ${tried} cells pass`,
    ...(peerFaults(results).length === 0 ? [] : [`${peerFaults(results).length} fail because of the peer (†)`]),
    `${countOf(results, "unsupported")} unsupported by the peer (–)`,
    `${countOf(results, "skipped")} skipped`,
  ].join(", ");
}
