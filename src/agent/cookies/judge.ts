/**
 * The decisions of a user agent about one cookie: may this response set it (RFC 6265bis §5.7), may this request carry it
 * (§5.8)? Functions of values, so that every store of cookies can use them.
 */

import { type CookieContext, type Situation, situationOf, type Target } from "./context.ts";
import { type Cookie, LAX_ALLOWING_UNSAFE, type Profile, partitionText, type SameSite } from "./cookie.ts";
import type { ParsedCookie, ParseRules } from "./parse.ts";
import { defaultPath, domainMatches, isIp, pathMatches } from "./path.ts";
import type { Reason, Warning } from "./reasons.ts";
import { isTrustworthy, registrableDomain } from "./site.ts";

/** The rules by which a jar judges. */
export interface CookieRules extends ParseRules {
  readonly profile: Profile;
  /** Milliseconds in which a new cookie without SameSite goes with a cross-site top-level POST; 0 for never. */
  readonly laxAllowingUnsafe: number;
  /** True if a cross-site hop among the redirects makes a request cross-site. */
  readonly redirectChain: boolean;
  /** `block` keeps unpartitioned cookies out of third-party requests, as browsers do on a user's wish. */
  readonly thirdParty: "allow" | "block";
}

export const DEFAULT_RULES: CookieRules = {
  profile: "chromium",
  laxAllowingUnsafe: LAX_ALLOWING_UNSAFE,
  redirectChain: false,
  thirdParty: "allow",
};

const SCHEMES = new Set(["http", "https", "ws", "wss"]);

/** A request or response, prepared for decisions about many cookies. */
export interface Visit {
  readonly target: Target;
  readonly situation: Situation;
  /** True if Secure cookies may travel: https, or loopback. */
  readonly isSecure: boolean;
  readonly rules: CookieRules;
}

export function visitOf(target: Target, context: CookieContext, rules: CookieRules): Visit {
  return { target, situation: situationOf(target, context, rules), isSecure: isTrustworthy(target), rules };
}

/** What a line would store; the reasons if it may not. Does not know what is stored already: `hides` does. */
export function judgeSet(
  parsed: ParsedCookie,
  { target, situation, isSecure, rules }: Visit,
  now: number,
): Cookie | readonly Reason[] {
  if (!SCHEMES.has(target.scheme) || target.host === "") return ["SchemeNotSupported"];
  const { secure, httpOnly, sameSite, partitioned } = parsed;
  const place = placeOf(parsed.domain, target.host);
  const malformed: Reason[] = [];
  if (place === undefined) malformed.push("InvalidDomain");
  if (!hasPrefixAttributes(parsed, target.host, isSecure, rules.profile)) malformed.push("InvalidPrefix");
  // CHIPS: the only attribute that partitioned cookies need.
  if (partitioned && !(secure && isSecure && situation.partitionKey !== undefined))
    malformed.push("InvalidPartitioned");
  if (place === undefined || malformed.length > 0) return malformed;

  // deviation: Chromium drops it, because it would be sent like a cookie with a name.
  if (rules.profile === "chromium" && parsed.name === "" && parsed.value.includes("=")) return ["NamelessWithEquals"];

  const reasons: Reason[] = [];
  if (secure && !isSecure) reasons.push("SecureOnly");
  if (situation.script && httpOnly) reasons.push("HttpOnly");
  if (sameSite === "none" && !secure) reasons.push("SameSiteNoneInsecure");
  // RFC 6265bis §5.7: a top-level navigation may set all kinds, POST included.
  else if (!situation.isTopLevel) {
    const crossSite = sameSiteReason(sameSite, situation.mode === "strict", situation.schemelessMode === "strict");
    if (crossSite !== undefined) reasons.push(crossSite);
  }
  if (rules.thirdParty === "block" && situation.isThirdParty && !partitioned) return ["UserPreferences"];
  if (reasons.length > 0) return reasons;
  return {
    name: parsed.name,
    value: parsed.value,
    domain: place.domain,
    hostOnly: place.hostOnly,
    path: parsed.path ?? defaultPath(target.path),
    secure,
    httpOnly,
    sameSite,
    partitionKey: partitioned ? situation.partitionKey : undefined,
    expires: parsed.expires,
    created: now,
  };
}

/** RFC 6265bis §5.7, steps 9 and 10: undefined if the host may not set cookies for the domain. */
function placeOf(domain: string | undefined, host: string): { domain: string; hostOnly: boolean } | undefined {
  if (domain === undefined) return { domain: host, hostOnly: true };
  // A public suffix, an IP address and a single label may only name themselves, which is a cookie of the host.
  if (registrableDomain(host) === undefined) return domain === host ? { domain: host, hostOnly: true } : undefined;
  if (!domainMatches(host, domain) || registrableDomain(domain) === undefined) return undefined;
  return { domain, hostOnly: false };
}

