/**
 * The cookies of one user agent: sets and retrieves them with a reason for each decision (RFC 6265bis §5.7 and §5.8), and evicts
 * within limits. All times are milliseconds since 1970, because cookies outlive processes.
 */

import { parseClearSiteData } from "./clear-site-data.ts";
import type { CookieContext, Target } from "./context.ts";
import { type Cookie, partitionText } from "./cookie.ts";
import { bySendOrder, CookieIndex, type Group, pairBytes, type StoredCookie } from "./index-tree.ts";
import {
  type CookieRules,
  carries,
  DEFAULT_RULES,
  hides,
  isExpired,
  judgeSend,
  judgeSet,
  sendWarnings,
  visitOf,
} from "./judge.ts";
import { byUse, type CookieLimits, DEFAULT_LIMITS, victims } from "./limits.ts";
import { parseSetCookie } from "./parse.ts";
import { pathMatches } from "./path.ts";
import type { Reason, Warning } from "./reasons.ts";
import { cookieString } from "./serialize.ts";
import { isTrustworthy, registrableDomain } from "./site.ts";
import { type PathCookies, Views } from "./views.ts";

/** What became of one Set-Cookie line. */
export type SetOutcome =
  | {
      readonly kind: "stored";
      readonly cookie: Cookie;
      readonly replaced: boolean;
      readonly warnings: readonly Warning[];
    }
  /** The line has a lifetime that has ended: a server's way to delete. */
  | { readonly kind: "deleted"; readonly existed: boolean }
  | { readonly kind: "refused"; readonly reasons: readonly Reason[] };

/** What became of one stored cookie in a request. */
export interface SendVerdict {
  readonly cookie: Cookie;
  /** Empty if the request carries the cookie. */
  readonly reasons: readonly Reason[];
  readonly warnings: readonly Warning[];
}

/** A change of the stored cookies, for those who keep a copy. */
export type CookieChange =
  | { readonly kind: "set"; readonly cookie: Cookie; readonly lastAccess: number }
  | { readonly kind: "deleted"; readonly cookie: Cookie };

export interface CookieStoreOptions extends Partial<CookieRules> {
  readonly limits?: Partial<CookieLimits>;
  /** Called for each change, evictions included. */
  readonly onChange?: (change: CookieChange) => void;
}

export class CookieStore {
  readonly rules: CookieRules;
  readonly limits: CookieLimits;
  readonly #index = new CookieIndex();
  readonly #views: Views;
  readonly #onChange: ((change: CookieChange) => void) | undefined;
  #serial = 0;
  /** Cookies that were stored since all were last looked at for eviction. */
  #storedSinceTrim = 0;

  constructor({ limits, onChange, ...rules }: CookieStoreOptions = {}) {
    this.rules = { ...DEFAULT_RULES, ...rules };
    this.limits = { ...DEFAULT_LIMITS, ...limits };
    this.#onChange = onChange;
    this.#views = new Views(this.#index, this.rules);
  }

  get size(): number {
    return this.#index.size;
  }

