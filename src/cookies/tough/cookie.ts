// tough-cookie's Cookie: a record whose members programs read and write.
import {
  type CookieContext,
  type PartitionKey,
  parseSetCookie,
  registrableDomain,
  type SameSite,
} from "../../agent/cookies/index.ts";
import { canonicalDomain, formatDate, parseDate } from "./helpers.ts";

/** Accepted as in tough-cookie, and ignored: a browser has one way to parse. */
export interface ParseCookieOptions {
  /** Accepted; cookies without a name are always kept, as in browsers. */
  loose?: boolean | undefined;
}

/** The properties of a new `Cookie`. */
export interface CreateCookieOptions {
  key?: string;
  value?: string;
  expires?: Date | "Infinity" | null;
  maxAge?: number | "Infinity" | "-Infinity" | null;
  domain?: string | null;
  path?: string | null;
  secure?: boolean;
  httpOnly?: boolean;
  extensions?: string[] | null;
  creation?: Date | "Infinity" | null;
  hostOnly?: boolean | null;
  pathIsDefault?: boolean | null;
  lastAccessed?: Date | "Infinity" | null;
  sameSite?: string | undefined;
}

/** A cookie in JSON. */
export type SerializedCookie = { key?: string; value?: string; [key: string]: unknown };

const KNOWN = new Set(["expires", "max-age", "domain", "path", "secure", "httponly", "samesite"]);
const SERIALIZED = [
  "key",
  "value",
  "expires",
  "maxAge",
  "domain",
  "path",
  "secure",
  "httpOnly",
  "extensions",
  "hostOnly",
  "pathIsDefault",
  "creation",
  "lastAccessed",
  "sameSite",
] as const;
/** Ours too: without its partition, a restored cookie would go everywhere. */
const MEMBERS = [...SERIALIZED, "partitionKey"] as const;
/** What RFC 6265bis §4.1.1 lets servers write. */
const COOKIE_OCTETS = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/;
const PATH_VALUE = /[\x20-\x3a\x3c-\x7e]+/;

/** A cookie with tough-cookie's properties. */
export class Cookie {
  key: string;
  value: string;
  expires: Date | "Infinity" | null;
  maxAge: number | "Infinity" | "-Infinity" | null;
  domain: string | null;
  path: string | null;
  secure: boolean;
  httpOnly: boolean;
  extensions: string[] | null;
  creation: Date | "Infinity" | null;
  hostOnly: boolean | null;
  pathIsDefault: boolean | null;
  lastAccessed: Date | "Infinity" | null;
  sameSite: string | undefined;
  #creationIndex: number;
  #partitionKey: PartitionKey | undefined;

  static #created = 0;
  static readonly sameSiteLevel = { strict: 3, lax: 2, none: 1 } as const;
  static readonly sameSiteCanonical = { strict: "Strict", lax: "Lax", none: "None" } as const;
  static readonly serializableProperties = SERIALIZED;

  constructor(options: CreateCookieOptions = {}) {
    this.key = options.key ?? "";
    this.value = options.value ?? "";
    this.expires = options.expires ?? "Infinity";
    this.maxAge = options.maxAge ?? null;
    this.domain = options.domain ?? null;
    this.path = options.path ?? null;
    this.secure = options.secure ?? false;
    this.httpOnly = options.httpOnly ?? false;
    this.extensions = options.extensions ?? null;
    this.creation = options.creation ?? new Date();
    this.hostOnly = options.hostOnly ?? null;
    this.pathIsDefault = options.pathIsDefault ?? null;
    this.lastAccessed = options.lastAccessed ?? null;
    this.sameSite = options.sameSite;
    Cookie.#created += 1;
    this.#creationIndex = Cookie.#created;
  }

  get creationIndex(): number {
    return this.#creationIndex;
  }

  set creationIndex(index: number) {
    this.#creationIndex = index;
  }

  /** Set by a jar: the partition of a cookie with the attribute Partitioned. */
  get partitionKey(): PartitionKey | undefined {
    return this.#partitionKey;
  }

  set partitionKey(key: PartitionKey | undefined) {
    this.#partitionKey = key;
  }

