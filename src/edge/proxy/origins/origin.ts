/** One origin of a proxy: its connections, its health and its figures. */
import { OriginPool, type OriginPoolOptions } from "../../../host/client/origin-pool.ts";
import type { OriginAddress } from "./address.ts";
import { type HealthState, OriginHealth, type PassiveHealthSettings } from "./health.ts";
import type { Candidate } from "./policies.ts";

export interface OriginSettings {
  readonly address: OriginAddress;
  readonly weight: number;
  /** The version of the header that tells the client's address. */
  readonly proxyProtocol: 1 | 2 | undefined;
  readonly passive: PassiveHealthSettings;
  readonly pool: OriginPoolOptions;
}

/** A snapshot, as plain data. */
export interface OriginStatus {
  /** As given, without the base path: "http://127.0.0.1:3000". */
  readonly origin: string;
  readonly health: HealthState;
  readonly weight: number;
  /** Requests in progress, tunnels included. */
  readonly active: number;
  /** Tunnels in progress. */
  readonly tunnels: number;
  /** Requests that wait for a connection. */
  readonly waiting: number;
  /** Open connections, without those of tunnels. */
  readonly connections: number;
  /** Attempts so far: requests sent to this origin, with retries. */
  readonly requests: number;
  /** Responses by the first digit of their status. */
  readonly responses: Readonly<Record<"2xx" | "3xx" | "4xx" | "5xx", number>>;
  /** Attempts without a usable response. */
  readonly failures: number;
  /** The last of them: a code and what happened. */
  readonly lastFailure: string | undefined;
  /** Health checks made, and those that failed. */
  readonly checks: number;
  readonly failedChecks: number;
}

export class Origin implements Candidate {
  readonly name: string;
  readonly weight: number;
  readonly url: URL;
  /** The prefix of request paths: "" or "/base". */
  readonly base: string;
  readonly health: OriginHealth;
  readonly pool: OriginPool;
  readonly settings: OriginSettings;
  active = 0;
  tunnels = 0;
  requests = 0;
  failures = 0;
  checks = 0;
  failedChecks = 0;
  lastFailure: string | undefined;
  /** By the first digit of the status. */
  readonly responses = [0, 0, 0, 0, 0, 0];
  #tunnelPool: OriginPool | undefined;

  constructor(settings: OriginSettings) {
    const { address, weight, passive, pool } = settings;
    this.settings = settings;
    this.name = address.name;
    this.url = address.url;
    this.base = address.url.pathname.replace(/\/+$/, "");
    this.weight = weight;
    this.health = new OriginHealth(passive);
    this.pool = new OriginPool(address.url, pool);
  }

  /** For requests to go over to another protocol, which an origin understands in HTTP/1.1 if TLS may select that. */
  get tunnelPool(): OriginPool {
    const { address, pool } = this.settings;
    if (address.protocol !== "auto") return this.pool;
    this.#tunnelPool ??= new OriginPool(address.url, { ...pool, protocol: "http/1.1" });
    return this.#tunnelPool;
  }

  status(now: number): OriginStatus {
    const { name, weight, active, tunnels, pool, requests, responses, failures, lastFailure, checks } = this;
    return {
      origin: name,
      health: this.health.state(now),
      weight,
      active,
      tunnels,
      waiting: pool.waiting,
      connections: pool.connections,
      requests,
      responses: { "2xx": responses[2]!, "3xx": responses[3]!, "4xx": responses[4]!, "5xx": responses[5]! },
      failures,
      lastFailure,
      checks,
      failedChecks: this.failedChecks,
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.pool.destroy(), this.#tunnelPool?.destroy()]);
  }
}
