/** What a client offers to resume a session (RFC 8446 §4.2.10, §4.2.11), and the secrets that follow from it. */

import type { Instant } from "../base/time.ts";
import { HASH_LENGTH } from "../crypto/engine.ts";
import { computeBinder } from "./binders.ts";
import type { CipherSuite } from "./cipher-suite.ts";
import { CIPHER_SUITES, DEFAULT_CIPHER_SUITES } from "./code-points.ts";
import type { TlsClientConfig } from "./handshake.ts";
import { KeySchedule } from "./key-schedule.ts";
import { type ClientHello, emitClientHello } from "./messages/client-hello.ts";
import { type ClientSession, obfuscatedAge } from "./session.ts";
import type { Transcript } from "./transcript.ts";

export class SessionOffer {
  readonly session: ClientSession;
  readonly suite: CipherSuite;
  readonly earlySecret: Uint8Array;
  readonly #schedule: KeySchedule;

  constructor(config: TlsClientConfig, session: ClientSession) {
    this.session = session;
    this.suite = CIPHER_SUITES[session.suite];
    this.#schedule = new KeySchedule(config.engine, this.suite.hash);
    this.earlySecret = this.#schedule.earlySecret(session.psk);
  }

  /** Adds the session to a ClientHello, which otherwise stays the same. The binder is still empty. */
  addTo(hello: ClientHello, offersEarlyData: boolean, now: Instant): ClientHello {
    return {
      ...hello,
      extensions: {
        ...hello.extensions,
        ...(offersEarlyData ? { early_data: true } : {}),
        pre_shared_key: {
          identities: [{ identity: this.session.ticket, obfuscatedTicketAge: obfuscatedAge(this.session, now) }],
          binders: [new Uint8Array(HASH_LENGTH[this.suite.hash])],
        },
      },
    };
  }

  /** The message with its binder. The transcript holds what precedes it. */
  emit(hello: ClientHello, transcript: Transcript): Uint8Array {
    const message = emitClientHello(hello);
    const { binders } = hello.extensions.pre_shared_key!;
    const { hash } = this.suite;
    const binder = computeBinder(this.#schedule, this.earlySecret, hash, transcript, message, binders);
    message.set(binder, message.length - binder.length);
    return message;
  }

  /** The secret of 0-RTT packets; the transcript is still empty. */
  earlyTraffic(message: Uint8Array, transcript: Transcript): Uint8Array {
    return this.#schedule.earlyTraffic(this.earlySecret, transcript.digestWith(this.suite.hash, message));
  }
}

/** True if the session may be resumed under this configuration. */
function isUsable(session: ClientSession, config: TlsClientConfig, now: Instant): boolean {
  const suites = config.cipherSuites ?? DEFAULT_CIPHER_SUITES;
  return (
    session.serverName === config.serverName &&
    config.alpn.includes(session.alpn) &&
    suites.includes(session.suite) &&
    now >= session.receivedAt &&
    now < session.expiresAt
  );
}

export function offerSession(config: TlsClientConfig, now: Instant): SessionOffer | undefined {
  const { session } = config;
  return session !== undefined && isUsable(session, config, now) ? new SessionOffer(config, session) : undefined;
}
