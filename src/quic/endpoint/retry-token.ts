/**
 * Tokens with which a client proves that it receives at its address (RFC 9000 §8.1): those of Retry packets, which also
 * carry the state that a stateless server needs, and those of NEW_TOKEN frames, for a later connection.
 *
 * A token is sealed, so that no one else can create or read one, and bound to its kind, the version of QUIC, the client's
 * address and a time. Each token is sealed with its own key, derived from a random salt, so there is no nonce to exhaust.
 */

import type { SocketAddress } from "../../base/datagrams.ts";
import { WireError } from "../../base/errors.ts";
import { type Rng, randomBytes } from "../../base/rng.ts";
import { after, type Instant, type Micros, seconds } from "../../base/time.ts";
import { type CryptoEngine, IV_LENGTH, TAG_LENGTH } from "../../crypto/engine.ts";
import { RotatingKey } from "../../crypto/rotating-key.ts";
import { Reader } from "../../wire/reader.ts";
import { concat, fromUtf8, utf8 } from "../../wire/text.ts";
import { Writer } from "../../wire/writer.ts";

/** The contents of a Retry token: the ids that the transport parameters must confirm (RFC 9000 §7.3). */
export interface RetryTokenContents {
  readonly originalDestination: Uint8Array;
  readonly retrySource: Uint8Array;
}

/** RFC 9000 §8.1.3: a Retry token is used within a round trip, not kept for later. */
export const RETRY_TOKEN_LIFETIME: Micros = seconds(10);
export const NEW_TOKEN_LIFETIME: Micros = seconds(24 * 60 * 60);

const KIND = { retry: 1, newToken: 2 } as const;
type Kind = (typeof KIND)[keyof typeof KIND];

const SALT_LENGTH = 16;
const START_LENGTH = 1 + 4 + SALT_LENGTH;
const AEAD = "aes-256-gcm";
/** Each key is used once, so the nonce can be constant. */
const NONCE = new Uint8Array(IV_LENGTH);
const EMPTY = new Uint8Array(0);

interface Claim extends RetryTokenContents {
  readonly version: number;
  readonly host: string;
  readonly port: number;
  readonly expires: number;
}

export class RetryTokens {
  readonly #engine: CryptoEngine;
  readonly #keys: RotatingKey;
  readonly #rng: Rng;

  /** `secret` has at least 32 bytes. Servers that share the secret and a clock accept each other's tokens. */
  constructor(engine: CryptoEngine, secret: Uint8Array, rng: Rng) {
    this.#engine = engine;
    this.#keys = new RotatingKey(engine, secret, "nagare address tokens", NEW_TOKEN_LIFETIME);
    this.#rng = rng;
  }

  /** Issues a token for a Retry packet. `retrySource` is the Source Connection ID of that packet. */
  issue(
    version: number,
    address: SocketAddress,
    originalDestination: Uint8Array,
    retrySource: Uint8Array,
    now: Instant,
  ): Uint8Array {
    return this.#seal(KIND.retry, now, {
      version,
      host: address.host,
      port: address.port,
      expires: after(now, RETRY_TOKEN_LIFETIME),
      originalDestination,
      retrySource,
    });
  }

  /**
   * Opens the token of an Initial packet. Returns "not-ours" if it is not a Retry token of this server, so that the
   * client is treated as if it had sent none. Returns undefined if it is ours, but expired or from another address;
   * that is answered with INVALID_TOKEN (RFC 9000 §8.1.2).
   */
  open(
    token: Uint8Array,
    version: number,
    address: SocketAddress,
    now: Instant,
  ): RetryTokenContents | undefined | "not-ours" {
    const claim = this.#unseal(KIND.retry, token, now);
    if (claim === undefined) return "not-ours";
    // RFC 9369 §4.1: the client must not change the version after a Retry.
    if (claim.version !== version) return undefined;
    if (claim.host !== address.host || claim.port !== address.port) return undefined;
    if (!isCurrent(claim, RETRY_TOKEN_LIFETIME, now)) return undefined;
    return { originalDestination: claim.originalDestination, retrySource: claim.retrySource };
  }

  /**
   * Issues a token for a NEW_TOKEN frame of a connection with this version. It does not include the port, which changes between connections (RFC 9000
   * §8.1.3).
   */
  issueNewToken(version: number, address: SocketAddress, now: Instant): Uint8Array {
    return this.#seal(KIND.newToken, now, {
      version,
      host: address.host,
      port: 0,
      expires: after(now, NEW_TOKEN_LIFETIME),
      originalDestination: EMPTY,
      retrySource: EMPTY,
    });
  }

  /**
   * True if this token of an earlier connection validates the address. If not, the client is treated as if it had sent
   * no token.
   */
  acceptsNewToken(token: Uint8Array, version: number, address: SocketAddress, now: Instant): boolean {
    const claim = this.#unseal(KIND.newToken, token, now);
    // RFC 9369 §5: a token is only good for the version of its connection.
    if (claim === undefined || claim.version !== version) return false;
    return claim.host === address.host && isCurrent(claim, NEW_TOKEN_LIFETIME, now);
  }

  /** Kind, generation of the key and salt in the clear, followed by the sealed claim. */
  #seal(kind: Kind, now: Instant, claim: Claim): Uint8Array {
    const { number, key } = this.#keys.current(now);
    const start = new Uint8Array(START_LENGTH);
    const writer = new Writer(start);
    writer.uint8(kind);
    writer.uint32(number);
    writer.write(randomBytes(this.#rng, SALT_LENGTH));
    return concat(start, this.#engine.aeadSeal(AEAD, this.#keyOf(key, start), NONCE, start, emitClaim(claim)));
  }

  #unseal(kind: Kind, token: Uint8Array, now: Instant): Claim | undefined {
    if (token.length < START_LENGTH + TAG_LENGTH || token[0] !== kind) return undefined;
    const start = token.subarray(0, START_LENGTH);
    const key = this.#keys.byNumber(new Reader(start, 1).uint32(), now);
    if (key === undefined) return undefined;
    const sealed = token.subarray(START_LENGTH);
    const body = this.#engine.aeadOpen(AEAD, this.#keyOf(key, start), NONCE, start, sealed);
    return body && parseClaim(body);
  }

  /** The key is derived from everything in the clear: 32 bytes of HMAC-SHA256, as AES-256 requires. */
  #keyOf(key: Uint8Array, start: Uint8Array): Uint8Array {
    return this.#engine.hmac("sha256", key, start);
  }
}

function emitClaim(claim: Claim): Uint8Array {
  const host = utf8(claim.host);
  const { originalDestination, retrySource } = claim;
  const length = 4 + 8 + 2 + 1 + host.length + 1 + originalDestination.length + 1 + retrySource.length;
  const writer = new Writer(new Uint8Array(length));
  writer.uint32(claim.version);
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
      version: reader.uint32(),
      expires: reader.uint32() * 2 ** 32 + reader.uint32(),
      port: reader.uint16(),
      host: fromUtf8(reader.view(reader.uint8())),
      originalDestination: reader.copy(reader.uint8()),
      retrySource: reader.copy(reader.uint8()),
    };
  } catch (error) {
    // Sealed with our key, but by other code.
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** Neither expired nor from the future, as an old token would be after the clock was set back. */
const isCurrent = (claim: Claim, lifetime: Micros, now: Instant): boolean =>
  now < claim.expires && claim.expires - now <= lifetime;
