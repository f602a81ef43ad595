/**
 * Divides the Initials processed in a flood among addresses (RFC 9000 §21.3): a flood from one address does not block others,
 * and a flood from spoofed addresses has a total limit.
 *
 * Addresses share buckets by a keyed hash, so that an attacker cannot choose the bucket of another client.
 */

import type { SocketAddress } from "../../base/datagrams.ts";
import type { Rng } from "../../base/rng.ts";
import { type Instant, seconds } from "../../base/time.ts";

/** Initials per second below which there is no flood. */
const FREE = 500;
/** In a flood: the maximum number of Initials per second for one bucket, and in total. */
const PER_BUCKET = 10;
const TOTAL = 4_000;
const BUCKETS = 1_024;

export class InitialShares {
  readonly #key: number;
  readonly #taken = new Uint8Array(BUCKETS);
  #count = 0;
  #since: Instant = 0 as Instant;

  constructor(rng: Rng) {
    this.#key = rng.uint32();
  }

  /** Counts an Initial. Returns false if it must be dropped. */
  take(remote: SocketAddress, now: Instant): boolean {
    if (now - this.#since >= seconds(1)) {
      this.#since = now;
      this.#count = 0;
      this.#taken.fill(0);
    }
    if (this.#count >= TOTAL) return false;
    const bucket = this.#bucketOf(remote);
    if (this.#taken[bucket]! >= PER_BUCKET) {
      if (this.#count >= FREE) return false;
    } else {
      this.#taken[bucket]! += 1;
    }
    this.#count += 1;
    return true;
  }

  /** FNV-1a over address and port. */
  #bucketOf({ host, port }: SocketAddress): number {
    let hash = this.#key ^ port;
    for (let i = 0; i < host.length; i += 1) hash = Math.imul(hash ^ host.charCodeAt(i), 0x01000193);
    return ((hash ^ (hash >>> 15)) >>> 0) & (BUCKETS - 1);
  }
}
