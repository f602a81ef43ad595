// The options of tough-cookie’s jar, and its form in JSON.
import type { CookieContext } from "../../agent/cookies/index.ts";
import type { SerializedCookie } from "./cookie.ts";

/** What becomes of cookies whose name has a prefix that they do not satisfy. */
export const PrefixSecurityEnum = { SILENT: "silent", STRICT: "strict", DISABLED: "unsafe-disabled" } as const;
/** A value of `PrefixSecurityEnum`. */
export type PrefixSecurityMode = (typeof PrefixSecurityEnum)[keyof typeof PrefixSecurityEnum];

export interface ContextOptions {
  /** `none` is a cross-site request, `lax` a cross-site link; `strict`, the default, a same-site request. */
  sameSiteContext?: "strict" | "lax" | "none" | undefined;
  /** Not of tough-cookie: the documents around the request. */
  context?: CookieContext | undefined;
  /** False for `document.cookie`. */
  http?: boolean | undefined;
}

/** How a cookie is stored. */
export interface SetCookieOptions extends ContextOptions {
  loose?: boolean | undefined;
  ignoreError?: boolean | undefined;
  now?: Date | undefined;
}

/** Which cookies to get. */
export interface GetCookiesOptions extends ContextOptions {
  expire?: boolean | undefined;
  allPaths?: boolean | undefined;
  sort?: boolean | undefined;
}

/** The options of a jar. */
export interface CreateCookieJarOptions {
  rejectPublicSuffixes?: boolean | undefined;
  looseMode?: boolean | undefined;
  prefixSecurity?: PrefixSecurityMode | undefined;
  allowSpecialUseDomain?: boolean | undefined;
  allowSecureOnLocal?: boolean | undefined;
  enforceSecureOriginOnStorage?: boolean | undefined;
}

/** A jar in JSON. */
export interface SerializedCookieJar {
  version: string;
  storeType: string | null;
  rejectPublicSuffixes: boolean;
  [key: string]: unknown;
  cookies: SerializedCookie[];
}

/** The version of tough-cookie whose API this is. */
export const version = "6.1.0";
