/**
 * tough-cookie's API, with a browser's decisions.
 *
 * @module nagare/cookies/tough
 */

import { Cookie, type ParseCookieOptions } from "./cookie.ts";

export {
  Cookie,
  type CreateCookieOptions,
  cookieCompare,
  type ParseCookieOptions,
  type SerializedCookie,
} from "./cookie.ts";
export {
  canonicalDomain,
  defaultPath,
  domainMatch,
  formatDate,
  type GetPublicSuffixOptions,
  getPublicSuffix,
  type Nullable,
  ParameterError,
  parseDate,
  pathMatch,
  permuteDomain,
  permutePath,
} from "./helpers.ts";
export { CookieJar } from "./jar.ts";
export {
  type CreateCookieJarOptions,
  type GetCookiesOptions,
  PrefixSecurityEnum,
  type PrefixSecurityMode,
  type SerializedCookieJar,
  type SetCookieOptions,
  version,
} from "./options.ts";
export { MemoryCookieStore, Store } from "./store.ts";
export type { Callback, ErrorCallback } from "./task.ts";

/** Parses a Set-Cookie line, like `Cookie.parse`; undefined if it is not a cookie. */
export const parse = (text: string, options?: ParseCookieOptions): Cookie | undefined => Cookie.parse(text, options);
/** Reads a cookie from what `toJSON` returned, also as text; undefined if it is not a cookie. */
export const fromJSON = (json: unknown): Cookie | undefined => Cookie.fromJSON(json);
