// tough-cookie's CookieJar, with a browser's decisions.
import {
  carries,
  DEFAULT_RULES,
  domainMatches,
  hides,
  type Cookie as Judged,
  judgeSend,
  judgeSet,
  pathMatches,
  type Reason,
  registrableDomain,
  type Target,
  type Visit,
  visitOf,
} from "../../agent/cookies/index.ts";
import { CONTEXTS, Cookie, cookieCompare, isPartitioned, sameSiteOf } from "./cookie.ts";
import { canonicalDomain, getPublicSuffix, hostOf, type Nullable, ParameterError } from "./helpers.ts";
import {
  type ContextOptions,
  type CreateCookieJarOptions,
  type GetCookiesOptions,
  PrefixSecurityEnum,
  type PrefixSecurityMode,
  type SerializedCookieJar,
  type SetCookieOptions,
  version,
} from "./options.ts";
import { CookieRefused } from "./refused.ts";
import { MemoryCookieStore, Store } from "./store.ts";
import { type Callback, type ErrorCallback, Task } from "./task.ts";

/** tough-cookie's jar. Methods take a callback or return a promise; those that end in Sync need a synchronous store. */
export class CookieJar {
  readonly store: Store;
  readonly prefixSecurity: string;
  readonly #rejectPublicSuffixes: boolean;
  readonly #looseMode: boolean;
  readonly #allowSpecialUseDomain: boolean;
  readonly #allowSecureOnLocal: boolean;

  constructor(store?: Nullable<Store>, options: CreateCookieJarOptions | boolean = {}) {
    const given = typeof options === "boolean" ? { rejectPublicSuffixes: options } : options;
    this.#rejectPublicSuffixes = given.rejectPublicSuffixes ?? true;
    this.#looseMode = given.looseMode ?? false;
    this.#allowSpecialUseDomain = given.allowSpecialUseDomain ?? true;
    this.#allowSecureOnLocal = given.allowSecureOnLocal ?? true;
    const mode = String(given.prefixSecurity ?? "silent").toLowerCase();
    this.prefixSecurity = Object.values(PrefixSecurityEnum).includes(mode as PrefixSecurityMode) ? mode : "silent";
    this.store = store ?? new MemoryCookieStore();
  }

  /**
   * Stores a cookie of a response from `url`. Fails with the reason if a browser would refuse it, unless
   * `ignoreError` is set.
   */
  setCookie(cookie: string | Cookie, url: string | URL, callback: Callback<Cookie | undefined>): void;
  setCookie(
    cookie: string | Cookie,
    url: string | URL,
    options: SetCookieOptions,
    callback: Callback<Cookie | undefined>,
  ): void;
  setCookie(cookie: string | Cookie, url: string | URL, options?: SetCookieOptions): Promise<Cookie | undefined>;
  setCookie(
    cookie: string | Cookie,
    url: string | URL,
    options?: SetCookieOptions | Callback<Cookie | undefined>,
    callback?: Callback<Cookie | undefined>,
  ): unknown {
    const given = typeof options === "function" ? {} : (options ?? {});
    return this.#set(cookie, url, given).settle(typeof options === "function" ? options : callback);
  }

  /** Like `setCookie`. */
  setCookieSync(cookie: string | Cookie, url: string | URL, options: SetCookieOptions = {}): Cookie | undefined {
    return this.#sync(() => this.#set(cookie, url, options));
  }

  /** The cookies that go with a request to `url`. */
  getCookies(url: string | URL, callback: Callback<Cookie[]>): void;
  getCookies(url: string | URL, options: GetCookiesOptions | undefined, callback: Callback<Cookie[]>): void;
  getCookies(url: string | URL, options?: GetCookiesOptions): Promise<Cookie[]>;
  getCookies(
    url: string | URL,
    options?: GetCookiesOptions | Callback<Cookie[]>,
    callback?: Callback<Cookie[]>,
  ): unknown {
    const given = typeof options === "function" ? {} : (options ?? {});
    return this.#get(url, given).settle(typeof options === "function" ? options : callback);
  }

  /** Like `getCookies`. */
  getCookiesSync(url: string | URL, options: GetCookiesOptions = {}): Cookie[] {
    return this.#sync(() => this.#get(url, options));
  }

