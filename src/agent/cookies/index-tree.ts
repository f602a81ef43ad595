/** Where cookies are found: by the exact domain for requests, and by the registrable domain for limits. */

import { byteLength, type Cookie, partitionText } from "./cookie.ts";
import { siteHost } from "./site.ts";

export interface StoredCookie {
  readonly cookie: Cookie;
  /** The order of creation, also within one millisecond. */
  readonly serial: number;
  /** Milliseconds since 1970. */
  lastAccess: number;
}

/** The cookies of one registrable domain. */
export interface Group {
  readonly site: string;
  /** By domain, each in the order in which a request sends them. */
  readonly domains: Map<string, StoredCookie[]>;
  /** The number of unpartitioned cookies. */
  unpartitioned: number;
  readonly partitions: Map<string, { count: number; bytes: number }>;
  /** Changes with the cookies. */
  version: number;
}

/** RFC 6265bis §5.8.3: longer paths first, then the older cookie. */
export const bySendOrder = (a: StoredCookie, b: StoredCookie): number =>
  b.cookie.path.length - a.cookie.path.length || a.cookie.created - b.cookie.created || a.serial - b.serial;

/** Two sorted runs, the second from `middle` on, become one in place. */
export function mergeRuns(list: StoredCookie[], middle: number): void {
  const first = list.slice(0, middle);
  let from = middle;
  let at = 0;
  for (const stored of first) {
    while (from < list.length && bySendOrder(list[from]!, stored) < 0) list[at++] = list[from++]!;
    list[at++] = stored;
  }
}

export const pairBytes = ({ cookie }: StoredCookie): number => byteLength(cookie.name) + byteLength(cookie.value);

export class CookieIndex {
  /** By the text of the domain. The lists are those of the groups. */
  readonly #domains = new Map<string, StoredCookie[]>();
  readonly #groups = new Map<string, Group>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  *[Symbol.iterator](): IterableIterator<StoredCookie> {
    for (const list of this.#domains.values()) yield* list;
  }

  /** The lists that may hold cookies for a host: its own, and those of the domains above it. */
  listsFor(host: string): readonly StoredCookie[][] {
    const lists: StoredCookie[][] = [];
    for (let at = 0; ; ) {
      const list = this.#domains.get(at === 0 ? host : host.slice(at));
      if (list !== undefined) lists.push(list);
      at = host.indexOf(".", at) + 1;
      if (at === 0) return lists;
    }
  }

  groupOf(domain: string): Group | undefined {
    return this.#groups.get(siteHost(domain));
  }

  /** RFC 6265bis §5.7, step 23: the cookie that this one replaces. */
  find({ name, domain, hostOnly, path, partitionKey }: Cookie): StoredCookie | undefined {
    const partition = partitionText(partitionKey);
    return this.#domains
      .get(domain)
      ?.find(
        ({ cookie }) =>
          cookie.name === name &&
          cookie.path === path &&
          cookie.hostOnly === hostOnly &&
          partitionText(cookie.partitionKey) === partition,
      );
  }

  add(stored: StoredCookie): Group {
    const { domain, partitionKey } = stored.cookie;
    let list = this.#domains.get(domain);
    const site = siteHost(domain);
    let group = this.#groups.get(site);
    if (group === undefined) {
      group = { site, domains: new Map(), unpartitioned: 0, partitions: new Map(), version: 0 };
      this.#groups.set(site, group);
    }
    if (list === undefined) {
      list = [];
      this.#domains.set(domain, list);
      group.domains.set(domain, list);
    }
    let at = list.length;
    while (at > 0 && bySendOrder(list[at - 1]!, stored) > 0) at -= 1;
    list.splice(at, 0, stored);
    this.#size += 1;
    group.version += 1;
    if (partitionKey === undefined) group.unpartitioned += 1;
    else {
      const key = partitionText(partitionKey);
      const { count, bytes } = group.partitions.get(key) ?? { count: 0, bytes: 0 };
      group.partitions.set(key, { count: count + 1, bytes: bytes + pairBytes(stored) });
    }
    return group;
  }

  remove(stored: StoredCookie): void {
    const { domain, partitionKey } = stored.cookie;
    const list = this.#domains.get(domain);
    const at = list?.indexOf(stored) ?? -1;
    if (list === undefined || at < 0) return;
    list.splice(at, 1);
    this.#size -= 1;
    const site = siteHost(domain);
    const group = this.#groups.get(site)!;
    group.version += 1;
    if (partitionKey === undefined) group.unpartitioned -= 1;
    else {
      const key = partitionText(partitionKey);
      const { count, bytes } = group.partitions.get(key)!;
      if (count === 1) group.partitions.delete(key);
      else group.partitions.set(key, { count: count - 1, bytes: bytes - pairBytes(stored) });
    }
    if (list.length > 0) return;
    this.#domains.delete(domain);
    group.domains.delete(domain);
    if (group.domains.size === 0) this.#groups.delete(site);
  }

  clear(): void {
    this.#domains.clear();
    this.#groups.clear();
    this.#size = 0;
  }
}
