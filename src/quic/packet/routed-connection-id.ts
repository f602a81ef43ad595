/**
 * Connection ids of 10 bytes that reveal to holders of the key which process they belong to, and nothing to anyone
 * else:
 *
 *     0  1 | 2  3  4 | 5  6  7  8  9 | 10 … 15    16 … 79
 *     key  | generation | worker     | node       random
 *
 * Everything in the first two bytes after the key number is XORed with SipHash-2-4 of the random bytes under that key,
 * so ids of one worker are indistinguishable from those of another (RFC 9000 §5.1). The key number is in the clear,
 * since it says which key to decode with, and which to derive the reset token with (`key-period.ts`). The layout never changes within a major version, so that a reloaded server
 * can read its predecessor's ids.
 */

import { type Rng, randomBytes } from "../../base/rng.ts";
import { SipHash } from "../../crypto/siphash.ts";
import { ConnectionId } from "./connection-id.ts";
import type { ConnectionIdGenerator } from "./connection-id-generator.ts";
import { KEY_NUMBERS, keyNumber, keyPeriodOf } from "./key-period.ts";

/** The process that a datagram is for. */
export interface ConnectionIdRoute {
  /** The number of the key that the id was made with: 0 to 3. */
  readonly key: number;
  /** Counts program starts, modulo 8. */
  readonly generation: number;
  /** 0 to 31. */
  readonly worker: number;
  /** The machine: 0 to 63. */
  readonly node: number;
}

export const ROUTED_ID_LENGTH = 10;
const ROUTE_LENGTH = 2;
const MASKED_BITS = 14;
const MASK = (1 << MASKED_BITS) - 1;
const LIMITS: Omit<ConnectionIdRoute, "key"> = { generation: 8, worker: 32, node: 64 };

/** Keys by number. Each has 16 secret bytes, shared by all processes of a server. */
export class RoutedIdKeys {
  readonly #keys: readonly (SipHash | undefined)[];

  constructor(keys: readonly (Uint8Array | undefined)[]) {
    this.#keys = keys.map((key) => (key === undefined ? undefined : new SipHash(key)));
  }

  /** The value to XOR the route with; undefined if there is no such key. */
  mask(key: number, id: Uint8Array, start: number): number | undefined {
    const hash = this.#keys[key];
    if (hash === undefined) return undefined;
    hash.update(id, start + ROUTE_LENGTH, start + ROUTED_ID_LENGTH);
    return hash.low & MASK;
  }

  /** The route of the id at `start`; undefined if it was made with an unknown key or is truncated. */
  decode(id: Uint8Array, start = 0): ConnectionIdRoute | undefined {
    if (id.length - start < ROUTED_ID_LENGTH) return undefined;
    const word = (id[start]! << 8) | id[start + 1]!;
    const key = word >> MASKED_BITS;
    const mask = this.mask(key, id, start);
    if (mask === undefined) return undefined;
    const route = (word & MASK) ^ mask;
    return { key, generation: route >> 11, worker: (route >> 6) & 31, node: route & 63 };
  }
}

export class RoutedConnectionIds implements ConnectionIdGenerator {
  readonly length = ROUTED_ID_LENGTH;
  readonly #rng: Rng;
  readonly #keys: RoutedIdKeys;
  readonly #period: () => number;
  readonly #route: number;

  /** `period` returns the number of the current period; an id names the key of the period in which it was made. */
  constructor(rng: Rng, keys: RoutedIdKeys, route: Omit<ConnectionIdRoute, "key">, period: () => number) {
    for (const part of ["generation", "worker", "node"] as const) {
      const value = route[part];
      if (!Number.isInteger(value) || value < 0 || value >= LIMITS[part]) {
        throw new RangeError(`invalid ${part} ${value}: must be an integer from 0 to ${LIMITS[part] - 1}`);
      }
    }
    this.#rng = rng;
    this.#keys = keys;
    this.#period = period;
    this.#route = (route.generation << 11) | (route.worker << 6) | route.node;
    for (let key = 0; key < KEY_NUMBERS; key += 1) {
      if (keys.mask(key, new Uint8Array(ROUTED_ID_LENGTH), 0) === undefined) {
        throw new RangeError(`key ${key} is missing`);
      }
    }
  }

  /** A new connection id that routes to this worker. */
  generate(): ConnectionId {
    const id = randomBytes(this.#rng, ROUTED_ID_LENGTH);
    const key = keyNumber(this.#period());
    const word = (key << MASKED_BITS) | (this.#route ^ this.#keys.mask(key, id, 0)!);
    id[0] = word >> 8;
    id[1] = word;
    return ConnectionId.from(id);
  }

  keyPeriod(id: Uint8Array): number {
    return keyPeriodOf(id[0]! >> (MASKED_BITS - 8), this.#period());
  }
}
