/**
 * A client's side of a session that can be resumed (RFC 8446 §4.6.1): the ticket, its key, and everything that a
 * resumption relies on without negotiating it again.
 */

import { after, type Instant, type Micros, seconds } from "../base/time.ts";
import type { CipherSuiteName } from "./cipher-suite.ts";
import type { NewSessionTicket } from "./messages/new-session-ticket.ts";

/** RFC 8446 §4.6.1: tickets are not used for longer than seven days, whatever the server says. */
const MAX_LIFETIME = seconds(7 * 24 * 60 * 60);

export interface ClientSession {
  /** The name that the certificate was verified for. */
  readonly serverName: string;
  readonly alpn: string;
  readonly suite: CipherSuiteName;
  readonly psk: Uint8Array;
  readonly ticket: Uint8Array;
  readonly ageAdd: number;
  /** On the clock of `wallTime`. */
  readonly receivedAt: Instant;
  readonly expiresAt: Instant;
  readonly allowsEarlyData: boolean;
  /** The server's quic_transport_parameters, which 0-RTT packets must obey (RFC 9000 §7.4.1). */
  readonly transportParameters: Uint8Array;
}

/** What the handshake contributes to the sessions of its tickets. */
export type SessionBasis = Pick<ClientSession, "serverName" | "alpn" | "suite" | "transportParameters">;

/** Undefined for a ticket that must not be kept. */
export function sessionOf(
  basis: SessionBasis,
  message: NewSessionTicket,
  psk: Uint8Array,
  now: Instant,
): ClientSession | undefined {
  const lifetime = Math.min(seconds(message.ticketLifetime), MAX_LIFETIME) as Micros;
  // RFC 8446 §4.6.1: zero means that the ticket should be discarded immediately.
  if (lifetime === 0) return undefined;
  return {
    ...basis,
    psk,
    ticket: message.ticket,
    ageAdd: message.ticketAgeAdd,
    receivedAt: now,
    expiresAt: after(now, lifetime),
    allowsEarlyData: message.extensions.early_data !== undefined,
  };
}

/** The age of the ticket in milliseconds, hidden from observers (RFC 8446 §4.2.11.1). */
export const obfuscatedAge = (session: ClientSession, now: Instant): number =>
  (Math.floor((now - session.receivedAt) / 1_000) + session.ageAdd) % 2 ** 32;
