/** A jar of cookies as JSON: what `toJSON` returns, and what files hold. */

import { type CookieJson, cookieFromJson, cookieJson } from "../../agent/cookies/index.ts";
import type { KeptCookie } from "./kept-cookies.ts";

/** A jar in JSON. */
export interface CookieJarJson {
  readonly version: 1;
  readonly cookies: readonly (CookieJson & { readonly lastAccess?: number })[];
}

export const jarJson = (entries: Iterable<KeptCookie>): CookieJarJson => ({
  version: 1,
  cookies: Array.from(entries, ({ cookie, lastAccess }) => ({
    ...cookieJson(cookie),
    ...(lastAccess === cookie.created ? {} : { lastAccess }),
  })),
});

/** Throws a TypeError if the value is not a jar. */
export function readJar(value: unknown): { readonly cookies: readonly KeptCookie[] } {
  const { version, cookies } = (value ?? {}) as { readonly version?: unknown; readonly cookies?: unknown };
  if (version !== 1 || !Array.isArray(cookies))
    throw new TypeError("not a jar of cookies: expected { version: 1, cookies: […] }");
  return {
    cookies: cookies.flatMap((each: unknown) => {
      const cookie = cookieFromJson(each);
      if (cookie === undefined) return [];
      const { lastAccess } = each as { readonly lastAccess?: unknown };
      return [{ cookie, lastAccess: typeof lastAccess === "number" ? lastAccess : cookie.created }];
    }),
  };
}
