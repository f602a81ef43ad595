/** A proxy with clients and backends in memory. Backends can be taken down, frozen, or made to answer anything. */

import type { Instant } from "../../base/time.ts";
import type { BackendConnection } from "../backend/connection.ts";
import { buildPlan } from "../config/build.ts";
import type { MemcacheConfig } from "../config/config.ts";
import { latin1, text } from "../protocol/request.ts";
import { MemcacheProxy } from "../proxy/proxy.ts";
import type { ClientSession } from "../proxy/session.ts";
import { FakeBackend } from "./fake-backend.ts";

/** Milliseconds since 1970, when a world begins. */
const DATE = 1_800_000_000_000;

export type BackendState = "up" | "refusing" | "silent";

export class World {
  readonly proxy: MemcacheProxy;
  readonly events: string[] = [];
  readonly #backends = new Map<string, FakeBackend>();
  readonly #states = new Map<string, BackendState>();
  readonly #connections = new Set<BackendConnection>();
  readonly #output = new Map<ClientSession, string>();
  now = 0;

  constructor(config?: MemcacheConfig) {
    this.proxy = new MemcacheProxy({
      maxValue: 10_000,
      facts: { pid: 1, uptime: () => 0, time: () => 0, version: "0" },
      onEvent: ({ error, backend }) => this.events.push(`${error} ${backend.label}`),
    });
    if (config !== undefined) this.configure(config);
  }

  configure(config: MemcacheConfig): void {
    const { proxy } = this;
    const plan = buildPlan(config, {
      alarms: proxy,
      counters: proxy.stats,
      log: proxy.handlerLog,
      backendFor: (options) => proxy.backendFor(options),
      random: () => 0,
      date: () => DATE + this.now * 1_000,
    });
    proxy.configure(plan, this.instant);
    this.run();
  }

  get instant(): Instant {
    return Math.round(this.now * 1_000_000) as Instant;
  }

  backend(label: string): FakeBackend {
    let backend = this.#backends.get(label);
    if (backend === undefined) {
      backend = new FakeBackend();
      this.#backends.set(label, backend);
    }
    return backend;
  }

  set(label: string, state: BackendState): void {
    this.#states.set(label, state);
    if (state !== "refusing") return;
    for (const connection of this.#connections) {
      if (connection.options.label === label) connection.handleFailure("disconnected", this.instant);
    }
    this.run();
  }

  open(tag = ""): ClientSession {
    return this.proxy.openSession(tag);
  }

  /** Sends a client's bytes and returns what it receives. */
  ask(bytes: string, session = this.open()): string {
    session.handleData(latin1(bytes), this.instant);
    this.run();
    return this.received(session);
  }

  /** What a client has received since the last call. */
  received(session: ClientSession): string {
    const output = this.#output.get(session) ?? "";
    this.#output.delete(session);
    return output;
  }

  wait(seconds: number): void {
    this.now += seconds;
    this.proxy.handleTimeout(this.instant);
    this.run();
  }

  run(): void {
    for (;;) {
      const session = this.proxy.takeChangedSession();
      if (session !== undefined) {
        const output = textOf(session.takeOutput(this.instant));
        this.#output.set(session, (this.#output.get(session) ?? "") + output);
        continue;
      }
      const connection = this.proxy.takeChangedConnection();
      if (connection === undefined) return;
      this.#serve(connection);
    }
  }

  #serve(connection: BackendConnection): void {
    const { label } = connection.options;
    const state = this.#states.get(label) ?? "up";
    const command = connection.takeCommand();
    this.proxy.updateTimer(connection);
    if (command === "connect") {
      this.#connections.add(connection);
      if (state === "refusing") connection.handleFailure("connecting", this.instant);
      else connection.handleConnected(this.instant);
    }
    this.proxy.updateTimer(connection);
    const output = connection.takeOutput();
    if (output.length === 0 || state === "silent") return;
    const answer = this.backend(label).handle(latin1(textOf(output)));
    if (answer.length > 0) connection.handleData(answer, this.instant);
  }
}

const textOf = (chunks: readonly Uint8Array[]): string => chunks.map((chunk) => text(chunk, 0, chunk.length)).join("");
