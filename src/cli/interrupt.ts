// Ctrl-C: the first asks a command to stop, a second ends the process immediately.
import { EXIT, silentExit } from "./fail.ts";
import type { Io } from "./io.ts";

/** Runs `work` with an AbortSignal that SIGINT and SIGTERM abort; the command then exits with 130 or 143. */
export async function interruptible<T>(io: Io, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = io.onInterrupt((name) => {
    if (controller.signal.aborted) process.exit(EXIT[name]);
    controller.abort(silentExit(EXIT[name]));
  });
  try {
    return await work(controller.signal);
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    stop();
  }
}

/** Resolves at the first SIGINT or SIGTERM, for commands that run until then. */
export function untilStopped(io: Io): { readonly promise: Promise<undefined>; clear(): void } {
  let clear = (): void => {};
  const promise = new Promise<undefined>((resolve) => {
    let isStopping = false;
    clear = io.onInterrupt((name) => {
      if (isStopping) process.exit(EXIT[name]);
      isStopping = true;
      resolve(undefined);
    });
  });
  return { promise, clear: () => clear() };
}
