/**
 * Tokens by which a client proves that it receives at its address (RFC 9000 §8.1): those of Retry packets, which also
 * carry what a stateless server has to remember, and those of NEW_TOKEN frames, for a later connection.
 *
 * A token is sealed, so that nobody but us can make or read one, and bound to its kind, the client's address and a
 * time. Each is sealed under a key of its own, derived from a random salt: there is no nonce to run out of.
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
const NOTHING = new Uint8Array(0);

interface Claim extends RetryTokenContents {
  readonly host: string;
  readonly port: number;
  readonly expires: number;
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
    return this.#seal(KIND.retry, {
      host: address.host,
      port: address.port,
      expires: after(now, RETRY_TOKEN_LIFETIME),
      originalDestination,
      retrySource,
    });
  }

  /**
   * What a token of an Initial packet says. "not-ours": not a Retry token of this server, so the client is treated as
   * if it had sent none. Undefined: one of ours, but too old or from elsewhere, which is answered with INVALID_TOKEN
   * (RFC 9000 §8.1.2).
   */
  open(token: Uint8Array, address: SocketAddress, now: Instant): RetryTokenContents | undefined | "not-ours" {
    const claim = this.#unseal(KIND.retry, token);
    if (claim === undefined) return "not-ours";
    if (claim.host !== address.host || claim.port !== address.port) return undefined;
    if (!isCurrent(claim, RETRY_TOKEN_LIFETIME, now)) return undefined;
    return { originalDestination: claim.originalDestination, retrySource: claim.retrySource };
  }

  /**
   * A token for a NEW_TOKEN frame. The port is left out: it changes from one connection to the next (RFC 9000
   * §8.1.3).
   */
  issueNewToken(address: SocketAddress, now: Instant): Uint8Array {
    return this.#seal(KIND.newToken, {
      host: address.host,
      port: 0,
      expires: after(now, NEW_TOKEN_LIFETIME),
      originalDestination: NOTHING,
      retrySource: NOTHING,
    });
  }

  /**
   * Does this token of an earlier connection validate the address? Where not, the client is treated as if it had sent
   * none.
   */
  acceptsNewToken(token: Uint8Array, address: SocketAddress, now: Instant): boolean {
    const claim = this.#unseal(KIND.newToken, token);
    return claim !== undefined && claim.host === address.host && isCurrent(claim, NEW_TOKEN_LIFETIME, now);
  }

  /** Kind and salt in the clear, then the claim, sealed. */
  #seal(kind: Kind, claim: Claim): Uint8Array {
    const start = concat(Uint8Array.of(kind), randomBytes(this.#rng, SALT_LENGTH));
    return concat(start, this.#engine.aeadSeal(AEAD, this.#keyOf(start), NONCE, start, emitClaim(claim)));
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

function emitClaim(claim: Claim): Uint8Array {
  const host = utf8(claim.host);
  const { originalDestination, retrySource } = claim;
  const length = 8 + 2 + 1 + host.length + 1 + originalDestination.length + 1 + retrySource.length;
  const writer = new Writer(new Uint8Array(length));
  writer.uint32(Math.floor(claim.expires / 2 ** 32));
  writer.uint32(claim.expires % 2 ** 32);
  writer.uint16(claim.port);
  for (const field of [host, originalDestination, retrySource]) {
    writer.uint8(field.length);
    writer.write(field);
  }
  return writer.bytes;
}

function parseClaim(body: Uint8Array): Claim | undefined {
  const reader = new Reader(body);
  try {
    return {
      expires: reader.uint32() * 2 ** 32 + reader.uint32(),
      port: reader.uint16(),
      host: fromUtf8(reader.view(reader.uint8())),
      originalDestination: reader.copy(reader.uint8()),
      retrySource: reader.copy(reader.uint8()),
    };
  } catch (error) {
    // Sealed with our key by something that is not this code.
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** Not expired; nor from the future, which a clock that was set back would make of an old token. */
const isCurrent = (claim: Claim, lifetime: Micros, now: Instant): boolean =>
  now < claim.expires && claim.expires - now <= lifetime;
