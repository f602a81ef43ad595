/**
 * Recordings of a simulation's connections in qlog. They are kept in memory while virtual time runs, and written when it has
 * ended. The same seed gives the same files, which replace those of an earlier run.
 */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { HostClock } from "../host/clock.ts";
import { ConnectionLog } from "../host/qlog/connection-log.ts";
import type { QlogSettings } from "../host/qlog/options.ts";
import type { TraceConnection } from "../host/quic/tracing.ts";
import { toHex } from "../wire/hex.ts";

export class Recordings {
  readonly #settings: QlogSettings;
  readonly #clock: HostClock;
  /** By name of file. */
  readonly #files = new Map<string, string[]>();

  constructor(settings: QlogSettings, clock: HostClock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  readonly trace: TraceConnection = (id, role) => {
    const records: string[] = [];
    const originalDestination = toHex(id.bytes);
    this.#files.set(`${originalDestination}_${role}.sqlog`, records);
    const sink = { write: (record: string) => records.push(record) > 0, end: () => {} };
    const connection = { originalDestination, role, startedAt: this.#clock.date() };
    const log = new ConnectionLog(connection, this.#settings, sink);
    return (event, now) => log.handle(event, now);
  };

  /** A failure is a line of the log, and does not fail the simulation. */
  async save(): Promise<void> {
    const { target, log } = this.#settings;
    const { path: directory } = target;
    try {
      await mkdir(directory, { recursive: true });
      for (const [name, records] of this.#files) {
        await writeFile(join(directory, name), records.join(""), { mode: 0o600 });
      }
    } catch (error) {
      log(`nagare: qlog: cannot write to ${directory}: ${(error as Error).message}`);
    }
  }
}
