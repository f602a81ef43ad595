/**
 * The memcached proxy in several processes: a supervisor opens the port and keeps it, and workers accept its clients. Each
 * worker reads the configuration itself, and has its own connections to backends.
 */

import { describeFault, type Fault } from "../../host/guard.ts";
import type { BoundAddress } from "../../host/http/listener.ts";
import { ServeError } from "../../host/listen/errors.ts";
import type { MemcacheListen } from "../../host/memcache/index.ts";
import { formatExposition, type Merges, mergeExpositions, parseExposition } from "../../host/metrics/exposition.ts";
import { ProcessMetrics } from "../../host/metrics/process-metrics.ts";
import { Registry } from "../../host/metrics/registry.ts";
import type { StatusListener } from "../../host/metrics/status-listener.ts";
import { portableUdp } from "../../host/udp/portable-engine.ts";
import { ownProgram, Supervisor, type WorkerProgram } from "../../host/workers/supervisor.ts";
import { joinSupervisor } from "../../host/workers/worker-process.ts";
import { hostAndPort } from "../../wire/ip-address.ts";
import { failInWorker } from "../workers/fail.ts";
import { type WorkersOption, workerCount } from "../workers/options.ts";
import { MemcacheService, type MemcacheServiceOptions } from "./service.ts";
import { openStatusPages, type StatusPlace } from "./status-pages.ts";

export interface MemcacheSupervisorOptions {
  readonly workers: WorkersOption;
  /** The only place: workers share its socket. */
  readonly listen: MemcacheListen;
  readonly metrics?: StatusPlace | undefined;
  readonly log: (line: string) => void;
  /** This program by default. */
  readonly program?: WorkerProgram;
}

/** Metrics of workers that are not added up. */
const MERGES: Merges = {
  nagare_memcache_backend_up: "min",
  nagare_memcache_reloads_total: "max",
  nagare_memcache_failed_reloads_total: "max",
  nagare_process_start_time_seconds: "min",
};

export class MemcacheSupervisor {
  readonly #supervisor: Supervisor;
  readonly #registry = new Registry();
  readonly #process = new ProcessMetrics(this.#registry);
  #statusListener: StatusListener | undefined;

  private constructor(supervisor: Supervisor) {
    this.#supervisor = supervisor;
  }

  /** Rejects with a `WorkerError` if workers cannot start, and with a `ServeError` if the port cannot be used. */
  static async start(options: MemcacheSupervisorOptions): Promise<MemcacheSupervisor> {
    const { workers, listen, metrics, log, program = ownProgram() } = options;
    if (listen.path !== undefined) {
      throw new ServeError("OPTION_INVALID", "workers listen on an address and a port, not on a Unix socket");
    }
    const { host = "127.0.0.1", port = 11_211 } = listen;
    const supervisor = await Supervisor.start({
      port,
      host,
      workers: workerCount(workers),
      drainTimeout: 0,
      transports: ["tcp"],
      preferred: [],
      udp: portableUdp,
      program,
      log,
    });
    const started = new MemcacheSupervisor(supervisor);
    if (metrics === undefined) return started;
    try {
      await started.#openPages(metrics, log);
      return started;
    } catch (error) {
      await started.close(0);
      throw error;
    }
  }

  async #openPages(place: StatusPlace, log: (line: string) => void): Promise<void> {
    const onFault = (fault: Fault): void => log(describeFault(fault));
    const facts = { text: () => this.#text(), isReady: () => this.#supervisor.pids.length > 0 };
    this.#statusListener = await openStatusPages(place, facts, onFault);
  }

  get addresses(): readonly string[] {
    return this.#supervisor.addresses.map(({ address, port }) => hostAndPort(address, port));
  }

  get metricsAddress(): BoundAddress | undefined {
    return this.#statusListener?.address;
  }

  /** The process ids of the workers. */
  get pids(): readonly number[] {
    return this.#supervisor.pids;
  }

  /** Resolves when no worker runs any more; rejects if they cannot run. */
  get finished(): Promise<void> {
    return this.#supervisor.finished;
  }

  /** Makes every worker read its configuration again. Clients stay. */
  reload(): void {
    for (const pid of this.pids) process.kill(pid, "SIGHUP");
  }

  /** Lets active requests finish for `grace` milliseconds. */
  async close(grace: number): Promise<void> {
    await this.#supervisor.stop(grace);
    this.#process.close();
    await this.#statusListener?.close();
  }

  async #text(): Promise<string> {
    this.#process.update();
    const workers = await this.#supervisor.metrics();
    return formatExposition(mergeExpositions([this.#registry.text(), ...workers].map(parseExposition), MERGES));
  }
}

/** Serves as a worker. Resolves when the service listens; it ends the process if it cannot. */
export async function startMemcacheWorker({
  listen,
  metrics: _,
  ...options
}: MemcacheServiceOptions): Promise<MemcacheService> {
  const { log } = options;
  const worker = await joinSupervisor({ log });
  const start = async (): Promise<MemcacheService> => {
    const service = await MemcacheService.start({ ...options, listen: [] });
    worker.metrics = async () => service.metrics.text();
    await worker.whenWanted();
    for (const { descriptor } of worker.setup.sockets) await service.listen({ ...listen[0], descriptor });
    worker.attach({
      close: ({ timeout = 0 }) => service.close(timeout),
      reload: () => Promise.reject(new Error("certificates are read when the process starts")),
      finished: service.finished,
    });
    return service;
  };
  return start().catch(failInWorker);
}
