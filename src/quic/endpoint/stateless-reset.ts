/**
 * Stateless resets (RFC 9000 §10.3): what an endpoint that has lost its state answers, so that the peer stops. Only
 * who knew the connection's token can take it for a reset; to everybody else it looks like any short packet.
 */

import type { Rng } from "../../base/rng.ts";
import type { CryptoEngine } from "../../crypto/engine.ts";

export const RESET_TOKEN_LENGTH = 16;

/** RFC 9000 §10.3: an unpredictable part of five bytes at least, and the token. */
const SHORTEST_RESET = 5 + RESET_TOKEN_LENGTH;
/** RFC 9000 §10.3: up to here a reset is one byte shorter than its trigger; above, it need not give that away. */
const SHORTEST_INCONSPICUOUS = 43;
const LONGEST_RESET = 128;

/**
 * The token of a connection id, the same after a restart with the same secret (RFC 9000 §10.3.2). The secret serves
 * nothing else.
 */
export function resetToken(engine: CryptoEngine, secret: Uint8Array, connectionId: Uint8Array): Uint8Array {
  return engine.hmac("sha256", secret, connectionId).slice(0, RESET_TOKEN_LENGTH);
}

/**
 * A reset in answer to a datagram of `triggerLength` bytes, shorter than that, so that two endpoints without state
 * cannot keep each other busy (RFC 9000 §10.3.3); undefined where there is no room for one.
 */
export function emitStatelessReset(rng: Rng, token: Uint8Array, triggerLength: number): Uint8Array | undefined {
  if (triggerLength <= SHORTEST_RESET) return undefined;
  const longest = Math.min(triggerLength - 1, LONGEST_RESET);
  const shortest = Math.min(longest, SHORTEST_INCONSPICUOUS);
  const bytes = new Uint8Array(shortest + (rng.uint32() % (longest - shortest + 1)));
  rng.fill(bytes);
  // Header Form 0 and Fixed Bit 1, as a short header.
  bytes[0] = 0x40 | (bytes[0]! & 0x3f);
  bytes.set(token, bytes.length - RESET_TOKEN_LENGTH);
  return bytes;
}
