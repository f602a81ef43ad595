/**
 * Session tickets (RFC 8446 §4.6.1, RFC 5077 §4): the state of a session, sealed by the server and kept by the client,
 * so that the server stores nothing. Servers with the same secret and clock accept each other's tickets.
 *
 * Each ticket is sealed with its own key, derived from a random salt, so there is no nonce to exhaust.
 */

import { WireError } from "../base/errors.ts";
import { type Rng, randomBytes } from "../base/rng.ts";
import { type Instant, type Micros, seconds } from "../base/time.ts";
import { type CryptoEngine, IV_LENGTH, TAG_LENGTH } from "../crypto/engine.ts";
import { RotatingKey } from "../crypto/rotating-key.ts";
import { Reader } from "../wire/reader.ts";
import { concat, fromLatin1, latin1 } from "../wire/text.ts";
import type { CipherSuite } from "./cipher-suite.ts";
import { CIPHER_SUITES } from "./code-points.ts";
import { expectEnd, readVector8, readVector16, uint16, uint32, vector8, vector16 } from "./messages/presentation.ts";

/** How long a ticket can be used; at most seven days (RFC 8446 §4.6.1). */
export const TICKET_LIFETIME: Micros = seconds(24 * 60 * 60);

/** What a server needs to resume a session. */
export interface TicketContents {
  readonly suite: CipherSuite;
  readonly psk: Uint8Array;
  readonly binding: number;
  readonly issuedAt: Instant;
  /** Hides the age of the ticket in ClientHellos (RFC 8446 §4.2.11.1). */
  readonly ageAdd: number;
  /** Undefined if the client named no server. */
  readonly serverName: string | undefined;
  readonly alpn: string;
  /** The configuration that 0-RTT relies on; empty if the ticket does not allow early data. */
  readonly earlyContext: Uint8Array;
}

const SALT_LENGTH = 16;
const START_LENGTH = 4 + SALT_LENGTH;
const AEAD = "aes-256-gcm";
/** Each key is used once, so the nonce can be constant. */
const NONCE = new Uint8Array(IV_LENGTH);

export class TicketKeys {
  readonly #engine: CryptoEngine;
  readonly #keys: RotatingKey;
  readonly #rng: Rng;

  /** `secret` has at least 32 bytes. */
  constructor(engine: CryptoEngine, secret: Uint8Array, rng: Rng) {
    this.#engine = engine;
    this.#keys = new RotatingKey(engine, secret, "nagare session tickets", TICKET_LIFETIME);
    this.#rng = rng;
  }

  /** Times here are on the clock that all servers with this secret share. */
  seal(contents: TicketContents, now: Instant): Uint8Array {
    const { number, key } = this.#keys.current(now);
    const start = concat(uint32(number), randomBytes(this.#rng, SALT_LENGTH));
    return concat(start, this.#engine.aeadSeal(AEAD, this.#keyOf(key, start), NONCE, start, emitContents(contents)));
  }

  /** Undefined if the ticket is not ours, damaged or expired; the client is then treated as if it had sent none. */
  open(ticket: Uint8Array, now: Instant): TicketContents | undefined {
    if (ticket.length < START_LENGTH + TAG_LENGTH) return undefined;
    const start = ticket.subarray(0, START_LENGTH);
    const key = this.#keys.byNumber(new Reader(start).uint32(), now);
    if (key === undefined) return undefined;
    const sealed = ticket.subarray(START_LENGTH);
    const body = this.#engine.aeadOpen(AEAD, this.#keyOf(key, start), NONCE, start, sealed);
    const contents = body && parseContents(body);
    if (contents === undefined) return undefined;
    const age = now - contents.issuedAt;
    return age >= 0 && age < TICKET_LIFETIME ? contents : undefined;
  }

  #keyOf(key: Uint8Array, start: Uint8Array): Uint8Array {
    return this.#engine.hmac("sha256", key, start);
  }
}

const emitContents = ({
  suite,
  psk,
  binding,
  issuedAt,
  ageAdd,
  serverName,
  alpn,
  earlyContext,
}: TicketContents): Uint8Array =>
  concat(
    uint16(suite.id),
    vector8(psk),
    uint32(binding),
    uint32(Math.floor(issuedAt / 2 ** 32)),
    uint32(issuedAt % 2 ** 32),
    uint32(ageAdd),
    // A server name is never empty (RFC 6066 §3).
    vector16(latin1(serverName ?? "")),
    vector8(latin1(alpn)),
    vector8(earlyContext),
  );

function parseContents(body: Uint8Array): TicketContents | undefined {
  const reader = new Reader(body);
  try {
    const id = reader.uint16();
    const suite = Object.values(CIPHER_SUITES).find((each) => each.id === id);
    const contents = {
      psk: readVector8(reader).rest(),
      binding: reader.uint32(),
      issuedAt: (reader.uint32() * 2 ** 32 + reader.uint32()) as Instant,
      ageAdd: reader.uint32(),
      serverName: fromLatin1(readVector16(reader).rest()) || undefined,
      alpn: fromLatin1(readVector8(reader).rest()),
      earlyContext: readVector8(reader).rest(),
    };
    expectEnd(reader);
    return suite && { suite, ...contents };
  } catch (error) {
    // Sealed with our key, but by other code.
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