  /** Parses a Set-Cookie line; undefined if it is not a cookie. */
  static parse(text: string, _options?: ParseCookieOptions): Cookie | undefined {
    if (typeof text !== "string") return undefined;
    const parsed = parseSetCookie(text, { profile: "chromium", toAscii: (domain) => canonicalDomain(domain) ?? "" }, 0);
    if (typeof parsed === "string") return undefined;
    const cookie = new Cookie({
      key: parsed.name,
      value: parsed.value,
      // A second leading dot or a blank stays, so that the domain matches nothing.
      domain:
        parsed.domain !== undefined && /^[.\s]/.test(parsed.domain) ? `.${parsed.domain}` : (parsed.domain ?? null),
      path: parsed.path ?? null,
      secure: parsed.secure,
      httpOnly: parsed.httpOnly,
      sameSite: parsed.sameSite === "unset" ? undefined : parsed.sameSite,
    });
    for (const attribute of text.split(";").slice(1)) {
      const [name = "", ...rest] = attribute.split("=");
      const key = name.trim().toLowerCase();
      const value = rest.join("=").trim();
      if (key === "expires") cookie.expires = parseDate(value) ?? cookie.expires;
      else if (key === "max-age" && /^[-+]?\d+$/.test(value)) cookie.setMaxAge(Number(value));
      else if (attribute.trim() !== "" && !KNOWN.has(key)) (cookie.extensions ??= []).push(attribute.trim());
    }
    return cookie;
  }

  /** Reads what `toJSON` returned, also as text; undefined if it is not a cookie. */
  static fromJSON(json: unknown): Cookie | undefined {
    if (json === null || json === undefined || json === "") return undefined;
    let source: unknown = json;
    if (typeof json === "string") {
      try {
        source = JSON.parse(json);
      } catch {
        return undefined;
      }
    }
    if (typeof source !== "object" || source === null) return undefined;
    const cookie = new Cookie();
    for (const name of MEMBERS) {
      const value = (source as Record<string, unknown>)[name];
      if (value !== undefined && isOfMember(name, value)) Object.assign(cookie, { [name]: revived(name, value) });
    }
    return cookie;
  }

  /** The cookie in JSON. */
  toJSON(): SerializedCookie {
    const json: Record<string, unknown> = {};
    const usual = new Cookie();
    for (const name of MEMBERS) {
      const value = this[name];
      if (value === usual[name] && name !== "creation") continue;
      if (name === "expires" || name === "creation" || name === "lastAccessed") {
        json[name] = value instanceof Date ? (Number.isNaN(value.getTime()) ? null : value.toISOString()) : value;
      } else if (name === "maxAge") {
        if (value !== null)
          json[name] = value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY ? String(value) : value;
      } else json[name] = value;
    }
    return json;
  }

  /** A copy. */
  clone(): Cookie | undefined {
    return Cookie.fromJSON(this.toJSON());
  }

  /** True if a server may write it so; browsers accept more. */
  validate(): boolean {
    if (!COOKIE_OCTETS.test(this.value)) return false;
    if (this.expires !== "Infinity" && !(this.expires instanceof Date) && parseDate(this.expires) === undefined)
      return false;
    if (typeof this.maxAge === "number" && this.maxAge <= 0) return false;
    if (this.path !== null && !PATH_VALUE.test(this.path)) return false;
    const domain = this.cdomain();
    // A public suffix cannot have cookies for its hosts.
    return domain === undefined || (!domain.endsWith(".") && registrableDomain(domain) !== undefined);
  }

  /** Sets `expires`, from a date or its text. */
  setExpires(expires: string | Date): void {
    this.expires = expires instanceof Date ? expires : (parseDate(expires) ?? "Infinity");
  }

  /** Sets `maxAge`, in seconds. */
  setMaxAge(age: number): void {
    this.maxAge = age === Number.POSITIVE_INFINITY ? "Infinity" : age === Number.NEGATIVE_INFINITY ? "-Infinity" : age;
  }

  /** Name and value, as in the Cookie field. */
  cookieString(): string {
    const value = this.value ?? "";
    return this.key === "" ? value : `${this.key}=${value}`;
  }

  /** The line of a Set-Cookie field. */
  toString(): string {
    let text = this.cookieString();
    if (this.expires !== "Infinity" && this.expires instanceof Date) text += `; Expires=${formatDate(this.expires)}`;
    if (this.maxAge !== null && this.maxAge !== "Infinity") text += `; Max-Age=${this.maxAge}`;
    if (this.domain !== null && this.domain !== "" && this.hostOnly !== true) text += `; Domain=${this.domain}`;
    if (this.path) text += `; Path=${this.path}`;
    if (this.secure) text += "; Secure";
    if (this.httpOnly) text += "; HttpOnly";
    if (this.sameSite !== undefined && this.sameSite !== "none") {
      const known = Cookie.sameSiteCanonical[this.sameSite.toLowerCase() as "strict" | "lax"];
      text += `; SameSite=${known ?? this.sameSite}`;
    } else if (this.sameSite === "none") text += "; SameSite=None";
    for (const extension of this.extensions ?? []) text += `; ${extension}`;
    return text;
  }