  /** The Cookie field of a request to `url`. */
  getCookieString(url: string | URL, callback: Callback<string | undefined>): void;
  getCookieString(url: string | URL, options: GetCookiesOptions, callback: Callback<string | undefined>): void;
  getCookieString(url: string | URL, options?: GetCookiesOptions): Promise<string>;
  getCookieString(
    url: string | URL,
    options?: GetCookiesOptions | Callback<string | undefined>,
    callback?: Callback<string | undefined>,
  ): unknown {
    const given = typeof options === "function" ? {} : (options ?? {});
    const text = this.#get(url, given).next(fieldOf);
    return text.settle((typeof options === "function" ? options : callback) as Callback<string> | undefined);
  }

  /** Like `getCookieString`. */
  getCookieStringSync(url: string | URL, options: GetCookiesOptions = {}): string {
    return fieldOf(this.getCookiesSync(url, options));
  }

  /** The cookies that go with a request to `url`, as Set-Cookie lines. */
  getSetCookieStrings(url: string | URL, callback: Callback<string[] | undefined>): void;
  getSetCookieStrings(url: string | URL, options: GetCookiesOptions, callback: Callback<string[] | undefined>): void;
  getSetCookieStrings(url: string | URL, options?: GetCookiesOptions): Promise<string[] | undefined>;
  getSetCookieStrings(
    url: string | URL,
    options?: GetCookiesOptions | Callback<string[] | undefined>,
    callback?: Callback<string[] | undefined>,
  ): unknown {
    const given = typeof options === "function" ? {} : (options ?? {});
    const lines = this.#get(url, given).next((cookies) => cookies.map(String));
    return lines.settle((typeof options === "function" ? options : callback) as Callback<string[]> | undefined);
  }

  /** Like `getSetCookieStrings`. */
  getSetCookieStringsSync(url: string | URL, options: GetCookiesOptions = {}): string[] {
    return this.getCookiesSync(url, options).map(String);
  }

  /** The jar in JSON. */
  serialize(callback: Callback<SerializedCookieJar>): void;
  serialize(): Promise<SerializedCookieJar>;
  serialize(callback?: Callback<SerializedCookieJar>): unknown {
    return this.#serialize().settle(callback);
  }

  /** Like `serialize`. */
  serializeSync(): SerializedCookieJar | undefined {
    return this.#sync(() => this.#serialize());
  }

  /** Like `serializeSync`. */
  toJSON(): SerializedCookieJar | undefined {
    return this.serializeSync();
  }

  /** A copy of the jar, in `newStore` or in memory. */
  clone(callback: Callback<CookieJar>): void;
  clone(newStore: Store, callback: Callback<CookieJar>): void;
  clone(newStore?: Store): Promise<CookieJar>;
  clone(newStore?: Store | Callback<CookieJar>, callback?: Callback<CookieJar>): unknown {
    const store = typeof newStore === "function" ? undefined : newStore;
    return this.#clone(store).settle(typeof newStore === "function" ? newStore : callback);
  }

  /** Like `clone`. */
  cloneSync(newStore?: Store): CookieJar | undefined {
    if (newStore !== undefined && !newStore.synchronous) {
      throw new Error("CookieJar clone destination store is not synchronous; use async API instead.");
    }
    return this.#sync(() => this.#clone(newStore));
  }

  /** Like `cloneSync`. */
  _cloneSync(newStore?: Store): CookieJar | undefined {
    return this.cloneSync(newStore);
  }

  /** Deletes all cookies. */
  removeAllCookies(callback: ErrorCallback): void;
  removeAllCookies(): Promise<void>;
  removeAllCookies(callback?: ErrorCallback): unknown {
    return this.#removeAll().settle(callback as Callback<void> | undefined);
  }

  /** Like `removeAllCookies`. */
  removeAllCookiesSync(): void {
    this.#sync(() => this.#removeAll());
  }

  /** Adds the cookies of a jar in JSON. */
  _importCookies(serialized: unknown, callback: Callback<CookieJar>): void {
    this.#import(serialized).done(callback);
  }

  /** Like `_importCookies`. */
  _importCookiesSync(serialized: unknown): void {
    this.#sync(() => this.#import(serialized));
  }

  /** Creates a jar from what `serialize` returned. */
  static deserialize(serialized: string | object, callback: Callback<CookieJar>): void;
  static deserialize(serialized: string | object, store: Store, callback: Callback<CookieJar>): void;
  static deserialize(serialized: string | object, store?: Store): Promise<CookieJar>;
  static deserialize(
    serialized: string | object,
    store?: Store | Callback<CookieJar>,
    callback?: Callback<CookieJar>,
  ): unknown {
    const target = typeof store === "function" ? undefined : store;
    return CookieJar.#from(serialized, target).settle(typeof store === "function" ? store : callback);
  }

