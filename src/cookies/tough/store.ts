// tough-cookie's stores: the interface, and the one in memory.
import { domainMatches, partitionText, pathMatches } from "../../agent/cookies/index.ts";
import type { Cookie } from "./cookie.ts";
import type { Nullable } from "./helpers.ts";
import { type Callback, type ErrorCallback, Task } from "./task.ts";

/** A place for cookies. Methods call back, at once if `synchronous`, and return a promise. */
export class Store {
  synchronous = false;

  /** The cookie with this domain, path and name. */
  findCookie(
    _domain: Nullable<string>,
    _path: Nullable<string>,
    _key: Nullable<string>,
    _callback?: Callback<Cookie | undefined>,
  ): Promise<Cookie | undefined> {
    throw new Error("findCookie is not implemented");
  }

  /** The cookies that match a domain and a path; those of all paths if it is null. */
  findCookies(
    _domain: Nullable<string>,
    _path: Nullable<string>,
    _allowSpecialUseDomain?: boolean | Callback<Cookie[]>,
    _callback?: Callback<Cookie[]>,
  ): Promise<Cookie[]> {
    throw new Error("findCookies is not implemented");
  }

  /** Adds a cookie, or replaces the one with its domain, path and name. */
  putCookie(_cookie: Cookie, _callback?: ErrorCallback): Promise<void> {
    throw new Error("putCookie is not implemented");
  }

  /** Replaces a cookie. */
  updateCookie(_oldCookie: Cookie, _newCookie: Cookie, _callback?: ErrorCallback): Promise<void> {
    throw new Error("updateCookie is not implemented");
  }

  /** Deletes the cookie with this domain, path and name. */
  removeCookie(
    _domain: Nullable<string>,
    _path: Nullable<string>,
    _key: Nullable<string>,
    _callback?: ErrorCallback,
  ): Promise<void> {
    throw new Error("removeCookie is not implemented");
  }

  /** Deletes the cookies of a domain and a path; those of all paths if it is null. */
  removeCookies(_domain: string, _path: Nullable<string>, _callback?: ErrorCallback): Promise<void> {
    throw new Error("removeCookies is not implemented");
  }

  /** Deletes all cookies. */
  removeAllCookies(_callback?: ErrorCallback): Promise<void> {
    throw new Error("removeAllCookies is not implemented (therefore jar cannot be serialized)");
  }

  /** All cookies, in the order of their creation. */
  getAllCookies(_callback?: Callback<Cookie[]>): Promise<Cookie[]> {
    throw new Error("getAllCookies is not implemented (therefore jar cannot be serialized)");
  }
}

export class MemoryCookieStore extends Store {
  override synchronous = true;
  /** By domain; a domain has several cookies of one name: by path, host cookie or domain cookie, and partition. */
  readonly #domains = new Map<string, Cookie[]>();

  override findCookie(
    domain: Nullable<string>,
    path: Nullable<string>,
    key: Nullable<string>,
    callback?: Callback<Cookie | undefined>,
  ): Promise<Cookie | undefined> {
    const found = this.#listOf(domain).find((cookie) => cookie.path === path && cookie.key === key);
    return Task.of(found).settle(callback);
  }

  /** The cookie that `cookie` would replace, which `findCookie` cannot tell from others of its name. */
  findSame(cookie: Cookie): Cookie | undefined {
    return this.#listOf(cookie.domain).find((each) => isSame(each, cookie));
  }

  override findCookies(
    domain: Nullable<string>,
    path: Nullable<string>,
    allowSpecialUseDomain?: boolean | Callback<Cookie[]>,
    callback?: Callback<Cookie[]>,
  ): Promise<Cookie[]> {
    const found: Cookie[] = [];
    for (let at = domain ?? ""; at !== ""; at = at.slice(at.indexOf(".") + 1 || at.length + 1)) {
      if (!domainMatches(domain!, at)) continue;
      for (const cookie of this.#listOf(at)) if (!path || pathMatches(path, cookie.path ?? "/")) found.push(cookie);
    }
    return Task.of(found).settle(typeof allowSpecialUseDomain === "function" ? allowSpecialUseDomain : callback);
  }

  override putCookie(cookie: Cookie, callback?: ErrorCallback): Promise<void> {
    const list = this.#listOf(cookie.domain);
    const at = list.findIndex((each) => isSame(each, cookie));
    if (at < 0) this.#domains.set(cookie.domain ?? "", [...list, cookie]);
    else list[at] = cookie;
    return Task.of<void>(undefined).settle(callback);
  }

  override updateCookie(_oldCookie: Cookie, newCookie: Cookie, callback?: ErrorCallback): Promise<void> {
    return this.putCookie(newCookie, callback);
  }

  override removeCookie(
    domain: Nullable<string>,
    path: Nullable<string>,
    key: Nullable<string>,
    callback?: ErrorCallback,
  ): Promise<void> {
    this.#keep(domain, (cookie) => cookie.path !== path || cookie.key !== key);
    return Task.of<void>(undefined).settle(callback);
  }

  /** Removes exactly this one. */
  removeSame(cookie: Cookie): void {
    this.#keep(cookie.domain, (each) => !isSame(each, cookie));
  }

  override removeCookies(domain: string, path: Nullable<string>, callback?: ErrorCallback): Promise<void> {
    this.#keep(domain, (cookie) => Boolean(path) && cookie.path !== path);
    return Task.of<void>(undefined).settle(callback);
  }

  override removeAllCookies(callback?: ErrorCallback): Promise<void> {
    this.#domains.clear();
    return Task.of<void>(undefined).settle(callback);
  }

  override getAllCookies(callback?: Callback<Cookie[]>): Promise<Cookie[]> {
    const all = [...this.#domains.values()].flat().sort((a, b) => a.creationIndex - b.creationIndex);
    return Task.of(all).settle(callback);
  }

  #listOf(domain: Nullable<string>): Cookie[] {
    return this.#domains.get(domain ?? "") ?? [];
  }

  #keep(domain: Nullable<string>, keeps: (cookie: Cookie) => boolean): void {
    const left = this.#listOf(domain).filter(keeps);
    if (left.length === 0) this.#domains.delete(domain ?? "");
    else this.#domains.set(domain ?? "", left);
  }
}

const isSame = (a: Cookie, b: Cookie): boolean =>
  a.key === b.key &&
  a.path === b.path &&
  a.domain === b.domain &&
  (a.hostOnly === true) === (b.hostOnly === true) &&
  partitionText(a.partitionKey) === partitionText(b.partitionKey);
