/** The memcached proxy as a service: reads its configuration, listens, and reads the configuration again when it changes. */

import { type FSWatcher, watch } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { type HostTimer, systemClock } from "../../host/clock.ts";
import { describeFault, detach, guard } from "../../host/guard.ts";
import { type MemcacheListen, MemcacheServer, type MemcacheServerOptions } from "../../host/memcache/index.ts";
import type { BackendEvent } from "../../memcache/proxy/proxy.ts";
import { ConfigReader, type ConfigSource } from "./config-file.ts";

export interface MemcacheServiceOptions
  extends Pick<MemcacheServerOptions, "version" | "maxValue" | "maxConnections" | "backendTls"> {
  readonly source: ConfigSource;
  readonly listen: readonly MemcacheListen[];
  /** True to read the configuration again when a file changes. */
  readonly watch: boolean;
  readonly log: (line: string) => void;
  readonly onEvent?: (event: BackendEvent) => void;
}

/** Milliseconds after a change of a file, since editors write in several steps. */
const SETTLE_TIME = 100;

export class MemcacheService {
  readonly server: MemcacheServer;
  /** Where clients connect. */
  readonly addresses: readonly string[];
  readonly #options: MemcacheServiceOptions;
  readonly #reader: ConfigReader;
  /** Of the folders with the configuration's files. */
  readonly watchers: FSWatcher[] = [];
  #timer: HostTimer | undefined;
  #reading: Promise<boolean> | undefined;

  private constructor(
    server: MemcacheServer,
    addresses: readonly string[],
    options: MemcacheServiceOptions,
    reader: ConfigReader,
  ) {
    this.server = server;
    this.#reader = reader;
    this.addresses = addresses;
    this.#options = options;
    if (options.watch) this.#watch();
  }

  static async start(options: MemcacheServiceOptions): Promise<MemcacheService> {
    const { log, listen, source, version, maxValue, maxConnections, backendTls, onEvent } = options;
    const reader = new ConfigReader(source, log);
    const config = await reader.read();
    const server = new MemcacheServer({
      version,
      ...(maxValue === undefined ? {} : { maxValue }),
      ...(maxConnections === undefined ? {} : { maxConnections }),
      ...(backendTls === undefined ? {} : { backendTls }),
      ...(onEvent === undefined ? {} : { onEvent }),
      onFault: (fault) => log(describeFault(fault)),
    });
    try {
      server.configure(config);
      const addresses: string[] = [];
      for (const each of listen) addresses.push(await server.listen(each));
      return new MemcacheService(server, addresses, options, reader);
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  /** Reads the configuration again. Returns false, and leaves the old one in force, if it cannot be used. */
  reload(): Promise<boolean> {
    // A reload during a reload begins when that one is done, so that the last state of the files counts.
    const earlier = this.#reading ?? Promise.resolve(true);
    const reading = earlier.then(() => this.#read());
    this.#reading = reading;
    return reading;
  }

  async close(grace: number): Promise<void> {
    for (const watcher of this.watchers) watcher.close();
    systemClock.stopTimer(this.#timer);
    await this.server.close(grace);
  }

  async #read(): Promise<boolean> {
    const { log } = this.#options;
    const { proxy } = this.server;
    try {
      const config = await this.#reader.read();
      proxy.reloading("start");
      this.server.configure(config);
      proxy.reloading("done");
      this.server.flush();
      log("nagare: the configuration was read again");
      return true;
    } catch (error) {
      proxy.handlerLog.error((error as Error).message);
      proxy.reloading("failed");
      this.server.flush();
      log(`nagare: the previous configuration stays in use: ${(error as Error).message}`);
      return false;
    }
  }

  #watch(): void {
    const { source, log } = this.#options;
    const onFault = (fault: Parameters<typeof describeFault>[0]): void => log(describeFault(fault));
    const files = (source.lua ?? [source.module!]).map((file) => resolve(file));
    const reload = guard("memcache reload", onFault, () => detach("memcache reloaded", onFault, this.reload()));
    for (const folder of new Set(files.map((file) => dirname(file)))) {
      const names = new Set(files.filter((file) => dirname(file) === folder).map((file) => basename(file)));
      // The folder is watched, because editors replace a file by another one.
      const watcher = watch(folder, { persistent: false });
      watcher.on(
        "change",
        guard("memcache config change", onFault, (_, name: string | Buffer | null) => {
          if (name !== null && !names.has(String(name))) return;
          systemClock.stopTimer(this.#timer);
          this.#timer = systemClock.startTimer(reload, SETTLE_TIME);
        }),
      );
      watcher.on(
        "error",
        guard("memcache watch error", onFault, (error: Error) =>
          log(`nagare: cannot watch ${folder}: ${error.message}`),
        ),
      );
      this.watchers.push(watcher);
    }
  }
}
