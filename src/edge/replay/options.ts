/** Options of a server that hands requests back when it shuts down. */

import { ServeError } from "../../host/listen/errors.ts";
import { REPLAY_STATUS } from "../../http/index.ts";

/** Hands requests back, whose content has not arrived completely, when the server closes. Experimental. */
export interface HandBackOptions {
  /** Addresses and prefixes of proxies that replay what they get back. Nobody else gets a handback. */
  readonly trusted: readonly string[];
  /** The status of the response; 379 by default. */
  readonly status?: number | undefined;
  /** Bytes of each request's content that are kept in memory; 256 KiB by default. The rest is kept on disk. */
  readonly memory?: number | undefined;
  /** The folder for what is kept on disk; the system's for temporary files by default. */
  readonly directory?: string | undefined;
}

/** Statuses of which no client knows what they mean. */
export function checkReplayStatus(name: string, status: number = REPLAY_STATUS): number {
  if (Number.isInteger(status) && status >= 300 && status <= 599) return status;
  throw new ServeError("OPTION_INVALID", `${name} ${status} is not a status: give a number from 300 to 599`);
}
