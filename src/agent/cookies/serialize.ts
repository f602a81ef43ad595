/** Cookies as text: for a request, for JSON, and for Netscape's file. */

import type { Cookie, PartitionKey, SameSite } from "./cookie.ts";

/** RFC 6265bis §5.8.3: a cookie without a name is its bare value. */
export const pairText = ({ name, value }: Pick<Cookie, "name" | "value">): string =>
  name === "" ? value : `${name}=${value}`;

/** RFC 6265bis §5.8.3: the value of the field `cookie`. */
export const cookieString = (cookies: readonly Pick<Cookie, "name" | "value">[]): string =>
  cookies.map(pairText).join("; ");

/** A cookie in JSON. Members with their usual value are left out. */
export interface CookieJson {
  readonly name: string;
  readonly value: string;
  readonly domain: string;
  readonly hostOnly?: boolean;
  readonly path: string;
  readonly secure?: boolean;
  readonly httpOnly?: boolean;
  readonly sameSite?: SameSite;
  readonly partitionKey?: PartitionKey;
  /** Milliseconds since 1970. */
  readonly expires?: number;
  readonly created: number;
}

export const cookieJson = (cookie: Cookie): CookieJson => ({
  name: cookie.name,
  value: cookie.value,
  domain: cookie.domain,
  ...(cookie.hostOnly ? { hostOnly: true } : {}),
  path: cookie.path,
  ...(cookie.secure ? { secure: true } : {}),
  ...(cookie.httpOnly ? { httpOnly: true } : {}),
  ...(cookie.sameSite === "unset" ? {} : { sameSite: cookie.sameSite }),
  ...(cookie.partitionKey === undefined ? {} : { partitionKey: cookie.partitionKey }),
  ...(cookie.expires === undefined ? {} : { expires: cookie.expires }),
  created: cookie.created,
});

const SAME_SITE: readonly unknown[] = ["strict", "lax", "none", "unset"];

/** Returns undefined if the value is not a cookie. */
export function cookieFromJson(value: unknown): Cookie | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { name, value: text, domain, hostOnly, path, secure, httpOnly, ...rest } = value as Record<string, unknown>;
  const { sameSite = "unset", partitionKey, expires, created } = rest;
  if (typeof name !== "string" || typeof text !== "string" || name + text === "") return undefined;
  if (typeof domain !== "string" || domain === "" || typeof path !== "string" || !path.startsWith("/"))
    return undefined;
  if (!SAME_SITE.includes(sameSite) || !isTime(created) || !(expires === undefined || isTime(expires)))
    return undefined;
  if (!(partitionKey === undefined || isPartitionKey(partitionKey))) return undefined;
  return {
    name,
    value: text,
    domain,
    hostOnly: hostOnly === true,
    path,
    secure: secure === true,
    httpOnly: httpOnly === true,
    sameSite: sameSite as SameSite,
    partitionKey,
    expires,
    created,
  };
}

const isTime = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

function isPartitionKey(value: unknown): value is PartitionKey {
  if (typeof value !== "object" || value === null) return false;
  const { topLevelSite, hasCrossSiteAncestor } = value as Record<string, unknown>;
  return typeof topLevelSite === "string" && typeof hasCrossSiteAncestor === "boolean";
}