  /** Milliseconds. */
  TTL(now: number = Date.now()): number {
    if (this.maxAge !== null && typeof this.maxAge !== "string") return this.maxAge <= 0 ? 0 : this.maxAge * 1_000;
    if (this.maxAge === "-Infinity") return 0;
    if (this.expires === "Infinity" || this.expires === null) return Number.POSITIVE_INFINITY;
    return this.expires.getTime() - now;
  }

  /** When the cookie expires, in milliseconds since 1970; infinite for never, undefined for an unknown date. */
  expiryTime(now?: Date): number | undefined {
    if (this.maxAge !== null) {
      const relativeTo = now ?? this.lastAccessed ?? new Date();
      if (this.maxAge === "-Infinity" || (typeof this.maxAge === "number" && this.maxAge <= 0))
        return Number.NEGATIVE_INFINITY;
      if (this.maxAge === "Infinity" || relativeTo === "Infinity") return Number.POSITIVE_INFINITY;
      return relativeTo.getTime() + this.maxAge * 1_000;
    }
    if (this.expires === "Infinity") return Number.POSITIVE_INFINITY;
    return this.expires?.getTime();
  }

  /** When the cookie expires; in 2038 for never. */
  expiryDate(now?: Date): Date | undefined {
    const time = this.expiryTime(now);
    if (time === undefined) return undefined;
    if (time === Number.POSITIVE_INFINITY) return new Date((2 ** 31 - 1) * 1_000);
    return new Date(time === Number.NEGATIVE_INFINITY ? 0 : time);
  }

  /** True if the cookie outlives the session. */
  isPersistent(): boolean {
    return this.maxAge !== null || this.expires !== "Infinity";
  }

  /** The domain in lower case, in A-labels and without a leading dot. */
  canonicalizedDomain(): string | undefined {
    return canonicalDomain(this.domain);
  }

  /** The same as `canonicalizedDomain`. */
  cdomain(): string | undefined {
    return canonicalDomain(this.domain);
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    const shown = (time: Date | "Infinity" | null): string =>
      time instanceof Date ? `${Date.now() - time.getTime()}ms` : "?";
    return `Cookie="${this}; hostOnly=${this.hostOnly ?? "?"}; aAge=${shown(this.lastAccessed)}; cAge=${shown(this.creation)}"`;
  }
}

/** True if the attribute is there; tough-cookie keeps it among the extensions. */
export const isPartitioned = ({ extensions, partitionKey }: Cookie): boolean =>
  partitionKey !== undefined || (extensions ?? []).some((each) => /^partitioned\s*(?:=|$)/i.test(each));

export const sameSiteOf = ({ sameSite }: Cookie): SameSite => {
  const lower = sameSite?.toLowerCase();
  return lower === "strict" || lower === "lax" || lower === "none" ? lower : "unset";
};

/** RFC 6265bis §5.8.3 */
export function cookieCompare(a: Cookie, b: Cookie): number {
  const created = ({ creation }: Cookie): number => (creation instanceof Date ? creation.getTime() : 0x7fffffff000);
  return (b.path?.length ?? 0) - (a.path?.length ?? 0) || created(a) - created(b) || a.creationIndex - b.creationIndex;
}

type Member = (typeof MEMBERS)[number];

function isOfMember(name: Member, value: unknown): boolean {
  switch (name) {
    case "key":
    case "value":
    case "sameSite":
      return typeof value === "string";
    case "domain":
    case "path":
      return typeof value === "string" || value === null;
    case "secure":
    case "httpOnly":
      return typeof value === "boolean";
    case "hostOnly":
    case "pathIsDefault":
      return typeof value === "boolean" || value === null;
    case "maxAge":
      return typeof value === "number" || value === "Infinity" || value === "-Infinity";
    case "extensions":
      return Array.isArray(value) && value.every((each) => typeof each === "string");
    case "partitionKey":
      return typeof value === "object" && value !== null && "topLevelSite" in value && "hasCrossSiteAncestor" in value;
    default:
      return value === null || typeof value === "number" || typeof value === "string" || value instanceof Date;
  }
}

function revived(name: Member, value: unknown): unknown {
  const isTime = name === "expires" || name === "creation" || name === "lastAccessed";
  return !isTime || value === null || value === "Infinity" ? value : new Date(value as string);
}

/** tough-cookie's three words for a context. */
export const CONTEXTS: Readonly<Record<"strict" | "lax" | "none", CookieContext>> = {
  strict: {},
  lax: { kind: "top-level", initiator: "null" },
  none: { kind: "subresource", topLevel: "null" },
};
