/**
 * Stateless resets (RFC 9000 §10.3): the response of an endpoint that has lost its state, which makes the peer stop.
 * Only a peer that knows the connection's token can recognize it; to everyone else it looks like any short packet.
 */

import type { Rng } from "../../base/rng.ts";
import type { CryptoEngine } from "../../crypto/engine.ts";

export const RESET_TOKEN_LENGTH = 16;

/** RFC 9000 §10.3: an unpredictable part of at least five bytes, and the token. */
const SHORTEST_RESET = 5 + RESET_TOKEN_LENGTH;
/**
 * RFC 9000 §10.3: in response to a packet of up to 43 bytes, a reset is one byte shorter. Otherwise its length is
 * random, but at least this, so that it does not stand out.
 */
const SHORTEST_INCONSPICUOUS = 43;
const LONGEST_RESET = 128;

/** The token of a connection id (RFC 9000 §10.3.2). */
export function resetToken(engine: CryptoEngine, key: Uint8Array, connectionId: Uint8Array): Uint8Array {
  return engine.hmac("sha256", key, connectionId, RESET_TOKEN_LENGTH).subarray(0, RESET_TOKEN_LENGTH);
}

/** True if there is room for a reset that is shorter than its trigger. */
export const canReset = (triggerLength: number): boolean => triggerLength > SHORTEST_RESET;

/**
 * A reset in response to a datagram of `triggerLength` bytes. It is shorter than its trigger, so that two endpoints
 * without state cannot loop (RFC 9000 §10.3.3). Returns undefined if there is no room for one.
 */
export function emitStatelessReset(rng: Rng, token: Uint8Array, triggerLength: number): Uint8Array | undefined {
  if (!canReset(triggerLength)) return undefined;
  const longest = Math.min(triggerLength - 1, LONGEST_RESET);
  const shortest = Math.min(longest, SHORTEST_INCONSPICUOUS);
  const bytes = new Uint8Array(shortest + (rng.uint32() % (longest - shortest + 1)));
  rng.fill(bytes);
  // Header Form 0 and Fixed Bit 1, as a short header.
  bytes[0] = 0x40 | (bytes[0]! & 0x3f);
  bytes.set(token, bytes.length - RESET_TOKEN_LENGTH);
  return bytes;
}
