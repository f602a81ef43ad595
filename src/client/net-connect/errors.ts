/** Why no address of a host could be connected to. */

import type { AttemptReport } from "../../agent/index.ts";
import { since, toMillis } from "../../base/time.ts";

/** An attempt that failed. Times are in milliseconds since the first attempt began. */
export interface FailedAttempt {
  readonly address: string;
  readonly port: number;
  readonly started: number;
  readonly ended: number;
  readonly error: unknown;
}

/** No attempt succeeded. The message lists each of them, and `code` is Node's code of the first that failed. */
export class ConnectError extends Error {
  override readonly name = "ConnectError";
  /** Such as `ECONNREFUSED`, `ENOTFOUND`, `ETIMEDOUT` or `ERR_TLS_CERT_ALTNAME_INVALID`. */
  readonly code: string;
  readonly attempts: readonly FailedAttempt[];

  constructor(code: string, message: string, attempts: readonly FailedAttempt[] = [], options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.attempts = attempts;
  }
}

/** `error` is the one to report; `why` says why there was no attempt at all. */
export function connectError(
  host: string,
  port: number,
  reports: readonly AttemptReport[],
  error: unknown,
  why: string,
): ConnectError {
  const where = `${host} port ${port}`;
  if (reports.length === 0) {
    const details = error instanceof Error ? `: ${error.message}` : "";
    return new ConnectError("ENOTFOUND", `cannot connect to ${where}: ${why}${details}`, [], { cause: error });
  }
  const origin = reports[0]!.started;
  const attempts = reports.map(({ endpoint, started, ended, error: cause }): FailedAttempt => {
    const { address, port: at } = endpoint;
    return {
      address,
      port: at,
      started: toMillis(since(origin, started)),
      ended: toMillis(since(origin, ended)),
      error: cause,
    };
  });
  const list = attempts.map(
    ({ address, started, ended, error: cause }) =>
      `${address} after ${Math.round(ended - started)} ms: ${cause instanceof Error ? cause.message : String(cause)}`,
  );
  const { code = "ECONNREFUSED" } = error as { code?: string };
  return new ConnectError(code, `cannot connect to ${where}: ${list.join("; ")}`, attempts, { cause: error });
}
