/** Metrics of this process: processor time, memory, descriptors, and how late its event loop is. */

import { readdirSync } from "node:fs";
import { processLag } from "../event-loop-lag.ts";
import type { Counter, Histogram, Registry } from "./registry.ts";

/** Seconds. */
const LAG = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

export class ProcessMetrics {
  readonly #processor: Counter;
  readonly #resident: Counter;
  readonly #heap: Counter;
  readonly #external: Counter;
  readonly #descriptors: Counter;
  readonly #lag: Histogram;
  readonly #stopLag: () => void;

  constructor(registry: Registry) {
    const prefix = "nagare_process";
    this.#processor = registry.counter(`${prefix}_cpu_seconds_total`, "Processor time, of users and of the system.");
    this.#resident = registry.gauge(`${prefix}_resident_memory_bytes`, "Resident memory.");
    this.#heap = registry.gauge(`${prefix}_heap_used_bytes`, "The used part of V8's heap.");
    this.#external = registry.gauge(`${prefix}_external_memory_bytes`, "Memory of buffers, outside of V8's heap.");
    this.#descriptors = registry.gauge(`${prefix}_open_descriptors`, "Open file descriptors; 0 where that is unknown.");
    const start = registry.gauge(`${prefix}_start_time_seconds`, "The start, in seconds since 1970.");
    start.value = Math.round(Date.now() / 1000 - process.uptime());
    this.#lag = registry.histogram("nagare_event_loop_lag_seconds", "How late timers ran, ten times a second.", LAG);
    this.#stopLag = processLag().watch((milliseconds) => this.#lag.observe(milliseconds / 1000));
  }

  /** Reads the present values. */
  update(): void {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed, external } = process.memoryUsage();
    this.#processor.value = (user + system) / 1e6;
    this.#resident.value = rss;
    this.#heap.value = heapUsed;
    this.#external.value = external;
    this.#descriptors.value = openDescriptors();
  }

  close(): void {
    this.#stopLag();
  }
}

function openDescriptors(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return 0;
  }
}
