/**
 * Tokens by which a client proves that it receives at its address (RFC 9000 §8.1): those of Retry packets, which also carry
 * what a stateless server has to remember, and those of NEW_TOKEN frames, for a later connection.
 *
 * A token is sealed, so that nobody but us can make or read one, and bound to its kind, the client's address and a time.
 * Each is sealed under a key of its own, derived from a random salt: there is no nonce to run out of.
 */

import type { SocketAddress } from "../../base/datagrams.ts";
import { WireError } from "../../base/errors.ts";
import { type Rng, randomBytes } from "../../base/rng.ts";
import { after, type Instant, type Micros, seconds } from "../../base/time.ts";
import { type CryptoEngine, IV_LENGTH, TAG_LENGTH } from "../../crypto/engine.ts";
import { Reader } from "../../wire/reader.ts";
import { concat, fromUtf8, utf8 } from "../../wire/text.ts";
import { Writer } from "../../wire/writer.ts";

/** What a Retry token brings back: the ids that the transport parameters have to confirm (RFC 9000 §7.3). */
export interface RetryTokenContents {
  readonly originalDestination: Uint8Array;
  readonly retrySource: Uint8Array;
}

/** RFC 9000 §8.1.3: a Retry token lives for a round trip, not for a user. */
export const RETRY_TOKEN_LIFETIME: Micros = seconds(10);
export const NEW_TOKEN_LIFETIME: Micros = seconds(24 * 60 * 60);

const KIND = { retry: 1, newToken: 2 } as const;
type Kind = (typeof KIND)[keyof typeof KIND];

const SALT_LENGTH = 16;
const AEAD = "aes-256-gcm";
/** The key is used once, so the nonce may be constant. */
const NONCE = new Uint8Array(IV_LENGTH);

interface Claim {
  readonly host: string;
  readonly port: number;
  readonly expires: number;
  readonly ids: Reader;
}

export class RetryTokens {
  readonly #engine: CryptoEngine;
  readonly #key: Uint8Array;
  readonly #rng: Rng;

  /** `key` is 32 secret bytes. Servers that share it, and a clock, accept each other's tokens. */
  constructor(engine: CryptoEngine, key: Uint8Array, rng: Rng) {
    this.#engine = engine;
    this.#key = key.slice();
    this.#rng = rng;
  }

  /** A token for a Retry packet. `retrySource` is the Source Connection ID of that packet. */
  issue(address: SocketAddress, originalDestination: Uint8Array, retrySource: Uint8Array, now: Instant): Uint8Array {
    const ids = concat(
      Uint8Array.of(originalDestination.length),
      originalDestination,
      Uint8Array.of(retrySource.length),
      retrySource,
    );
    return this.#seal(KIND.retry, address, address.port, ids, after(now, RETRY_TOKEN_LIFETIME));
  }

  /**
   * What a token of an Initial packet says. "not-ours": not a Retry token of this server, so the client is treated as if it had
   * sent none. Undefined: one of ours, but too old or from elsewhere, which is answered with INVALID_TOKEN (RFC 9000 §8.1.2).
   */
  open(token: Uint8Array, address: SocketAddress, now: Instant): RetryTokenContents | undefined | "not-ours" {
    const claim = this.#unseal(KIND.retry, token);
    if (claim === undefined) return "not-ours";
    if (claim.host !== address.host || claim.port !== address.port) return undefined;
    if (!isCurrent(claim, RETRY_TOKEN_LIFETIME, now)) return undefined;
    return {
      originalDestination: claim.ids.copy(claim.ids.uint8()),
      retrySource: claim.ids.copy(claim.ids.uint8()),
    };
  }

  /** A token for a NEW_TOKEN frame. The port is left out: it changes from one connection to the next (RFC 9000 §8.1.3). */
  issueNewToken(address: SocketAddress, now: Instant): Uint8Array {
    return this.#seal(KIND.newToken, address, 0, new Uint8Array(0), after(now, NEW_TOKEN_LIFETIME));
  }

  /** Does this token of an earlier connection validate the address? Where not, the client is treated as if it had sent none. */
  acceptsNewToken(token: Uint8Array, address: SocketAddress, now: Instant): boolean {
    const claim = this.#unseal(KIND.newToken, token);
    return claim !== undefined && claim.host === address.host && isCurrent(claim, NEW_TOKEN_LIFETIME, now);
  }

  /** kind, salt, then sealed: expiry, port, length of host, host, ids. */
  #seal(kind: Kind, address: SocketAddress, port: number, ids: Uint8Array, expires: Instant): Uint8Array {
    const host = utf8(address.host);
    const body = new Writer(new Uint8Array(8 + 2 + 1 + host.length + ids.length));
    body.uint32(Math.floor(expires / 2 ** 32));
    body.uint32(expires % 2 ** 32);
    body.uint16(port);
    body.uint8(host.length);
    body.write(host);
    body.write(ids);
    const start = concat(Uint8Array.of(kind), randomBytes(this.#rng, SALT_LENGTH));
    return concat(start, this.#engine.aeadSeal(AEAD, this.#keyOf(start), NONCE, start, body.bytes));
  }

  #unseal(kind: Kind, token: Uint8Array): Claim | undefined {
    const startLength = 1 + SALT_LENGTH;
    if (token.length < startLength + TAG_LENGTH || token[0] !== kind) return undefined;
    const start = token.subarray(0, startLength);
    const body = this.#engine.aeadOpen(AEAD, this.#keyOf(start), NONCE, start, token.subarray(startLength));
    return body && parseClaim(body);
  }

  /** Kind and salt give the key: 32 bytes of HMAC-SHA256, as AES-256 wants. */
  #keyOf(start: Uint8Array): Uint8Array {
    return this.#engine.hmac("sha256", this.#key, start);
  }
}

function parseClaim(body: Uint8Array): Claim | undefined {
  const reader = new Reader(body);
  try {
    const expires = reader.uint32() * 2 ** 32 + reader.uint32();
    const port = reader.uint16();
    const host = fromUtf8(reader.view(reader.uint8()));
    return { host, port, expires, ids: reader };
  } catch (error) {
    // Sealed with our key by something that is not this code.
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** Not expired; nor from the future, which a clock that was set back would make of an old token. */
const isCurrent = (claim: Claim, lifetime: Micros, now: Instant): boolean =>
  now < claim.expires && claim.expires - now <= lifetime;
