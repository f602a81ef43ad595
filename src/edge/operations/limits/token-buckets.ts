/** A token bucket for each client, in a bounded table. Pure: times are milliseconds of any monotonic clock. */

interface Bucket {
  tokens: number;
  /** The time of the last use. */
  at: number;
}

/** Clients in the table. One that was forgotten begins with a full bucket, as it would after a pause. */
const MAX_CLIENTS = 65_536;

export class TokenBuckets {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #capacity: number;
  /** The least recently used first. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number, burst = Math.max(1, perSecond * 2), capacity = MAX_CLIENTS) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#capacity = capacity;
  }

  /** Takes a token. Returns 0, or the milliseconds until there is one. */
  take(client: string, now: number): number {
    const bucket = this.#buckets.get(client) ?? { tokens: this.#burst, at: now };
    bucket.tokens = Math.min(this.#burst, bucket.tokens + ((now - bucket.at) / 1000) * this.#perSecond);
    bucket.at = now;
    this.#buckets.delete(client);
    this.#buckets.set(client, bucket);
    if (this.#buckets.size > this.#capacity) {
      const [oldest] = this.#buckets.keys();
      this.#buckets.delete(oldest!);
    }
    if (bucket.tokens < 1) return ((1 - bucket.tokens) / this.#perSecond) * 1000;
    bucket.tokens -= 1;
    return 0;
  }

  get size(): number {
    return this.#buckets.size;
  }
}
