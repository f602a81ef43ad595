/** The options of a server with workers. */

import { availableParallelism } from "node:os";
import { ServeError } from "../../host/listen/errors.ts";
import { cpuQuota } from "../../host/system/cpu-quota.ts";
import { duration } from "../../host/timer.ts";
import { MAX_WORKERS } from "../../host/workers/place.ts";

/** The number of processes; "auto" for one per core that this process may use. */
export type WorkersOption = number | "auto";

export const DEFAULT_DRAIN_TIMEOUT = 300_000;

/** Throws a `ServeError` for anything but a number of workers. */
export function workerCount(workers: WorkersOption): number {
  if (workers === "auto") return Math.min(MAX_WORKERS, availableProcessors());
  if (Number.isInteger(workers) && workers >= 1 && workers <= MAX_WORKERS) return workers;
  throw new ServeError("OPTION_INVALID", `workers ${workers} is not a number from 1 to ${MAX_WORKERS}, or "auto"`);
}

/** Those that this process may run on, and that its container's quota pays for. */
function availableProcessors(): number {
  const quota = cpuQuota() ?? Number.POSITIVE_INFINITY;
  // More processes than the quota pays for would stop together whenever it is used up.
  return Math.max(1, Math.min(availableParallelism(), Math.floor(quota)));
}

export const drainTimeoutOf = (milliseconds: number = DEFAULT_DRAIN_TIMEOUT): number =>
  duration("drainTimeout", milliseconds);
