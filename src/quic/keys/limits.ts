/** How often a key may be used (RFC 9001 §6.6). */

import type { AeadName } from "../../crypto/engine.ts";

export interface AeadLimits {
  /** The number of packets that may be sealed with one key. */
  readonly confidentiality: number;
  /** The number of packets that may fail to open over the whole connection, summed over all keys. */
  readonly integrity: number;
}

export const AEAD_LIMITS: Readonly<Record<AeadName, AeadLimits>> = {
  "aes-128-gcm": { confidentiality: 2 ** 23, integrity: 2 ** 52 },
  "aes-256-gcm": { confidentiality: 2 ** 23, integrity: 2 ** 52 },
  // The confidentiality limit is larger than the number of packet numbers.
  "chacha20-poly1305": { confidentiality: Number.POSITIVE_INFINITY, integrity: 2 ** 36 },
};
