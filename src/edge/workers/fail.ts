/** The end of a worker that cannot serve. */

import { failureOf, isWorkerProcess, reportFailure } from "../../host/workers/worker-process.ts";
import { isConfigurationError } from "../configuration-error.ts";

/** In a worker, tells the supervisor why, and ends the process. Anywhere else, rejects with the error. */
export async function failInWorker(error: unknown): Promise<never> {
  if (!isWorkerProcess()) throw error;
  const reason = error instanceof Error ? error : new Error(String(error));
  const isConfiguration = isConfigurationError(reason);
  await reportFailure(failureOf(reason, isConfiguration));
  return process.exit(isConfiguration ? 2 : 1);
}
