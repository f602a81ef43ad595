/** Cookies as browsers judge them: parser, decisions with their reasons, store, and forms for files. */

export { type ClearSiteData, parseClearSiteData, SITE_DATA, type SiteData } from "./clear-site-data.ts";
export type { CookieContext, SameSiteMode, Situation, SituationRules, Target } from "./context.ts";
export { situationOf } from "./context.ts";
export {
  type Cookie,
  LAX_ALLOWING_UNSAFE,
  MAX_ATTRIBUTE_BYTES,
  MAX_LIFETIME,
  MAX_PAIR_BYTES,
  type PartitionKey,
  type Profile,
  partitionText,
  type SameSite,
} from "./cookie.ts";
export { parseCookieDate } from "./date.ts";
export type { StoredCookie } from "./index-tree.ts";
export { type CookieRules, carries, DEFAULT_RULES, hides, judgeSend, judgeSet, type Visit, visitOf } from "./judge.ts";
export { type CookieLimits, DEFAULT_LIMITS } from "./limits.ts";
export { type CookieFileContent, formatCookieFile, parseCookieFile } from "./netscape.ts";
export { type ParsedCookie, type ParseRules, parseSetCookie } from "./parse.ts";
export { defaultPath, domainMatches, isIp, pathMatches } from "./path.ts";
export { REASONS, type Reason, WARNINGS, type Warning } from "./reasons.ts";
export { type CookieJson, cookieFromJson, cookieJson, cookieString } from "./serialize.ts";
export { isSameSite, isTrustworthy, type Origin, parseOrigin, registrableDomain, siteOf } from "./site.ts";
export { type CookieChange, CookieStore, type CookieStoreOptions, type SendVerdict, type SetOutcome } from "./store.ts";
