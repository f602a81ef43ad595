// Runs the memcached proxy until it is stopped.

import { isConfigurationError } from "../../edge/configuration-error.ts";
import { MemcacheService, type MemcacheServiceOptions } from "../../edge/memcache/service.ts";
import { detach, type Fault, guard, reportFault } from "../../host/guard.ts";
import type { BoundAddress } from "../../host/http/listener.ts";
import { hostAndPort } from "../../wire/ip-address.ts";
import { CliError, EXIT, usageError } from "../fail.ts";
import type { Io } from "../io.ts";
import { parseDuration, parseWorkers } from "../serve/flags.ts";
import type { MemcacheFlags } from "./flags.ts";
import { readOptions } from "./options.ts";

/** One process that serves, or one that supervises those that do. */
interface Running {
  readonly addresses: readonly string[];
  readonly metricsAddress: BoundAddress | undefined;
  /** Resolves when everything is closed; rejects if workers cannot run. */
  readonly finished: Promise<void>;
  reload(): unknown;
  close(grace: number): Promise<void>;
}

export async function runMemcache(flags: MemcacheFlags, io: Io): Promise<void> {
  const emit = (event: Record<string, unknown>): void => void io.stdout.write(`${JSON.stringify(event)}\n`);
  const log = (line: string): void => {
    if (flags.json) emit({ event: "log", line });
    else io.stderr.write(`${line}\n`);
  };
  const workers = flags.workers === undefined ? undefined : parseWorkers(flags.workers);
  const isWorker = workers !== undefined && (await import("../../host/workers/worker-process.ts")).isWorkerProcess();
  const options = await readOptions(flags, log, emit).catch((error: unknown) => {
    throw asUsageError(error);
  });
  const grace = parseDuration(flags.grace, "--grace");
  const starting = start(options, workers, isWorker);
  const onFault = (fault: Fault): void => reportFault(fault);
  // Heard from the beginning: a worker may get the signal while it starts, and would end.
  const reload = (): Promise<unknown> =>
    starting.then(
      (each) => each.reload(),
      () => undefined,
    );
  const stopReloads = io.onReload?.(guard("cli reload", onFault, () => detach("cli reloaded", onFault, reload())));
  const running = await starting.catch((error: unknown) => {
    stopReloads?.();
    throw asUsageError(error);
  });
  // The supervisor prints, hears of signals, and ends this process.
  if (isWorker) return;
  const stopped = untilStopped(running, grace, io);
  report(running, flags, io, log, emit);
  try {
    await Promise.race([stopped, running.finished]);
    if (flags.json) emit({ event: "closed" });
  } finally {
    stopReloads?.();
    io.exitSoon?.();
  }
}

async function start(
  options: MemcacheServiceOptions,
  workers: ReturnType<typeof parseWorkers> | undefined,
  isWorker: boolean,
): Promise<Running> {
  if (workers === undefined) return MemcacheService.start(options);
  const { startMemcacheWorker, MemcacheSupervisor } = await import("../../edge/memcache/workers.ts");
  if (isWorker) return startMemcacheWorker(options);
  const { listen, log, metrics } = options;
  if (listen.length > 1) throw usageError("--workers with several addresses", "give one -l");
  return MemcacheSupervisor.start({ workers, listen: listen[0]!, metrics, log });
}

function report(
  { addresses, metricsAddress }: Running,
  { json }: MemcacheFlags,
  io: Io,
  log: (line: string) => void,
  emit: (event: Record<string, unknown>) => void,
): void {
  const metrics =
    metricsAddress === undefined
      ? undefined
      : `http://${hostAndPort(metricsAddress.address, metricsAddress.port)}/metrics`;
  if (json) {
    emit({ event: "listening", addresses, ...(metrics === undefined ? {} : { metrics }) });
    return;
  }
  if (metrics !== undefined) log(`nagare: metrics on ${metrics}`);
  for (const address of addresses) io.stdout.write(`${address}\n`);
}

function asUsageError(error: unknown): unknown {
  if (!(error instanceof Error) || !isConfigurationError(error)) return error;
  const { code = "CONFIG_INVALID" } = error as { code?: string };
  return new CliError(code, error.message, { exitCode: EXIT.usage, cause: error });
}

/** The first signal stops listening and lets active requests finish; a second one quits. */
function untilStopped(running: Running, grace: number, io: Io): Promise<void> {
  return new Promise((resolve, reject) => {
    let isStopping = false;
    const stop = io.onInterrupt(
      guard(
        "cli signal",
        (fault) => reportFault(fault),
        (name: keyof typeof EXIT) => {
          if (isStopping) process.exit(EXIT[name]);
          isStopping = true;
          running.close(grace).then(resolve, reject).finally(stop);
        },
      ),
    );
  });
}
