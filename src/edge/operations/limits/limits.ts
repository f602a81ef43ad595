/** Decides which connections and requests a server takes. */

import { LAG_INTERVAL, processLag } from "../../../host/event-loop-lag.ts";
import type { PeerAddress } from "../../../host/http/exchange.ts";
import { AddressSet } from "../../../host/listen/address-set.ts";
import { clientKey } from "../addresses/client-key.ts";
import { LagShedder } from "./lag-shedder.ts";
import { checkLimits, type LimitsOptions } from "./options.ts";
import { TokenBuckets } from "./token-buckets.ts";

export type RefusalReason = "rate" | "concurrency" | "lag" | "memory";

export interface RequestRefusal {
  readonly reason: RefusalReason;
  /** 429 if the client itself is the reason, 503 otherwise. */
  readonly status: 429 | 503;
  /** Seconds, for Retry-After. */
  readonly retryAfter: number;
}

const DEFAULT_RETRY_AFTER = 1_000;
/** Memory must fall below this part of the ceiling before requests are taken again. */
const MEMORY_RESUME = 0.9;

export class Limits {
  readonly #options: LimitsOptions;
  readonly #exempt: AddressSet;
  readonly #rate: TokenBuckets | undefined;
  readonly #shedder: LagShedder | undefined;
  readonly #connections = new Map<string, number>();
  readonly #retryAfter: number;
  readonly #stopWatching: (() => void) | undefined;
  #concurrent = 0;
  #isShort = false;

  /** `proxies` are in front of many clients, so their connections are not limited. Throws a `ServeError`. */
  constructor(options: LimitsOptions, proxies: readonly string[]) {
    checkLimits(options);
    const { requestsPerSecond, burst, maxLag, maxMemory, retryAfter = DEFAULT_RETRY_AFTER } = options;
    this.#options = options;
    this.#exempt = new AddressSet("limits.exempt", [...(options.exempt ?? []), ...proxies]);
    this.#rate = requestsPerSecond === undefined ? undefined : new TokenBuckets(requestsPerSecond, burst);
    this.#shedder = maxLag === undefined ? undefined : new LagShedder(maxLag, LAG_INTERVAL);
    this.#retryAfter = Math.max(1, Math.ceil(retryAfter / 1000));
    if (maxLag === undefined && maxMemory === undefined) return;
    this.#stopWatching = processLag().watch((lag) => {
      this.#shedder?.sample(lag);
      if (maxMemory !== undefined) this.#checkMemory(maxMemory);
    });
  }

  // ── Connections ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** False if this client has as many connections as it may. */
  admits({ address }: PeerAddress): boolean {
    const { connectionsPerAddress = Number.POSITIVE_INFINITY } = this.#options;
    return (this.#connections.get(clientKey(address)) ?? 0) < connectionsPerAddress || this.#exempt.has(address);
  }

  /** Counts a connection. Returns what to call when it has closed; undefined if the client has too many. */
  open(remote: PeerAddress): (() => void) | undefined {
    if (!this.admits(remote)) return undefined;
    const key = clientKey(remote.address);
    this.#connections.set(key, (this.#connections.get(key) ?? 0) + 1);
    return () => {
      const left = this.#connections.get(key)! - 1;
      if (left === 0) this.#connections.delete(key);
      else this.#connections.set(key, left);
    };
  }

  // ── Requests ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Returns why a request is refused. Call `end` for each one that is not, when it has ended. */
  begin(client: string, now: number = performance.now()): RequestRefusal | undefined {
    const { concurrentRequests = Number.POSITIVE_INFINITY } = this.#options;
    const wait = this.#exempt.has(client) ? 0 : (this.#rate?.take(clientKey(client), now) ?? 0);
    if (wait > 0) return { reason: "rate", status: 429, retryAfter: Math.ceil(wait / 1000) };
    const reason = this.#isShort
      ? "memory"
      : this.#concurrent >= concurrentRequests
        ? "concurrency"
        : this.#shedder?.refuses() === true
          ? "lag"
          : undefined;
    if (reason !== undefined) return { reason, status: 503, retryAfter: this.#retryAfter };
    this.#concurrent += 1;
    return undefined;
  }

  end(): void {
    this.#concurrent -= 1;
  }

  #checkMemory(maximum: number): void {
    const { heapUsed, external } = process.memoryUsage();
    this.#isShort = heapUsed + external > (this.#isShort ? maximum * MEMORY_RESUME : maximum);
  }

  close(): void {
    this.#stopWatching?.();
  }
}
