/** How many cookies are kept, and which go first (RFC 6265bis §5.7, last part; the numbers are those of Chromium 156). */

import type { StoredCookie } from "./index-tree.ts";

/** How many cookies a jar keeps. */
export interface CookieLimits {
  /** Unpartitioned cookies of a registrable domain. */
  readonly perDomain: number;
  /** How many are removed besides, so that this does not happen with each cookie. */
  readonly domainMargin: number;
  /** Cookies of a registrable domain in one partition. */
  readonly perPartition: number;
  /** Bytes of their names and values. */
  readonly partitionBytes: number;
  /** Cookies of all domains, above which those go that were not used for `unusedFor`. */
  readonly total: number;
  /** Milliseconds. */
  readonly unusedFor: number;
  /** Cookies of all domains, in any case: bounds the memory. */
  readonly maximum: number;
}

export const DEFAULT_LIMITS: CookieLimits = {
  perDomain: 180,
  domainMargin: 30,
  perPartition: 180,
  partitionBytes: 10_240,
  total: 3_300,
  unusedFor: 30 * 24 * 3_600 * 1_000,
  maximum: 50_000,
};

/** Those to remove so that at most `keep` remain: without Secure before others, then the least recently used. */
export function victims(cookies: readonly StoredCookie[], keep: number): readonly StoredCookie[] {
  if (cookies.length <= keep) return [];
  return [...cookies].sort(byWorth).slice(0, cookies.length - keep);
}

const byWorth = (a: StoredCookie, b: StoredCookie): number =>
  Number(a.cookie.secure) - Number(b.cookie.secure) || byUse(a, b);

/** The least recently used first. */
export const byUse = (a: StoredCookie, b: StoredCookie): number => a.lastAccess - b.lastAccess || a.serial - b.serial;
