// tough-cookie's functions about dates, paths and domains.
import { domainToASCII } from "node:url";
import {
  domainMatches,
  parseCookieDate,
  pathMatches,
  defaultPath as pathOf,
  registrableDomain,
} from "../../agent/cookies/index.ts";

/** A value that may be missing. */
export type Nullable<T> = T | null | undefined;

/** An argument of a wrong type. */
export class ParameterError extends Error {}

/** RFC 6761 and RFC 6762: names that no registry has. */
const SPECIAL_USE = new Set(["local", "example", "invalid", "localhost", "test"]);

/** Parses a cookie's date (RFC 6265 §5.1.1); undefined if it is not a date. */
export function parseDate(text: Nullable<string>): Date | undefined {
  const time = typeof text === "string" ? parseCookieDate(text, "chromium") : undefined;
  return time === undefined ? undefined : new Date(time);
}

/** A date as HTTP writes it. */
export const formatDate = (date: Date): string => date.toUTCString();

/** The path of a cookie without Path: that of the request up to its last slash (RFC 6265 §5.1.4). */
export const defaultPath = (path?: Nullable<string>): string => pathOf(path ?? "");

/** True if a request to a path gets the cookies of another (RFC 6265 §5.1.4). */
export const pathMatch = (requestPath: string, cookiePath: string): boolean => pathMatches(requestPath, cookiePath);

const PLAIN = /^[a-z\d-]+(?:\.[a-z\d-]+)*$/;

/** Lower-case, in A-labels, without a leading dot, IPv6 without brackets; undefined for what is not a domain. */
export function canonicalDomain(domain: Nullable<string>): string | undefined {
  if (domain === null || domain === undefined) return undefined;
  // What a jar has stored.
  if (PLAIN.test(domain)) return domain;
  const name = domain.trim().replace(/^\./, "");
  if (name.includes(":")) {
    const url = `http://${name.startsWith("[") ? name : `[${name}]`}/`;
    return URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : name.toLowerCase();
  }
  return isPlainAscii(name) ? name.toLowerCase() : domainToASCII(name) || undefined;
}

/** The domain as URLs write hosts. */
export function hostOf(domain: Nullable<string>): string {
  const name = canonicalDomain(domain) ?? "";
  return bracketed(name);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
const isPlainAscii = (text: string): boolean => /^[\x00-\x7f]*$/.test(text);

/**
 * True if a host gets the cookies of a domain (RFC 6265 §5.1.3). `canonicalize: false` compares the names as they
 * are.
 */
export function domainMatch(
  domain?: Nullable<string>,
  cookieDomain?: Nullable<string>,
  canonicalize?: boolean,
): boolean | undefined {
  if (domain === null || domain === undefined || cookieDomain === null || cookieDomain === undefined) return undefined;
  const [host, wanted] =
    canonicalize === false ? [domain, cookieDomain] : [canonicalDomain(domain), canonicalDomain(cookieDomain)];
  return host !== undefined && wanted !== undefined && domainMatches(bracketed(host), bracketed(wanted));
}

const bracketed = (host: string): string => (host.includes(":") ? `[${host}]` : host);

/** What `getPublicSuffix` accepts. */
export interface GetPublicSuffixOptions {
  allowSpecialUseDomain?: boolean | undefined;
  ignoreError?: boolean | undefined;
}

/** Despite its name, which is tough-cookie's, the registrable domain. */
export function getPublicSuffix(domain: string, options: GetPublicSuffixOptions = {}): string | undefined {
  const { allowSpecialUseDomain = true, ignoreError = false } = options;
  const host = canonicalDomain(domain) ?? "";
  const labels = host.split(".");
  const top = labels.at(-1)!;
  if (SPECIAL_USE.has(top)) {
    // As in tough-cookie, for hosts such as localhost and printer.local.
    if (allowSpecialUseDomain)
      return labels.length > 1
        ? labels.slice(-2).join(".")
        : top === "localhost" || top === "invalid"
          ? top
          : undefined;
    if (!ignoreError) {
      throw new Error(
        `Cookie has domain set to the public suffix "${top}" which is a special use domain. To allow this, configure your CookieJar with {allowSpecialUseDomain: true, rejectPublicSuffixes: false}.`,
      );
    }
  }
  return registrableDomain(host);
}

/** The domain and those above it, down to the registrable one. */
export function permuteDomain(domain: string, allowSpecialUseDomain?: boolean): string[] | undefined {
  const name = domain.endsWith(".") ? domain.slice(0, -1) : domain;
  const top = getPublicSuffix(name, { allowSpecialUseDomain });
  if (top === undefined) return undefined;
  if (top === name) return [name];
  const prefix = name
    .slice(0, -(top.length + 1))
    .split(".")
    .reverse();
  const found = [top];
  for (const label of prefix) found.push(`${label}.${found.at(-1)}`);
  return found;
}

/** The path and those above it. */
export function permutePath(path: string): string[] {
  const found = [path];
  for (let rest = path; rest.length > 1; ) {
    const slash = rest.lastIndexOf("/");
    if (slash <= 0) break;
    rest = rest.slice(0, slash);
    found.push(rest);
  }
  return [...new Set([...found, "/"])];
}
