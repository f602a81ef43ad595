/** The memcached proxy as a service: reads its configuration, listens, and reads the configuration again when it changes. */

import { type FSWatcher, watch } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import type { DnsServer } from "../../dns/index.ts";
import { type HostTimer, systemClock } from "../../host/clock.ts";
import { describeFault, detach, type Fault, guard } from "../../host/guard.ts";
import type { BoundAddress } from "../../host/http/listener.ts";
import { type MemcacheListen, MemcacheServer, type MemcacheServerOptions } from "../../host/memcache/index.ts";
import { PoolNames } from "../../host/memcache/pool-names.ts";
import type { StatusListener } from "../../host/metrics/status-listener.ts";
import { type MemcacheConfig, withServers } from "../../memcache/index.ts";
import type { BackendEvent } from "../../memcache/proxy/proxy.ts";
import { ConfigReader, type ConfigSource } from "./config-file.ts";
import { MemcacheMetrics } from "./metrics.ts";
import { openStatusPages, type StatusPlace } from "./status-pages.ts";

export interface MemcacheServiceOptions
  extends Pick<MemcacheServerOptions, "version" | "maxValue" | "maxConnections" | "backendTls"> {
  readonly source: ConfigSource;
  readonly listen: readonly MemcacheListen[];
  /** True to read the configuration again when a file changes. */
  readonly watch: boolean;
  /** The name servers for pools that DNS names; those of the system by default. */
  readonly nameServers?: readonly DnsServer[];
  /** Where `/metrics`, `/healthz` and `/readyz` are served over plain HTTP. */
  readonly metrics?: StatusPlace;
  readonly log: (line: string) => void;
  readonly onEvent?: (event: BackendEvent) => void;
}

/** Milliseconds after a change of a file, since editors write in several steps. */
const SETTLE_TIME = 100;

export class MemcacheService {
  readonly server: MemcacheServer;
  /** Where clients connect. */
  readonly addresses: string[] = [];
  readonly metrics: MemcacheMetrics;
  /** Resolves when everything is closed. */
  readonly finished: Promise<void>;
  readonly #options: MemcacheServiceOptions;
  readonly #reader: ConfigReader;
  readonly #names: PoolNames;
  /** Of the folders with the configuration's files. */
  readonly watchers: FSWatcher[] = [];
  #statusListener: StatusListener | undefined;
  #config: MemcacheConfig | undefined;
  #isClosing = false;
  #finish: () => void = () => {};
  #timer: HostTimer | undefined;
  #reading: Promise<boolean> | undefined;

  private constructor(options: MemcacheServiceOptions) {
    const { log, source, version, maxValue, maxConnections, backendTls, nameServers, onEvent } = options;
    const onFault = this.#onFault;
    this.#options = options;
    this.#reader = new ConfigReader(source, log);
    this.#names = new PoolNames({
      ...(nameServers === undefined ? {} : { servers: nameServers }),
      log,
      onChange: () => this.#reconfigure(),
      onFault,
    });
    this.server = new MemcacheServer({
      version,
      ...(maxValue === undefined ? {} : { maxValue }),
      ...(maxConnections === undefined ? {} : { maxConnections }),
      ...(backendTls === undefined ? {} : { backendTls }),
      onEvent: (event) => {
        onEvent?.(event);
        this.metrics.note(event);
        if (event.error !== "recovered") this.#names.serverFailed(event.backend.host);
      },
      onFault,
    });
    this.metrics = new MemcacheMetrics(this.server.proxy);
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  readonly #onFault = (fault: Fault): void => this.#options.log(describeFault(fault));

  static async start(options: MemcacheServiceOptions): Promise<MemcacheService> {
    const service = new MemcacheService(options);
    try {
      await service.#configure();
      if (options.metrics !== undefined) await service.#openPages(options.metrics);
      for (const each of options.listen) await service.listen(each);
      if (options.watch) service.#watch();
      return service;
    } catch (error) {
      await service.close(0);
      throw error;
    }
  }

  /** Where the metrics are, as `host:port`. */
  get metricsAddress(): BoundAddress | undefined {
    return this.#statusListener?.address;
  }

  /** Listens at one more place. Resolves with the address. */
  async listen(place: MemcacheListen): Promise<string> {
    const address = await this.server.listen(place);
    this.addresses.push(address);
    return address;
  }

  async #openPages(place: StatusPlace): Promise<void> {
    const facts = {
      text: () => this.metrics.text(),
      isReady: () => this.addresses.length === this.#options.listen.length && !this.#isClosing,
    };
    this.#statusListener = await openStatusPages(place, facts, this.#onFault);
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
    this.#names.close();
    this.#isClosing = true;
    await this.server.close(grace);
    this.metrics.close();
    await this.#statusListener?.close();
    this.#finish();
  }

  /** Reads the configuration, and puts it in force. */
  async #configure(onRead: () => void = () => {}): Promise<void> {
    const config = await this.#reader.read();
    await this.#names.follow(config);
    onRead();
    try {
      this.server.configure(withServers(config, this.#names.servers));
      this.#config = config;
    } finally {
      if (this.#config !== undefined) this.#names.forgetOthers(this.#config);
    }
  }

  /** DNS names other servers: the configuration in force has other backends. */
  #reconfigure(): void {
    if (this.#config === undefined) return;
    this.server.configure(withServers(this.#config, this.#names.servers));
    this.server.flush();
  }

  async #read(): Promise<boolean> {
    const { log } = this.#options;
    const { proxy } = this.server;
    try {
      await this.#configure(() => proxy.reloading("start"));
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
    const onFault = this.#onFault;
    const files = (source.lua ?? (source.module === undefined ? [] : [source.module])).map((file) => resolve(file));
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
