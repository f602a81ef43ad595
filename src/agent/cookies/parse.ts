/** The parser of Set-Cookie (RFC 6265bis §5.6): one line, without any knowledge of where it came from. */

import {
  byteLength,
  MAX_ATTRIBUTE_BYTES,
  MAX_LIFETIME,
  MAX_PAIR_BYTES,
  type Profile,
  type SameSite,
} from "./cookie.ts";
import { parseCookieDate } from "./date.ts";
import type { Reason, Warning } from "./reasons.ts";

/** A Set-Cookie line as its server meant it. */
export interface ParsedCookie {
  readonly name: string;
  readonly value: string;
  /** Lower-case, without a leading dot; undefined if there is none. */
  readonly domain: string | undefined;
  /** True if the domain was written with a leading dot. */
  readonly domainHasDot: boolean;
  /** Undefined if the path comes from the request. */
  readonly path: string | undefined;
  readonly secure: boolean;
  readonly httpOnly: boolean;
  readonly partitioned: boolean;
  readonly sameSite: SameSite;
  /** Milliseconds since 1970; undefined for a session cookie. */
  readonly expires: number | undefined;
  readonly warnings: readonly Warning[];
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 6265bis §5.6, step 1
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is allowed
const NON_ASCII = /[^\x00-\x7f]/;
const DAY = 24 * 3_600 * 1_000;

export interface ParseRules {
  readonly profile: Profile;
  /**
   * Converts a domain of UTF-8 bytes to A-labels (IDNA), or returns an empty string. Without it, such domains are refused, as by
   * RFC 6265bis.
   */
  readonly toAscii?: ((domain: string) => string) | undefined;
}

/** Returns the reason if no browser would keep the cookie. `now` is in milliseconds since 1970. */
export function parseSetCookie(line: string, rules: ParseRules, now: number): ParsedCookie | Reason {
  const { profile } = rules;
  if (CONTROL.test(line)) return "DisallowedCharacter";
  const end = line.indexOf(";");
  const pair = end < 0 ? line : line.slice(0, end);
  const equals = pair.indexOf("=");
  const name = equals < 0 ? "" : trim(pair.slice(0, equals));
  const value = trim(equals < 0 ? pair : pair.slice(equals + 1));
  // deviation: RFC 6265bis allows a tab, Chromium only around names and values.
  if (profile === "chromium" && hasInnerTab(line)) return "DisallowedCharacter";
  if (name === "" && value === "") return "NoCookieContent";
  if (byteLength(name) + byteLength(value) > MAX_PAIR_BYTES) return "NameValuePairExceedsMaxSize";
  const attributes = end < 0 ? {} : readAttributes(line.slice(end + 1), rules, now);
  if (attributes.badDomain) return "InvalidDomain";
  const {
    domain,
    domainHasDot = false,
    path,
    secure = false,
    httpOnly = false,
    partitioned = false,
    sameSite = "unset",
  } = attributes;
  const { maxAge, expires } = attributes;
  const until = maxAge ?? expires;
  const latest = now + MAX_LIFETIME;
  const warnings: Warning[] = attributes.tooLong ? ["AttributeValueExceedsMaxSize"] : [];
  // A server that asks for exactly 400 days, or whose clock is ahead, need not be told.
  if (until !== undefined && until > latest + DAY) warnings.push("LifetimeShortened");
  return {
    name,
    value,
    domain,
    domainHasDot,
    path,
    secure,
    httpOnly,
    partitioned,
    sameSite,
    // RFC 6265bis §5.6.2: Max-Age has precedence.
    expires: until === undefined ? undefined : Math.min(until, latest),
    warnings,
  };
}

interface Attributes {
  domain?: string | undefined;
  domainHasDot?: boolean;
  badDomain?: boolean;
  path?: string | undefined;
  secure?: boolean;
  httpOnly?: boolean;
  partitioned?: boolean;
  sameSite?: SameSite;
  maxAge?: number | undefined;
  expires?: number | undefined;
  tooLong?: boolean;
}

/** The last occurrence of an attribute wins. */
function readAttributes(text: string, rules: ParseRules, now: number): Attributes {
  // deviation: an invalid Max-Age or Expires makes Chromium forget an earlier one, too.
  const isForgetful = rules.profile === "chromium";
  const read: Attributes = {};
  for (const attribute of text.split(";")) {
    const equals = attribute.indexOf("=");
    const name = trim(equals < 0 ? attribute : attribute.slice(0, equals)).toLowerCase();
    const value = equals < 0 ? "" : trim(attribute.slice(equals + 1));
    if (byteLength(value) > MAX_ATTRIBUTE_BYTES) {
      read.tooLong = true;
      continue;
    }
    if (name === "domain") readDomain(value, rules, read);
    else if (name === "path") read.path = value.startsWith("/") ? value : undefined;
    else if (name === "secure") read.secure = true;
    else if (name === "httponly") read.httpOnly = true;
    else if (name === "partitioned") read.partitioned = true;
    else if (name === "samesite") read.sameSite = sameSiteOf(value);
    else if (name === "max-age")
      read.maxAge = readMaxAge(value, rules.profile, now) ?? (isForgetful ? undefined : read.maxAge);
    else if (name === "expires") {
      read.expires = parseCookieDate(value, rules.profile) ?? (isForgetful ? undefined : read.expires);
    }
  }
  return read;
}

function readDomain(value: string, { profile, toAscii }: ParseRules, read: Attributes): void {
  read.domainHasDot = value.startsWith(".");
  let domain = read.domainHasDot ? value.slice(1) : value;
  // deviation: RFC 6265bis refuses it, Chromium reads it as UTF-8.
  if (NON_ASCII.test(domain) && profile === "chromium") domain = toAscii?.(domain) ?? domain;
  read.domain = domain === "" ? undefined : domain.toLowerCase();
  // deviation: an attribute of one dot is empty in RFC 6265bis, and refused by Chromium.
  read.badDomain = NON_ASCII.test(domain) || (profile === "chromium" && domain === "" && value !== "");
}

/** True if a tab stands inside a name or a value, of the cookie or an attribute. */
const hasInnerTab = (line: string): boolean =>
  line.includes("\t") && line.split(/[;=]/).some((part) => trim(part).includes("\t"));

function sameSiteOf(value: string): SameSite {
  const lower = value.toLowerCase();
  return lower === "strict" || lower === "lax" || lower === "none" ? lower : "unset";
}

/** Returns a time; undefined if the value is invalid and thus ignored. */
function readMaxAge(value: string, profile: Profile, now: number): number | undefined {
  const isValid = profile === "chromium" ? /^[-+]?\d+$/.test(value) : /^-?\d+$/.test(value);
  if (!isValid) return undefined;
  const seconds = Number(value);
  // A time before all others, so that no clock makes the cookie valid.
  return seconds <= 0 ? Number.MIN_SAFE_INTEGER : now + seconds * 1_000;
}

/** Only spaces and tabs: `String.trim` would remove more. */
export function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

const isBlank = (unit: number): boolean => unit === 0x20 || unit === 0x09;
