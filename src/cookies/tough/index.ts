// nagare/cookies/tough: tough-cookie's API, with a browser's decisions.
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

export const parse = (text: string, options?: ParseCookieOptions): Cookie | undefined => Cookie.parse(text, options);
export const fromJSON = (json: unknown): Cookie | undefined => Cookie.fromJSON(json);
