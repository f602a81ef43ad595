/**
 * Cookies as browsers judge them. The guide to the library says which names are stable.
 *
 * @module nagare/cookies
 */

export {
  type Cookie, // a stored cookie
  type CookieContext, // the documents around a request
  type CookieJson, // a cookie in JSON
  type CookieLimits, // how many cookies are kept
  type CookieRules, // the rules of a jar
  type PartitionKey, // the partition of a cookie (CHIPS)
  type Profile, // whose rules
  REASONS, // why a cookie is refused or withheld, as sentences
  type Reason,
  type SameSite,
  type SendVerdict, // the fate of a stored cookie in a request
  type SetOutcome, // the fate of a Set-Cookie line
  WARNINGS, // what will surprise a cookie's author, as sentences
  type Warning,
} from "../agent/cookies/index.ts";
export {
  CookieFile,
  CookieFileError,
  type CookieFileOptions,
  type CookieFileProblem,
} from "../host/cookies/cookie-file.ts"; // cookies on disk
export { CookieJar, type CookieJarOptions } from "../host/cookies/jar.ts"; // the jar
export type { CookieJarJson } from "../host/cookies/jar-json.ts"; // a jar in JSON
export type { CookieStorage, KeptCookie } from "../host/cookies/kept-cookies.ts"; // a place for cookies
export { SetCookieError, type SetCookieOptions, setCookie } from "./set-cookie.ts"; // for servers