/** RFC 6265bis §5.7, steps 20 and 21, and draft-ietf-httpbis-layered-cookies for `__Http-` and `__Host-Http-`. */
function hasPrefixAttributes(cookie: ParsedCookie, host: string, isSecure: boolean, profile: Profile): boolean {
  const { name, value, domain, domainHasDot, path, secure, httpOnly } = cookie;
  // A cookie without a name is sent as its value, which would then look like a cookie with the prefix.
  const prefix = prefixOf(name === "" ? value : name, profile);
  if (prefix === undefined) return true;
  if (name === "") return false;
  if (!secure || !isSecure) return false;
  const isOfHost = (domain === undefined || (isIp(host) && domain === host && !domainHasDot)) && path === "/";
  if (prefix === "__host-") return isOfHost;
  if (prefix === "__http-") return httpOnly;
  if (prefix === "__host-http-") return isOfHost && httpOnly;
  return true;
}

const PREFIX = /^__(?:secure|host-http|host|http)-/i;

function prefixOf(name: string, profile: Profile): string | undefined {
  const prefix = PREFIX.exec(name)?.[0].toLowerCase();
  if (profile === "chromium" || prefix === undefined) return prefix;
  // RFC 6265bis does not have the other two.
  return prefix === "__host-http-" ? "__host-" : prefix === "__http-" ? undefined : prefix;
}

/**
 * RFC 6265bis §5.7, step 13: true if the new cookie, which came over http, would replace or hide `existing`, which was set
 * over https.
 */
export function hides(cookie: Cookie, existing: Cookie): boolean {
  return (
    existing.secure &&
    existing.name === cookie.name &&
    (domainMatches(existing.domain, cookie.domain) || domainMatches(cookie.domain, existing.domain)) &&
    pathMatches(cookie.path, existing.path) &&
    partitionText(existing.partitionKey) === partitionText(cookie.partitionKey)
  );
}

/** An empty list if the request may carry the cookie. */
export function judgeSend(cookie: Cookie, visit: Visit, now: number): readonly Reason[] {
  const { target, situation, isSecure, rules } = visit;
  const reasons: Reason[] = [];
  if (isExpired(cookie, now)) reasons.push("Expired");
  if (cookie.httpOnly && situation.script) reasons.push("HttpOnly");
  if (cookie.secure && !isSecure) reasons.push("SecureOnly");
  if (cookie.hostOnly ? cookie.domain !== target.host : !domainMatches(target.host, cookie.domain))
    reasons.push("DomainMismatch");
  if (!pathMatches(target.path, cookie.path)) reasons.push("NotOnPath");
  if (cookie.sameSite === "none" && !cookie.secure) reasons.push("SameSiteNoneInsecure");
  else {
    const crossSite = sameSiteReason(
      cookie.sameSite,
      allows(situation.mode, cookie, rules, now),
      allows(situation.schemelessMode, cookie, rules, now),
    );
    if (crossSite !== undefined) reasons.push(crossSite);
  }
  const { partitionKey } = cookie;
  if (partitionKey !== undefined && partitionText(partitionKey) !== partitionText(situation.partitionKey))
    reasons.push("PartitionMismatch");
  if (rules.thirdParty === "block" && situation.isThirdParty && partitionKey === undefined)
    reasons.push("UserPreferences");
  return reasons;
}

/**
 * True if `judgeSend` has nothing against the cookie, whose domain and path are known to match. Says it without the reasons, because requests
 * need no more, and are many.
 */
export function carries(cookie: Cookie, visit: Visit, now: number): boolean {
  const { expires, secure, httpOnly, sameSite, partitionKey } = cookie;
  const { situation, isSecure, rules } = visit;
  if (expires !== undefined && expires <= now) return false;
  if (secure ? !isSecure : sameSite === "none") return false;
  if (httpOnly && situation.script) return false;
  if (sameSite !== "none" && situation.mode !== "strict" && !allows(situation.mode, cookie, rules, now)) return false;
  if (partitionKey !== undefined) return partitionText(partitionKey) === partitionText(situation.partitionKey);
  return rules.thirdParty === "allow" || !situation.isThirdParty;
}

export const isExpired = ({ expires }: Cookie, now: number): boolean => expires !== undefined && expires <= now;

/** What a cookie that is sent should tell its author. */
export const sendWarnings = (cookie: Cookie, { situation }: Visit): readonly Warning[] =>
  cookie.sameSite === "unset" && situation.mode === "lax-unsafe" ? ["LaxAllowUnsafe"] : [];

/** RFC 6265bis §5.8.3, and §5.6.7.2 for new cookies without SameSite. */
function allows(mode: Situation["mode"], { sameSite, created }: Cookie, rules: CookieRules, now: number): boolean {
  if (mode === "strict") return true;
  if (mode === "lax") return sameSite !== "strict";
  return mode === "lax-unsafe" && sameSite === "unset" && now - created <= rules.laxAllowingUnsafe;
}

/** Undefined if the cookie is allowed, or does not care. `schemeless` is the answer if http and https were one site. */
function sameSiteReason(sameSite: SameSite, isAllowed: boolean, schemeless: boolean): Reason | undefined {
  if (isAllowed || sameSite === "none") return undefined;
  const names = { strict: "Strict", lax: "Lax", unset: "UnspecifiedTreatedAsLax" } as const;
  return schemeless ? `SchemefulSameSite${names[sameSite]}` : `SameSite${names[sameSite]}`;
}
