/**
 * Why a cookie is refused or withheld. The names are those of Chromium's DevTools protocol (`SetCookieBlockedReason`,
 * `CookieBlockedReason`). Those from `HttpOnly` on have no name there: Chromium refuses these cookies without giving a reason,
 * and they are named after its `CookieInclusionStatus`.
 */

export const REASONS = {
  SecureOnly: "the attribute Secure allows it only over https",
  NotOnPath: "its Path does not cover the request's path",
  DomainMismatch: "its Domain, or its host, does not cover the request's host",
  SameSiteStrict: "SameSite=Strict keeps it out of cross-site requests",
  SameSiteLax: "SameSite=Lax keeps it out of cross-site requests, except for top-level navigations with a safe method",
  SameSiteUnspecifiedTreatedAsLax:
    "it has no valid SameSite attribute, which counts as Lax, and the request is cross-site",
  SchemefulSameSiteStrict: "SameSite=Strict, and the request is cross-site because http and https are different sites",
  SchemefulSameSiteLax: "SameSite=Lax, and the request is cross-site because http and https are different sites",
  SchemefulSameSiteUnspecifiedTreatedAsLax:
    "it has no valid SameSite attribute, which counts as Lax, and http and https are different sites",
  SameSiteNoneInsecure: "SameSite=None requires the attribute Secure",
  UserPreferences: "the user blocks third-party cookies",
  NameValuePairExceedsMaxSize: "its name and value have more than 4096 bytes",
  InvalidDomain: "its Domain is not the request's host or a parent of it, or is a public suffix",
  InvalidPrefix:
    "its name begins with __Secure-, __Host-, __Http- or __Host-Http-, and it lacks the attributes that the prefix demands",
  OverwriteSecure: "http may not replace or hide a cookie that was set with Secure",
  DisallowedCharacter: "it contains a control character",
  NoCookieContent: "it has neither a name nor a value",
  SchemeNotSupported: "only http, https, ws and wss have cookies",
  HttpOnly: "the attribute HttpOnly hides it from scripts",
  OverwriteHttpOnly: "scripts may not replace a cookie that has HttpOnly",
  NamelessWithEquals: "it has no name and an equals sign in its value, and would be sent like a cookie with a name",
  InvalidPartitioned: "Partitioned requires the attribute Secure, https, and a top-level document with an origin",
  PartitionMismatch: "it belongs to another partition: another top-level site, or another chain of frames",
  Expired: "its lifetime has ended",
} as const;

/** Why a cookie is refused or withheld; `REASONS` has a sentence about each. */
export type Reason = keyof typeof REASONS;

/** What does not prevent a cookie, but will surprise its author. */
export const WARNINGS = {
  AttributeValueExceedsMaxSize: "an attribute has more than 1024 bytes and is ignored",
  LaxAllowUnsafe: "it is sent with a cross-site POST only because it is younger than two minutes",
  LifetimeShortened: "its lifetime is cut to 400 days",
} as const;

/** What may surprise a cookie's author; `WARNINGS` has a sentence about each. */
export type Warning = keyof typeof WARNINGS;
