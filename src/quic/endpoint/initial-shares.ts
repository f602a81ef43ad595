/**
 * How many first Initials each address may have looked into while there is a flood of them: a flood from one socket leaves
 * the others theirs, and one from everywhere costs no more than the sum.
 *
 * Addresses share buckets by a hash that nobody outside can choose.
 */

import type { SocketAddress } from "../../base/datagrams.ts";
import type { Rng } from "../../base/rng.ts";
import { type Instant, seconds } from "../../base/time.ts";

/** In one second: up to here there is no flood. */
const FREE = 500;
/** In one second, of one bucket and of all. */
const PER_BUCKET = 10;
const MOST = 4_000;
const BUCKETS = 1_024;

export class InitialShares {
  readonly #key: number;
  readonly #taken = new Uint8Array(BUCKETS);
  #count = 0;
  #since: Instant = 0 as Instant;

  constructor(rng: Rng) {
    this.#key = rng.uint32();
  }

  /** Counts one more from there; false when it is to be dropped. */
  take(remote: SocketAddress, now: Instant): boolean {
    if (now - this.#since >= seconds(1)) {
      this.#since = now;
      this.#count = 0;
      this.#taken.fill(0);
    }
    if (this.#count >= MOST) return false;
    const bucket = this.#bucketOf(remote);
    if (this.#taken[bucket]! >= PER_BUCKET) {
      if (this.#count >= FREE) return false;
    } else {
      this.#taken[bucket]! += 1;
    }
    this.#count += 1;
    return true;
  }

  /** The multiplication of FNV-1a, over the address and the port. */
  #bucketOf({ host, port }: SocketAddress): number {
    let hash = this.#key ^ port;
    for (let i = 0; i < host.length; i += 1) hash = Math.imul(hash ^ host.charCodeAt(i), 0x01000193);
    return ((hash ^ (hash >>> 15)) >>> 0) & (BUCKETS - 1);
  }
}