  /** Like `deserialize`. */
  static deserializeSync(serialized: string | SerializedCookieJar, store?: Store): CookieJar {
    if (store !== undefined && !store.synchronous) {
      throw new Error("CookieJar store is not synchronous; use async API instead.");
    }
    return CookieJar.#from(serialized, store).get();
  }

  /** Like `deserializeSync`. */
  static fromJSON(serialized: string | SerializedCookieJar, store?: Store): CookieJar {
    return CookieJar.deserializeSync(serialized, store);
  }

  static #from(serialized: string | object, store: Store | undefined): Task<CookieJar> {
    return Task.of(serialized).next((given) => {
      const source: unknown = typeof given === "string" ? JSON.parse(given) : given;
      const read = <T>(name: string, type: string): T | undefined => {
        const value = (source as Record<string, unknown> | null)?.[name];
        return typeof value === type ? (value as T) : undefined;
      };
      const jar = new CookieJar(store, {
        rejectPublicSuffixes: read("rejectPublicSuffixes", "boolean"),
        looseMode: read("enableLooseMode", "boolean"),
        allowSpecialUseDomain: read("allowSpecialUseDomain", "boolean"),
        prefixSecurity: read("prefixSecurity", "string"),
      });
      return jar.#import(source);
    });
  }

  #set(given: string | Cookie, url: string | URL, options: SetCookieOptions): Task<Cookie | undefined> {
    return Task.of(undefined).next(() => {
      const visit = this.#visit(url, options);
      try {
        return this.#judgeAndPut(given, visit, options);
      } catch (error) {
        // As in tough-cookie, a broken prefix is not an error unless the jar is strict.
        const isSilent =
          error instanceof CookieRefused && error.reasons.includes("InvalidPrefix") && this.prefixSecurity === "silent";
        if (options.ignoreError || isSilent) return undefined;
        throw error;
      }
    });
  }

  #judgeAndPut(given: string | Cookie, visit: Visit, options: SetCookieOptions): Task<Cookie | undefined> {
    const isText = typeof given === "string" || (given as unknown) instanceof String;
    if (!isText && !(given instanceof Cookie))
      throw new Error("First argument to setCookie must be a Cookie object or string");
    const cookie = isText ? Cookie.parse(String(given)) : (given as Cookie);
    if (cookie === undefined) throw new Error("Cookie failed to parse");
    const now = options.now ?? new Date();
    const judged = this.#judge(cookie, visit, now);
    cookie.domain = canonicalDomain(judged.domain) ?? judged.domain;
    // A program may have narrowed it.
    cookie.hostOnly = judged.hostOnly || cookie.hostOnly === true;
    if (cookie.path === null || !cookie.path.startsWith("/")) {
      cookie.path = judged.path;
      cookie.pathIsDefault = true;
    }
    cookie.partitionKey = judged.partitionKey;
    return this.#othersOf(judged, visit).next((hidden) => {
      if (hidden) return this.#refuse(cookie, ["OverwriteSecure"], visit, options);
      return this.#findSame(cookie).next<Cookie | undefined>((old) => {
        if (old?.httpOnly && options.http === false) return this.#refuse(cookie, ["OverwriteHttpOnly"], visit, options);
        return this.#put(cookie, old, judged, now);
      });
    });
  }

  #refuse(cookie: Cookie, reasons: readonly Reason[], { target }: Visit, { ignoreError }: SetCookieOptions): undefined {
    if (ignoreError) return undefined;
    throw new CookieRefused(cookie, reasons, target.host);
  }

  /** True if the cookie would replace or hide a secure one. */
  #othersOf(judged: Judged, { isSecure, target }: Visit): Task<boolean> {
    if (judged.secure || isSecure) return Task.of(false);
    return this.#findAll(target.host, null).next((all) => all.some((each) => hides(judged, judgedOf(each))));
  }

  #judge(cookie: Cookie, visit: Visit, now: Date): Judged {
    const expires = cookie.expiryTime(now);
    const domain = cookie.domain ? hostOf(cookie.domain) : undefined;
    if (domain !== undefined && !this.#allowSpecialUseDomain) getPublicSuffix(domain, { allowSpecialUseDomain: false });
    // The jar's options may allow domains that browsers do not: public suffixes, and hosts without a registrable domain.
    const isSuffix = domain !== undefined && registrableDomain(domain) === undefined;
    const isAllowedSuffix = isSuffix && !this.#rejectPublicSuffixes && domainMatches(visit.target.host, domain);
    const isUnchecked = this.prefixSecurity === "unsafe-disabled";
    const judged = judgeSet(
      {
        // A name without its prefix has nothing to check.
        name: isUnchecked ? cookie.key.replace(/^__/, "") : cookie.key,
        value: cookie.value,
        domain: isAllowedSuffix ? undefined : domain,
        domainHasDot: false,
        path: cookie.path?.startsWith("/") && cookie.pathIsDefault !== true ? cookie.path : undefined,
        secure: cookie.secure,
        httpOnly: cookie.httpOnly,
        partitioned: isPartitioned(cookie),
        sameSite: sameSiteOf(cookie),
        expires: expires === Number.POSITIVE_INFINITY ? undefined : expires,
        warnings: [],
      },
      visit,
      now.getTime(),
    );
    if (!("name" in judged)) throw new CookieRefused(cookie, judged, visit.target.host);
    return isAllowedSuffix ? { ...judged, domain, hostOnly: false } : judged;
  }

  #put(cookie: Cookie, old: Cookie | undefined, judged: Judged, now: Date): Task<Cookie | undefined> {
    // RFC 6265bis §5.7, step 23, and what Chromium makes of it: a new value is a new cookie.
    if (old !== undefined && old.value === cookie.value) {
      cookie.creation = old.creation;
      cookie.creationIndex = old.creationIndex;
    } else cookie.creation = now;
    cookie.lastAccessed = now;
    if (judged.expires !== undefined && judged.expires <= now.getTime()) {
      return (old === undefined ? Task.of<void>(undefined) : this.#remove(old)).next(() => cookie);
    }
    const store = this.store as Partial<Store>;
    const put = new Task<void>((callback) => {
      if (old === undefined || store.updateCookie === undefined) void this.store.putCookie(cookie, callback);
      else void this.store.updateCookie(old, cookie, callback);
    });
    return put.next(() => cookie);
  }

  #get(url: string | URL, options: GetCookiesOptions): Task<Cookie[]> {
    return Task.of(undefined).next(() => {
      const visit = this.#visit(url, options);
      const { host, path } = visit.target;
      const now = new Date();
      return this.#findAll(host, options.allPaths ? null : path).next((all) => {
        const found: Cookie[] = [];
        for (const cookie of all) {
          const judged = judgedOf(cookie);
          const isOfHost = judged.hostOnly ? judged.domain === host : domainMatches(host, judged.domain);
          // Stores of others may return cookies of all paths.
          if (isOfHost && pathMatches(path, judged.path) && carries(judged, visit, now.getTime())) {
            found.push(cookie);
            continue;
          }
          const reasons = judgeSend(judged, visit, now.getTime()).filter(
            (each) => !(each === "Expired" && options.expire === false) && !(each === "NotOnPath" && options.allPaths),
          );
          if (reasons.length === 0) found.push(cookie);
          else if (reasons.includes("Expired")) this.#remove(cookie).done(() => undefined);
        }
        if (options.sort !== false) found.sort(cookieCompare);
        for (const cookie of found) cookie.lastAccessed = now;
        return found;
      });
    });
  }

  #visit(url: unknown, { sameSiteContext, context, http }: ContextOptions): Visit {
    if (typeof url === "string" && url === "") throw new ParameterError("`url` argument is an empty string");
    const target = targetFrom(url);
    let chosen = context;
    if (sameSiteContext !== undefined && sameSiteContext !== null) {
      const known = CONTEXTS[String(sameSiteContext).toLowerCase() as "none"];
      if (known === undefined) {
        throw new Error('Invalid sameSiteContext option for getCookies(); expected one of "strict", "lax", or "none"');
      }
      chosen ??= known;
    }
    const visit = visitOf(target, { ...chosen, ...(http === false && { script: true }) }, DEFAULT_RULES);
    if (this.#allowSecureOnLocal) return visit;
    return { ...visit, isSecure: target.scheme === "https" || target.scheme === "wss" };
  }

  #findAll(host: string, path: string | null): Task<Cookie[]> {
    return new Task<Cookie[]>(
      (callback) =>
        void this.store.findCookies(canonicalDomain(host) ?? host, path, this.#allowSpecialUseDomain, callback),
    ).next((all) => all ?? []);
  }

  #findSame(cookie: Cookie): Task<Cookie | undefined> {
    const { store } = this;
    if (store instanceof MemoryCookieStore) return Task.of(store.findSame(cookie));
    return new Task((callback) => void store.findCookie(cookie.domain, cookie.path, cookie.key, callback));
  }

  #remove(cookie: Cookie): Task<void> {
    const { store } = this;
    if (store instanceof MemoryCookieStore) return Task.of(store.removeSame(cookie));
    return new Task((callback) => void store.removeCookie(cookie.domain, cookie.path, cookie.key, callback));
  }

  #removeAll(): Task<void> {
    const { store } = this;
    if (store.removeAllCookies !== Store.prototype.removeAllCookies && typeof store.removeAllCookies === "function") {
      return new Task((callback) => void store.removeAllCookies(callback));
    }
    return this.#all().next((all) => {
      let failure: Error | undefined;
      let tasks = Task.of<void>(undefined);
      for (const cookie of all) {
        tasks = tasks.next(
          () =>
            new Task<void>((callback) =>
              this.#remove(cookie).done((error) => {
                failure ??= error ?? undefined;
                callback(null);
              }),
            ),
        );
      }
      return tasks.next(() => {
        if (failure !== undefined) throw failure;
      });
    });
  }

  #all(): Task<Cookie[]> {
    return new Task<Cookie[]>((callback) => void this.store.getAllCookies(callback)).next((all) => all ?? []);
  }

  #serialize(): Task<SerializedCookieJar> {
    const storeType =
      this.store instanceof MemoryCookieStore ? "MemoryCookieStore" : (this.store.constructor?.name ?? null);
    return this.#all().next<SerializedCookieJar>((cookies) => ({
      version: `tough-cookie@${version}`,
      storeType,
      rejectPublicSuffixes: this.#rejectPublicSuffixes,
      enableLooseMode: this.#looseMode,
      allowSpecialUseDomain: this.#allowSpecialUseDomain,
      prefixSecurity: this.prefixSecurity,
      cookies: cookies.map((cookie) => (cookie instanceof Cookie ? cookie.toJSON() : cookie)),
    }));
  }

  #clone(store: Store | undefined): Task<CookieJar> {
    return this.#serialize().next((serialized) => CookieJar.#from(serialized, store));
  }

  #import(serialized: unknown): Task<CookieJar> {
    const list = (serialized as { readonly cookies?: unknown } | null | undefined)?.cookies;
    if (!Array.isArray(list)) return new Task((callback) => callback(new Error("serialized jar has no cookies array")));
    let tasks = Task.of<void>(undefined);
    for (const json of list as unknown[]) {
      const cookie = Cookie.fromJSON(json);
      if (cookie === undefined) continue;
      tasks = tasks.next(() => new Task<void>((callback) => void this.store.putCookie(cookie, callback)));
    }
    return tasks.next<CookieJar>(() => this);
  }

  #sync<T>(start: () => Task<T>): T {
    if (!this.store.synchronous) throw new Error("CookieJar store is not synchronous; use async API instead.");
    return start().get();
  }
}

