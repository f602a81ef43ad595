/** When a certificate is renewed: when its authority suggests (ARI, RFC 9773), or after two thirds of its lifetime. */

import { DerReader, Tag } from "../../crypto/index.ts";
import { parseX509 } from "../certificates/certificate.ts";
import type { Identity } from "../certificates/identity.ts";
import type { AcmeClient } from "./client.ts";
import type { AcmeClock } from "./clock.ts";
import { base64url } from "./jose.ts";

const HOUR = 3_600_000;
const FALLBACK = 2 / 3;
/** The part of the lifetime over which renewals are spread. */
const SPREAD = 1 / 30;
/** How often the authority is asked, if it does not say; and the bounds of what it may say. */
const POLL = 6 * HOUR;
const SHORTEST_POLL = 60_000;
const LONGEST_POLL = 24 * HOUR;

export interface RenewalPlan {
  /** Milliseconds since 1970. */
  readonly renewAt: number;
  /** When to ask the authority again. */
  readonly askAt: number;
}

/** The plan without the authority's advice. */
export function fallbackPlan({ notBefore, notAfter }: Identity, clock: AcmeClock): RenewalPlan {
  const lifetime = notAfter.getTime() - notBefore.getTime();
  const part = FALLBACK - clock.random() * SPREAD;
  return { renewAt: notBefore.getTime() + lifetime * part, askAt: clock.now() + POLL };
}

/** The plan with the authority's advice, if it gives any. Never rejects because of a missing or unusable answer. */
export async function renewalPlan(client: AcmeClient, identity: Identity, signal: AbortSignal): Promise<RenewalPlan> {
  const { clock } = client;
  const fallback = fallbackPlan(identity, clock);
  const id = renewalId(identity.chain[0]!);
  try {
    const { renewalInfo } = await client.directory(signal);
    if (renewalInfo === undefined || id === undefined) return fallback;
    const response = await client.get(`${renewalInfo.replace(/\/$/, "")}/${id}`, signal);
    const { suggestedWindow } = client.jsonOf(response) as { suggestedWindow?: { start?: unknown; end?: unknown } };
    const start = Date.parse(String(suggestedWindow?.start));
    const end = Date.parse(String(suggestedWindow?.end));
    // RFC 9773 §4.3.2: a window that ends before it starts is no advice.
    if (!(start < end)) return fallback;
    const now = clock.now();
    const wanted = client.retryAfter(response)?.getTime() ?? now + POLL;
    return {
      renewAt: start + clock.random() * (end - start),
      // RFC 9773 §4.3.3: within bounds of our own
      askAt: Math.min(Math.max(wanted, now + SHORTEST_POLL), now + LONGEST_POLL),
    };
  } catch (error) {
    if (signal.aborted) throw error;
    return fallback;
  }
}

/** RFC 9773 §4.1: the authority key identifier and the serial number. Undefined without the former. */
export function renewalId(der: Uint8Array): string | undefined {
  const { authorityKeyId } = parseX509(der);
  const serial = new DerReader(der).enter(Tag.sequence)?.enter(Tag.sequence);
  serial?.enter(0xa0);
  const number = serial?.take(Tag.integer);
  return authorityKeyId === undefined || number === undefined
    ? undefined
    : `${base64url(authorityKeyId)}.${base64url(number)}`;
}