  /** All cookies, expired ones included. */
  *[Symbol.iterator](): IterableIterator<Cookie> {
    for (const { cookie } of this.#index) yield cookie;
  }

  /** All cookies and the times of their last use. */
  *entries(): IterableIterator<StoredCookie> {
    yield* this.#index;
  }

  /** Handles one Set-Cookie line of a response. */
  set(line: string, target: Target, context: CookieContext, now: number): SetOutcome {
    const parsed = parseSetCookie(line, this.rules, now);
    if (typeof parsed === "string") return { kind: "refused", reasons: [parsed] };
    const visit = visitOf(target, context, this.rules);
    const cookie = judgeSet(parsed, visit, now);
    if (!("name" in cookie)) return { kind: "refused", reasons: cookie };
    // RFC 6265bis §5.7, step 13: leave secure cookies alone.
    if (!cookie.secure && !visit.isSecure && this.#hidesSecure(cookie)) {
      return { kind: "refused", reasons: ["OverwriteSecure"] };
    }
    const existing = this.#index.find(cookie);
    if (existing?.cookie.httpOnly && visit.situation.script) return { kind: "refused", reasons: ["OverwriteHttpOnly"] };
    if (isExpired(cookie, now)) {
      if (existing !== undefined) this.#remove(existing);
      return { kind: "deleted", existed: existing !== undefined };
    }
    const stored = this.#put(cookie, existing, now);
    return { kind: "stored", cookie: stored, replaced: existing !== undefined, warnings: parsed.warnings };
  }

  /** The cookies for a request, in the order of sending (RFC 6265bis §5.8). */
  get(target: Target, context: CookieContext, now: number): readonly Cookie[] {
    const ready = this.#views.readyFor(target, context, now);
    if (ready === undefined) return this.#find(target, context, now);
    const found: Cookie[] = [];
    for (const each of ready) if (isUsed(each, target, now)) for (const { cookie } of each.stored) found.push(cookie);
    return found;
  }

  /** The value of the field `cookie`; empty if there is none. */
  header(target: Target, context: CookieContext, now: number): string {
    const ready = this.#views.readyFor(target, context, now);
    if (ready === undefined) return cookieString(this.#find(target, context, now));
    let text = "";
    for (const each of ready) if (isUsed(each, target, now)) text = text === "" ? each.text : `${text}; ${each.text}`;
    return text;
  }

  #find(target: Target, context: CookieContext, now: number): readonly Cookie[] {
    const found: Cookie[] = [];
    const paths = this.#views.pathsOf(target.host);
    if (paths.length === 0) return found;
    const visit = visitOf(target, context, this.rules);
    for (const { path, stored } of paths) {
      if (!pathMatches(target.path, path)) continue;
      for (const each of stored) {
        if (!carries(each.cookie, visit, now)) continue;
        each.lastAccess = now;
        found.push(each.cookie);
      }
    }
    return found;
  }

  /** Judges every cookie of the site for a request, and changes nothing. */
  explain(target: Target, context: CookieContext, now: number): readonly SendVerdict[] {
    const visit = visitOf(target, context, this.rules);
    const group = this.#index.groupOf(target.host);
    if (group === undefined) return [];
    return [...group.domains.values()]
      .flat()
      .sort(bySendOrder)
      .map(({ cookie }) => {
        const reasons = judgeSend(cookie, visit, now);
        return { cookie, reasons, warnings: reasons.length > 0 ? [] : sendWarnings(cookie, visit) };
      });
  }

  /** Adds a cookie from a file or another jar. Returns false if no response could have set it. */
  add(cookie: Cookie, now: number, lastAccess = now): boolean {
    // RFC 6265bis §5.8.3: a domain may have become a public suffix since.
    if (!cookie.hostOnly && registrableDomain(cookie.domain) === undefined) return false;
    if (isExpired(cookie, now)) return false;
    const existing = this.#index.find(cookie);
    if (existing !== undefined) this.#index.remove(existing);
    this.#insert({ cookie, serial: this.#serial++, lastAccess }, now);
    return true;
  }

  /** Returns false if there is no such cookie. */
  delete(cookie: Cookie): boolean {
    const existing = this.#index.find(cookie);
    if (existing === undefined) return false;
    this.#remove(existing);
    return true;
  }

  deleteExpired(now: number): void {
    for (const stored of [...this.#index]) if (isExpired(stored.cookie, now)) this.#remove(stored);
  }

  clear(): void {
    for (const stored of [...this.#index]) this.#remove(stored);
  }

  /**
   * Removes the cookies of the host's registrable domain, and of partitioned ones only those of the partition of this context
   * (CHIPS). Returns how many there were.
   */
  clearSite(target: Target, context: CookieContext): number {
    const group = this.#index.groupOf(target.host);
    const { partitionKey, isThirdParty } = visitOf(target, context, this.rules).situation;
    const key = partitionText(partitionKey);
    const isBlocked = this.rules.thirdParty === "block" && isThirdParty;
    const cleared = [...(group?.domains.values() ?? [])].flat().filter(({ cookie }) => {
      const partition = partitionText(cookie.partitionKey);
      return partition === "" ? !isBlocked : partition === key;
    });
    for (const stored of cleared) this.#remove(stored);
    return cleared.length;
  }

  /**
   * Handles the field Clear-Site-Data of a response, after its Set-Cookie lines. Returns how many cookies it deleted: none if
   * it does not list `"cookies"` or `"*"`, or came over http.
   */
  clearSiteData(value: string, target: Target, context: CookieContext): number {
    // Clear Site Data §4.2: only of trustworthy origins.
    const counts = isTrustworthy(target) && parseClearSiteData(value).clears.includes("cookies");
    return counts ? this.clearSite(target, context) : 0;
  }

  /** Returns what was stored, with its time of creation. */
  #put(cookie: Cookie, existing: StoredCookie | undefined, now: number): Cookie {
    if (existing === undefined) {
      this.#insert({ cookie, serial: this.#serial++, lastAccess: now }, now);
      return cookie;
    }
    this.#index.remove(existing);
    // RFC 6265bis §5.7, step 23. deviation: Chromium keeps the time of creation only if the value stays the same.
    const keeps = this.rules.profile === "rfc6265bis" || existing.cookie.value === cookie.value;
    const kept = keeps ? { ...cookie, created: existing.cookie.created } : cookie;
    this.#insert({ cookie: kept, serial: keeps ? existing.serial : this.#serial++, lastAccess: now }, now);
    return kept;
  }

  #insert(stored: StoredCookie, now: number): void {
    const group = this.#index.add(stored);
    this.#onChange?.({ kind: "set", cookie: stored.cookie, lastAccess: stored.lastAccess });
    const { perDomain, total } = this.limits;
    if (stored.cookie.partitionKey !== undefined) this.#trimPartition(group, stored);
    else if (group.unpartitioned > perDomain) this.#trimDomain(group, now);
    this.#storedSinceTrim += 1;
    if (this.#index.size > total) this.#trimAll(now);
  }

  #trimDomain(group: Group, now: number): void {
    const { perDomain, domainMargin } = this.limits;
    const cookies = [...group.domains.values()].flat().filter(({ cookie }) => cookie.partitionKey === undefined);
    const fresh = cookies.filter(({ cookie }) => !isExpired(cookie, now));
    for (const stored of cookies) if (isExpired(stored.cookie, now)) this.#remove(stored);
    if (fresh.length > perDomain) for (const each of victims(fresh, perDomain - domainMargin)) this.#remove(each);
  }

  #trimPartition(group: Group, added: StoredCookie): void {
    const { perPartition, partitionBytes } = this.limits;
    const key = partitionText(added.cookie.partitionKey);
    let { count, bytes } = group.partitions.get(key)!;
    if (count <= perPartition && bytes <= partitionBytes) return;
    const cookies = [...group.domains.values()]
      .flat()
      .filter(({ cookie }) => partitionText(cookie.partitionKey) === key);
    for (const stored of cookies.sort(byUse)) {
      if (count <= perPartition && bytes <= partitionBytes) return;
      count -= 1;
      bytes -= pairBytes(stored);
      this.#remove(stored);
    }
  }

  /** RFC 6265bis §5.7, last part. Runs once for as many cookies as a tenth of the limit, because it looks at all. */
  #trimAll(now: number): void {
    const { total, unusedFor, maximum } = this.limits;
    const isFull = this.#index.size > maximum;
    if (!isFull && this.#storedSinceTrim < total / 10) return;
    this.#storedSinceTrim = 0;
    this.deleteExpired(now);
    const all = [...this.#index];
    if (isFull) {
      for (const each of victims(all, Math.floor(maximum * 0.9))) this.#remove(each);
      return;
    }
    const unused = all.filter(({ lastAccess }) => now - lastAccess > unusedFor);
    for (const each of victims(unused, Math.max(0, unused.length - (all.length - total)))) this.#remove(each);
  }

  #hidesSecure(cookie: Cookie): boolean {
    for (const list of this.#index.groupOf(cookie.domain)?.domains.values() ?? []) {
      if (list.some((each) => hides(cookie, each.cookie))) return true;
    }
    return false;
  }

  #remove(stored: StoredCookie): void {
    this.#index.remove(stored);
    this.#onChange?.({ kind: "deleted", cookie: stored.cookie });
  }
}

/** True if the request matches their path; they are used then. */
function isUsed({ path, stored }: PathCookies, target: Target, now: number): boolean {
  if (!pathMatches(target.path, path)) return false;
  for (const each of stored) each.lastAccess = now;
  return true;
}