const fieldOf = (cookies: readonly Cookie[]): string => cookies.map((cookie) => cookie.cookieString()).join("; ");

function targetFrom(url: unknown): Target {
  if (
    typeof url !== "string" &&
    !(typeof url === "object" && url !== null && "hostname" in url && "pathname" in url && "protocol" in url)
  ) {
    throw new ParameterError("`url` argument is not a string or URL.");
  }
  const { protocol, hostname, pathname } = typeof url === "string" ? new URL(url) : (url as URL);
  return { scheme: protocol.replace(/:$/, ""), host: hostOf(hostname), path: pathname };
}

/** A stored cookie as the rules see it. A program may have put it into the store itself. */
function judgedOf(cookie: Cookie): Judged {
  const { creation } = cookie;
  const expires = cookie.expiryTime(creation instanceof Date && cookie.lastAccessed === null ? creation : undefined);
  return {
    name: cookie.key,
    value: cookie.value,
    domain: hostOf(cookie.domain),
    hostOnly: cookie.hostOnly === true,
    path: cookie.path ?? "/",
    secure: cookie.secure,
    httpOnly: cookie.httpOnly,
    sameSite: sameSiteOf(cookie),
    partitionKey: cookie.partitionKey,
    expires: expires === undefined || expires === Number.POSITIVE_INFINITY ? undefined : expires,
    created: creation instanceof Date ? creation.getTime() : 0,
  };
}
