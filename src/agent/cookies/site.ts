/** Origins and sites: a scheme and a registrable domain, by the Public Suffix List. */

import { getDomain } from "tldts";
import { isIp } from "./path.ts";

/** Scheme and host of a document or URL. */
export interface Origin {
  /** Without a colon: `https`. */
  readonly scheme: string;
  /** As URLs write it: lower-case, Punycode, IPv6 in brackets. */
  readonly host: string;
}

/** The origin of a sandboxed document, a data: URL and others without one: same-site with nothing. */
export const OPAQUE = "null";

const ORIGIN = /^([a-z][a-z\d+.-]*):\/\/(?:[^/?#@]*@)?(\[[\d:a-f.]+\]|[^/?#:]+)/i;
const PSL = { allowPrivateDomains: true, extractHostname: false, validateHostname: false, detectIp: false };

/** Reads an origin or URL; undefined if it is opaque. Blob URLs have the origin that created them. */
export function parseOrigin(text: string): Origin | undefined {
  const match = ORIGIN.exec(text.startsWith("blob:") ? text.slice(5) : text);
  if (match === null || match[1]!.toLowerCase() === "file") return undefined;
  return { scheme: match[1]!.toLowerCase(), host: match[2]!.toLowerCase() };
}

/**
 * The registrable domain: one label more than a public suffix. Undefined for IP addresses, public suffixes and single
 * labels, which are sites of their own.
 */
export function registrableDomain(host: string): string | undefined {
  let found = known.get(host);
  if (found === undefined) {
    found = lookUp(host) ?? NONE;
    // Hosts come from others; the answers never change.
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(host, found);
  }
  return found === NONE ? undefined : found;
}

const NONE = "";
const MAX_KNOWN = 2_000;
const known = new Map<string, string>();

function lookUp(host: string): string | undefined {
  if (isIp(host)) return undefined;
  // A trailing dot makes another name, also for Chromium.
  if (host.endsWith(".")) {
    const domain = getDomain(host.slice(0, -1), PSL);
    return domain === null ? undefined : `${domain}.`;
  }
  return getDomain(host, PSL) ?? undefined;
}

/** The registrable domain, or the whole host if it has none. */
export const siteHost = (host: string): string => registrableDomain(host) ?? host;

const HTTP_SCHEMES: Readonly<Record<string, string>> = { ws: "http", wss: "https" };
/** WebSocket's schemes count as HTTP's. */
export const httpScheme = (scheme: string): string => HTTP_SCHEMES[scheme] ?? scheme;

/** The schemeful site: `https://example.com`; `null` if it is opaque. */
export const siteOf = (origin: Origin | undefined): string =>
  origin === undefined ? OPAQUE : `${httpScheme(origin.scheme)}://${siteHost(origin.host)}`;

export function isSameSite(a: Origin | undefined, b: Origin | undefined, schemeful = true): boolean {
  if (a === undefined || b === undefined) return false;
  if (schemeful && httpScheme(a.scheme) !== httpScheme(b.scheme)) return false;
  return a.host === b.host || siteHost(a.host) === siteHost(b.host);
}

/** Secure Contexts §3.1: https, and loopback whatever its scheme. */
export const isTrustworthy = ({ scheme, host }: Origin): boolean =>
  scheme === "https" || scheme === "wss" || isLoopback(host);

function isLoopback(host: string): boolean {
  const name = host.endsWith(".") ? host.slice(0, -1) : host;
  return name === "localhost" || name.endsWith(".localhost") || name === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(name);
}
