/// <reference lib="esnext.disposable" preserve="true" />
/** The cookies of a program: `agent/cookies` with URLs, this process's clock, and a place to keep them. */

import { domainToASCII } from "node:url";
import {
  type Cookie,
  type CookieContext,
  type CookieRules,
  CookieStore,
  type CookieStoreOptions,
  formatCookieFile,
  parseCookieFile,
  type SendVerdict,
  type SetOutcome,
  type Target,
} from "../../agent/cookies/index.ts";
import { type CookieJarJson, jarJson, readJar } from "./jar-json.ts";
import { type CookieStorage, KeptCookies } from "./kept-cookies.ts";

/** The rules and limits of a jar, and where it is saved. */
export interface CookieJarOptions extends Omit<CookieStoreOptions, "onChange" | "toAscii"> {
  /** Where `save()` puts the cookies. Use `CookieJar.open()` to read what is there first. */
  readonly storage?: CookieStorage | undefined;
  /** The time, in milliseconds since 1970. Default: this machine's. */
  readonly now?: () => number;
}

/** A browser's cookies: which are stored, and which go with a request. `await using` saves it. */
export class CookieJar {
  readonly #store: CookieStore;
  readonly #kept: KeptCookies | undefined;
  readonly #now: () => number;

  constructor({ storage, now = Date.now, ...options }: CookieJarOptions = {}) {
    this.#now = now;
    this.#kept = storage === undefined ? undefined : new KeptCookies(storage);
    this.#store = new CookieStore({
      ...options,
      toAscii: unicodeToAscii,
      onChange: (change) => this.#kept?.changed(change),
    });
  }

  /** A jar with the cookies of a storage. Rejects if they cannot be read. */
  static async open(storage: CookieStorage, options: Omit<CookieJarOptions, "storage"> = {}): Promise<CookieJar> {
    const jar = new CookieJar({ ...options, storage });
    await jar.#kept!.load(jar.#store, jar.#now());
    return jar;
  }

  /** Takes what `toJSON` returned, also as text. Throws a TypeError if it is not a jar; ignores single cookies that are none. */
  static fromJSON(json: unknown, options: CookieJarOptions = {}): CookieJar {
    const jar = new CookieJar(options);
    const { cookies } = readJar(typeof json === "string" ? JSON.parse(json) : json);
    for (const { cookie, lastAccess } of cookies) jar.#store.add(cookie, jar.#now(), lastAccess);
    return jar;
  }

  get rules(): CookieRules {
    return this.#store.rules;
  }

  get size(): number {
    return this.#store.size;
  }

  /** All cookies that have not expired. */
  [Symbol.iterator](): IterableIterator<Cookie> {
    return this.#store[Symbol.iterator]();
  }

  /** Handles one Set-Cookie line of a response. Never throws because of a line. */
  set(line: string, url: string | URL, context: CookieContext = {}): SetOutcome {
    return this.#store.set(line, targetOf(url), context, this.#now());
  }

  /** The cookies that a request carries, in the order of sending. */
  get(url: string | URL, context: CookieContext = {}): readonly Cookie[] {
    return this.#store.get(targetOf(url), context, this.#now());
  }

  /** The value of the field `cookie`; undefined if there is none. */
  header(url: string | URL, context: CookieContext = {}): string | undefined {
    return this.#store.header(targetOf(url), context, this.#now()) || undefined;
  }

  /** Judges every cookie of the URL's site for a request: what keeps it from being sent, if anything. */
  explain(url: string | URL, context: CookieContext = {}): readonly SendVerdict[] {
    return this.#store.explain(targetOf(url), context, this.#now());
  }

  /** Adds a cookie as it is. Returns false if it has expired, or if its domain is a public suffix. */
  add(cookie: Cookie): boolean {
    return this.#store.add(cookie, this.#now());
  }

  /** Returns false if the jar has no such cookie. */
  delete(cookie: Cookie): boolean {
    return this.#store.delete(cookie);
  }

  /** Deletes all cookies. */
  clear(): void {
    this.#store.clear();
  }

  /** Deletes the cookies of the URL's site; partitioned ones only in the partition of the context. Returns how many there were. */
  clearSite(url: string | URL, context: CookieContext = {}): number {
    return this.#store.clearSite(targetOf(url), context);
  }

  /**
   * Handles the field Clear-Site-Data of a response, after its Set-Cookie lines. Returns how many cookies it deleted: none if
   * it does not list `"cookies"` or `"*"`, or came over http.
   */
  clearSiteData(value: string, url: string | URL, context: CookieContext = {}): number {
    return this.#store.clearSiteData(value, targetOf(url), context);
  }

  /** Adds the cookies of a cookies.txt. Returns the numbers of the lines that are neither a cookie nor a comment. */
  addCookieFile(text: string): readonly number[] {
    // The file is UTF-8; in fields, a character is a byte.
    const { cookies, badLines } = parseCookieFile(Buffer.from(text, "utf8").toString("latin1"), this.#now());
    for (const cookie of cookies) this.#store.add(cookie, this.#now());
    return badLines;
  }

  /**
   * The text of a cookies.txt, for curl and others, the newest cookie first. It has no place for SameSite, and leaves partitioned
   * cookies out. `writer` names the program in a comment.
   */
  cookieFile(writer = "nagare"): string {
    this.#store.deleteExpired(this.#now());
    const entries = [...this.#store.entries()].sort((a, b) => b.serial - a.serial);
    const text = formatCookieFile(
      entries.map(({ cookie }) => cookie),
      writer,
    );
    return Buffer.from(text, "latin1").toString("utf8");
  }

  /** The jar in JSON, for `CookieJar.fromJSON`. */
  toJSON(): CookieJarJson {
    const now = this.#now();
    this.#store.deleteExpired(now);
    return jarJson(this.#store.entries());
  }

  /**
   * Writes the changes to the storage, and takes over those that other processes made meanwhile. Does nothing without a
   * storage.
   */
  async save(): Promise<void> {
    await this.#kept?.save(this.#store, this.#now());
  }

  /** Saves the jar, like `save`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.save();
  }
}

/** Hosts and paths that a URL parser leaves as they are: lower-case, no escapes, no dot segments, no numbers that could be addresses. */
const PLAIN_URL = /^(https?|wss?):\/\/((?:[a-z\d-]+\.)*[a-z][a-z-]*)(?::\d{1,5})?(\/(?:[\w~-][\w.~-]*(?:\/|$))*)$/;

export function targetOf(url: string | URL): Target {
  if (typeof url === "string") {
    // Most URLs are plain, and parsing takes longer than finding the cookies.
    const plain = PLAIN_URL.exec(url);
    if (plain !== null && !url.includes("xn--")) return { scheme: plain[1]!, host: plain[2]!, path: plain[3]! };
  }
  const { protocol, hostname, pathname } = typeof url === "string" ? new URL(url) : url;
  return { scheme: protocol.slice(0, -1), host: hostname, path: pathname };
}

/** A field's bytes are UTF-8, for which each character stands for one byte; other texts are what they are. */
function unicodeToAscii(domain: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all that a byte can be
  const isBytes = !/[^\x00-\xff]/.test(domain);
  return domainToASCII(isBytes ? Buffer.from(domain, "latin1").toString("utf8") : domain);
}
