// Runs an experiment one simulation at a time, so that progress is shown and Ctrl-C works in between.
import { setImmediate } from "node:timers/promises";
import { cryptoEngine } from "../../host/engine/engine.ts";
import { type Experiment, type Result, runExperiment } from "../../lab/index.ts";
import type { Io } from "../io.ts";
import type { ReportFlags } from "./flags.ts";

export interface Turns {
  readonly io: Io;
  readonly signal: AbortSignal;
}

export async function runInTurns(
  experiment: Experiment,
  { seed, quick }: ReportFlags,
  { io, signal }: Turns,
): Promise<Result> {
  const showProgress = (text: string): void => {
    if (io.stderr.isTTY === true) io.stderr.write(`\r\x1b[K${text}`);
  };
  const run = runExperiment(experiment, {
    engine: await cryptoEngine(),
    ...(seed !== undefined && { seed }),
    ...(quick && { quick }),
  });
  try {
    for (;;) {
      const { done, value } = run.next();
      if (done) return value;
      showProgress(`${experiment.name}: ${value.part}, ${value.done} of ${value.total} simulations`);
      await setImmediate();
      signal.throwIfAborted();
    }
  } finally {
    showProgress("");
  }
}
