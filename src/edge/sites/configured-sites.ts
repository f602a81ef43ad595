/** The sites of a configuration file: a service for a server, which a reload replaces while requests go on. */

import { describeFault, detach, type Fault } from "../../host/guard.ts";
import type { ServerExchange } from "../../host/http/exchange.ts";
import { loadConfig } from "../config/load.ts";
import type { ValidConfig } from "../config/schema.ts";
import type { ServiceStatus } from "../operations/index.ts";
import type { Server, Service } from "../running-server.ts";
import { ActionStore } from "./action-store.ts";
import { certificateSources } from "./certificate-sources.ts";
import { createGeneration } from "./create-generation.ts";
import type { Generation } from "./generation.ts";

export class ConfiguredSites implements Service {
  /** A reload may add a route for tunnels. */
  readonly acceptsTunnels = true;
  readonly #file: string;
  readonly #store = new ActionStore();
  readonly #log: (line: string) => void;
  #config: ValidConfig;
  #current!: Generation;
  /** Earlier configurations that still answer requests. */
  readonly #retiring = new Set<Promise<void>>();
  /** Reloads come one after another. */
  #reconfiguring: Promise<void> = Promise.resolve();

  private constructor(file: string, config: ValidConfig, log: (line: string) => void) {
    this.#file = file;
    this.#config = config;
    this.#log = log;
  }

  /** Rejects with a `ServeError` if an action cannot be created. */
  static async open(file: string, config: ValidConfig, log: (line: string) => void): Promise<ConfiguredSites> {
    const sites = new ConfiguredSites(file, config, log);
    sites.#current = await createGeneration(config, sites.#store, log);
    return sites;
  }

  readonly handle = (exchange: ServerExchange): void => this.#current.handle(exchange);

  /**
   * Reads the file again, and uses it for requests from now on; requests in progress end as they began. Rejects, and keeps
   * the previous configuration, if the file, a certificate or an action cannot be used.
   */
  reconfigure(server: Pick<Server, "reload">): Promise<void> {
    const done = this.#reconfiguring.then(() => this.#reconfigure(server));
    this.#reconfiguring = done.catch(() => undefined);
    return done;
  }

  async #reconfigure(server: Pick<Server, "reload">): Promise<void> {
    const { config } = await loadConfig(this.#file);
    const tls = await certificateSources(config);
    const next = await createGeneration(config, this.#store, this.#log);
    try {
      await server.reload({ tls });
    } catch (error) {
      await next.release();
      throw error;
    }
    const previous = this.#current;
    this.#current = next;
    if (JSON.stringify(serverOf(config)) !== JSON.stringify(serverOf(this.#config))) {
      this.#log("nagare: what has changed outside sites takes effect when the process starts again");
    }
    this.#config = config;
    previous.drain(next);
    this.#retire(previous);
  }

  #retire(generation: Generation): void {
    const onFault = (fault: Fault): void => this.#log(describeFault(fault));
    const retired = generation.retire();
    const done = retired.catch(() => undefined).finally(() => this.#retiring.delete(done));
    this.#retiring.add(done);
    detach("sites retired", onFault, retired);
  }

  status(): ServiceStatus {
    return this.#current.status();
  }

  drain(): void {
    this.#current.drain();
  }

  async settled(): Promise<void> {
    await this.#current.settled();
  }

  async close(): Promise<void> {
    await this.#reconfiguring;
    await Promise.all([this.#current.release(), ...this.#retiring]);
  }
}

/** What a configuration says about the server as a whole. */
const serverOf = ({ sites, ...server }: ValidConfig): object => server;
