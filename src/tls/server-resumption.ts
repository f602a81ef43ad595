/**
 * How a server decides to resume a session (RFC 8446 §4.2.9–4.2.11) and to accept its early data (§4.2.10, §8). A ticket
 * that does not fit is ignored, and the handshake is a full one; only a wrong binder is an attack.
 */

import type { Instant } from "../base/time.ts";
import type { CryptoEngine } from "../crypto/engine.ts";
import { equalBytes, equalConstantTime } from "../wire/text.ts";
import { alertError } from "./alerts.ts";
import { computeBinder } from "./binders.ts";
import type { CipherSuite } from "./cipher-suite.ts";
import { PSK_DHE_KE } from "./code-points.ts";
import type { TicketPolicy } from "./handshake.ts";
import { KeySchedule } from "./key-schedule.ts";
import type { AcceptableHello } from "./server-choice.ts";
import { FRESHNESS } from "./strike-register.ts";
import type { TicketContents } from "./tickets.ts";
import type { Transcript } from "./transcript.ts";

/** Opening a ticket costs an HMAC and an AEAD, so only the first few are tried. */
const MAX_IDENTITIES = 4;

/** A ticket of ours that fits the ClientHello. Its binder has not been verified. */
export interface OfferedSession {
  /** Its place in the client's list, for the ServerHello. */
  readonly index: number;
  readonly contents: TicketContents;
  readonly obfuscatedAge: number;
}

export const acceptsTickets = ({ extensions }: AcceptableHello): boolean =>
  extensions.psk_key_exchange_modes?.includes(PSK_DHE_KE) === true;

export function findSession(
  tickets: TicketPolicy | undefined,
  hello: AcceptableHello,
  binding: number,
  now: Instant,
): OfferedSession | undefined {
  const { pre_shared_key: offer, server_name: serverName } = hello.extensions;
  if (tickets === undefined || offer === undefined || !acceptsTickets(hello)) return undefined;
  for (const [index, { identity, obfuscatedTicketAge }] of offer.identities.entries()) {
    if (index === MAX_IDENTITIES) return undefined;
    const contents = tickets.keys.open(identity, now);
    // RFC 8446 §4.6.1: only for the server that the certificate was verified for.
    if (contents === undefined || contents.serverName !== serverName || contents.binding !== binding) continue;
    return { index, contents, obfuscatedAge: obfuscatedTicketAge };
  }
  return undefined;
}

/** The Early Secret of the session, or undefined if it does not fit the suite. Fails if the binder is wrong. */
export function resume(
  engine: CryptoEngine,
  { index, contents }: OfferedSession,
  suite: CipherSuite,
  hello: AcceptableHello,
  message: Uint8Array,
  transcript: Transcript,
): Uint8Array | undefined {
  // RFC 8446 §4.2.11: a PSK is bound to a hash, not to a whole suite.
  if (contents.suite.hash !== suite.hash) return undefined;
  const { binders } = hello.extensions.pre_shared_key!;
  const schedule = new KeySchedule(engine, suite.hash);
  const earlySecret = schedule.earlySecret(contents.psk);
  const expected = computeBinder(schedule, earlySecret, suite.hash, transcript, message, binders);
  if (!equalConstantTime(binders[index]!, expected)) {
    throw alertError("decrypt_error", "pre_shared_key", "the binder does not verify");
  }
  return earlySecret;
}

/** What the handshake has selected. */
interface Selection {
  readonly suite: CipherSuite;
  readonly alpn: string;
  readonly isRetried: boolean;
}

/** True if the early data of this ClientHello may be read. Claims the ClientHello, so call this last. */
export function acceptsEarlyData(
  tickets: TicketPolicy,
  session: OfferedSession,
  hello: AcceptableHello,
  { suite, alpn, isRetried }: Selection,
  now: Instant,
): boolean {
  const { earlyData } = tickets;
  const { index, contents, obfuscatedAge } = session;
  const { early_data, pre_shared_key } = hello.extensions;
  if (early_data === undefined || earlyData === undefined || isRetried) return false;
  // RFC 8446 §4.2.10: with the first PSK, and the same suite and protocol as in the first connection.
  if (index !== 0 || contents.suite.name !== suite.name || contents.alpn !== alpn) return false;
  if (contents.earlyContext.length === 0 || !equalBytes(contents.earlyContext, earlyData.context)) return false;
  // RFC 8446 §8.3: the age that the client states, against the real one.
  const statedAge = ((obfuscatedAge - contents.ageAdd) >>> 0) * 1_000;
  if (Math.abs(now - contents.issuedAt - statedAge) > FRESHNESS) return false;
  // The binder cannot be forged, and differs for every ClientHello.
  return earlyData.register.claim(pre_shared_key!.binders[0]!, now);
}
