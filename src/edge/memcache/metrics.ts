/** The proxy's counters for Prometheus, in the order of `stats` and `stats proxy`. */

import { ProcessMetrics } from "../../host/metrics/process-metrics.ts";
import { Registry } from "../../host/metrics/registry.ts";
import type { BackendEvent, MemcacheProxy } from "../../memcache/proxy/proxy.ts";

interface Failures {
  readonly backend: string;
  readonly reason: string;
  count: number;
}

export class MemcacheMetrics {
  readonly #proxy: MemcacheProxy;
  readonly #processRegistry = new Registry();
  /** Made when somebody asks: it watches the event loop. */
  #process: ProcessMetrics | undefined;
  readonly #failures = new Map<string, Failures>();

  constructor(proxy: MemcacheProxy) {
    this.#proxy = proxy;
  }

  note({ error: reason, backend: { label: backend } }: BackendEvent): void {
    if (reason === "recovered") return;
    const key = `${reason} ${backend}`;
    const known = this.#failures.get(key) ?? { backend, reason, count: 0 };
    this.#failures.set(key, known);
    known.count += 1;
  }

  /** In Prometheus' text format. */
  text(): string {
    this.#process ??= new ProcessMetrics(this.#processRegistry);
    this.#process.update();
    return this.ownText() + this.#processRegistry.text();
  }

  /** Without those of the process. */
  ownText(): string {
    const registry = new Registry();
    this.#addRequests(registry);
    this.#addBackends(registry);
    return registry.text();
  }

  #addRequests(registry: Registry): void {
    const { stats } = this.#proxy;
    const count = (name: string, help: string, value: number, labels = {}): void => {
      registry.counter(`nagare_memcache_${name}`, help, labels).value = value;
    };
    for (const [command, value] of stats.byCommand()) {
      count("requests_total", "Requests, each key of a multiget counted as one.", value, { command });
    }
    count("request_errors_total", "Requests that could not be understood.", stats.requestErrors);
    count(
      "requests_over_depth_total",
      "Requests refused because too many waited for the backend.",
      stats.requestsOverDepth,
    );
    count("clients_total", "Clients that have connected.", stats.totalConnections);
    count("read_bytes_total", "Bytes from clients.", stats.bytesRead);
    count("written_bytes_total", "Bytes to clients.", stats.bytesWritten);
    count("reloads_total", "Configurations put in force, also because DNS named other servers.", stats.reloads);
    count("failed_reloads_total", "Configurations that could not be used.", stats.failedReloads);
    for (const [name, value] of stats.user()) {
      count("user_total", "Counters of the configuration.", Number(value), { name });
    }
    const gauge = (name: string, help: string, value: number): void => {
      registry.gauge(`nagare_memcache_${name}`, help).value = value;
    };
    gauge("active_requests", "Requests without a response yet.", stats.activeRequests);
    gauge("clients", "Clients that are connected.", stats.connections);
  }

  #addBackends(registry: Registry): void {
    const labels = new Set<string>();
    const up = "1 if requests may go to the backend, 0 if it is marked as bad.";
    const waiting = "Requests that wait for the backend.";
    for (const { options, isBad, connections } of this.#proxy.plan.backends) {
      const { label: backend, down } = options;
      labels.add(backend);
      registry.gauge("nagare_memcache_backend_up", up, { backend }).value = isBad || down ? 0 : 1;
      const depth = connections.reduce((sum, each) => sum + each.depth, 0);
      registry.gauge("nagare_memcache_backend_waiting_requests", waiting, { backend }).value = depth;
    }
    const failures = "Failures of backends, by their cause.";
    registry.declare("nagare_memcache_backend_failures_total", failures, "counter");
    for (const [key, { backend, reason, count }] of this.#failures) {
      // Backends come and go with DNS and with configurations.
      if (!labels.has(backend)) this.#failures.delete(key);
      else registry.counter("nagare_memcache_backend_failures_total", failures, { backend, reason }).value = count;
    }
  }

  close(): void {
    this.#process?.close();
  }
}
