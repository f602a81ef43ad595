/**
 * What the requests to a host may carry: its cookies by path, in the order of sending. Sorted once, and again after a cookie of the
 * site has changed, so that a request only chooses paths. Requests without a context, which are most of what a program sends, find the
 * text of each path ready.
 */

import type { CookieContext, Target } from "./context.ts";
import { type CookieIndex, type Group, mergeRuns, type StoredCookie } from "./index-tree.ts";
import { type CookieRules, carries, type Visit, visitOf } from "./judge.ts";
import { pairText } from "./serialize.ts";
import { httpScheme } from "./site.ts";

/** The cookies of one path. */
export interface PathCookies {
  readonly path: string;
  readonly stored: readonly StoredCookie[];
}

/** The cookies of one path that a request without a context carries. */
export interface ReadyCookies extends PathCookies {
  /** The value of the field `cookie`. */
  readonly text: string;
}

interface Ready {
  readonly paths: readonly ReadyCookies[];
  /** The time at which the first of them expires. */
  readonly until: number;
  /** When it was prepared: a clock that was set back makes cookies live again. */
  readonly from: number;
}

interface HostView {
  readonly group: Group;
  readonly version: number;
  /** The longest path first. Of two with one length, a request matches at most one. */
  readonly paths: readonly PathCookies[];
  http: Ready | undefined;
  https: Ready | undefined;
}

const MAX_VIEWS = 1_000;
/** Characters of texts, obsolete ones included, after which all views are dropped. */
const MAX_TEXT = 4 * 1024 * 1024;

/** True if the request is one of a program, or a person's: same-site, and in its own partition. */
const isPlain = ({ topLevel, frames, initiator, kind, script }: CookieContext): boolean =>
  topLevel === undefined &&
  frames === undefined &&
  initiator === undefined &&
  (kind === undefined || kind === "top-level") &&
  script !== true;

export class Views {
  readonly #index: CookieIndex;
  readonly #rules: CookieRules;
  readonly #views = new Map<string, HostView>();
  #text = 0;

  constructor(index: CookieIndex, rules: CookieRules) {
    this.#index = index;
    this.#rules = rules;
  }

  /** All cookies of a host by path, whatever their attributes say. */
  pathsOf(host: string): readonly PathCookies[] {
    return this.#viewOf(host)?.paths ?? [];
  }

  /** What a request without a context carries, by path; undefined if this one has a context. */
  readyFor(target: Target, context: CookieContext, now: number): readonly ReadyCookies[] | undefined {
    if (!isPlain(context) || (this.#rules.redirectChain && context.redirects !== undefined)) return undefined;
    const scheme = httpScheme(target.scheme);
    if (scheme !== "http" && scheme !== "https") return undefined;
    const view = this.#viewOf(target.host);
    if (view === undefined) return [];
    let ready = view[scheme];
    if (ready === undefined || now < ready.from || now >= ready.until) {
      ready = this.#prepare(view.paths, target, now);
      view[scheme] = ready;
    }
    return ready.paths;
  }

  #viewOf(host: string): HostView | undefined {
    const known = this.#views.get(host);
    if (known !== undefined && known.version === known.group.version) return known;
    const group = this.#index.groupOf(host);
    if (group === undefined) {
      if (known !== undefined) this.#views.delete(host);
      return undefined;
    }
    const view = { group, version: group.version, paths: this.#byPath(host), http: undefined, https: undefined };
    // Hosts come from others, and the cookies of some are long.
    if (this.#views.size >= MAX_VIEWS || this.#text > MAX_TEXT) {
      this.#views.clear();
      this.#text = 0;
    }
    this.#views.set(host, view);
    return view;
  }

  #byPath(host: string): readonly PathCookies[] {
    const sorted: StoredCookie[] = [];
    for (const list of this.#index.listsFor(host)) {
      // Only the first may be that of the host itself; hosts below it get its domain cookies.
      const isOwn = list[0]!.cookie.domain === host;
      const first = sorted.length;
      for (const stored of list) if (isOwn || !stored.cookie.hostOnly) sorted.push(stored);
      if (first > 0 && sorted.length > first) mergeRuns(sorted, first);
    }
    const paths = new Map<string, StoredCookie[]>();
    for (const stored of sorted) {
      const { path } = stored.cookie;
      const same = paths.get(path);
      if (same === undefined) paths.set(path, [stored]);
      else same.push(stored);
    }
    return Array.from(paths, ([path, stored]) => ({ path, stored }));
  }

  #prepare(all: readonly PathCookies[], target: Target, now: number): Ready {
    const visit = visitOf(target, {}, this.#rules);
    const paths: ReadyCookies[] = [];
    let until = Number.POSITIVE_INFINITY;
    for (const each of all) {
      const stored = carriedOf(each.stored, visit, now);
      if (stored.length === 0) continue;
      const pairs: string[] = [];
      for (const { cookie } of stored) {
        if (cookie.expires !== undefined && cookie.expires < until) until = cookie.expires;
        pairs.push(pairText(cookie));
      }
      const text = pairs.join("; ");
      this.#text += text.length;
      paths.push({ path: each.path, stored, text });
    }
    return { paths, from: now, until };
  }
}

/** The same list if the request carries all. */
function carriedOf(all: readonly StoredCookie[], visit: Visit, now: number): readonly StoredCookie[] {
  for (const { cookie } of all) {
    if (!carries(cookie, visit, now)) return all.filter((each) => carries(each.cookie, visit, now));
  }
  return all;
}
