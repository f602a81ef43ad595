// Set-Cookie for servers: refuses what browsers will refuse, with the reason.
import {
  type CookieContext,
  DEFAULT_RULES,
  judgeSet,
  parseSetCookie,
  REASONS,
  type Reason,
  registrableDomain,
  visitOf,
} from "../agent/cookies/index.ts";
import { targetOf } from "../host/cookies/jar.ts";

/** The attributes of a cookie, and what it is judged by. */
export interface SetCookieOptions {
  /** The host, or a domain above it: its other hosts get the cookie too. Default: this host alone. */
  readonly domain?: string;
  /** Default: `/`. */
  readonly path?: string;
  /** Seconds; 0 deletes the cookie. */
  readonly maxAge?: number;
  readonly expires?: Date;
  readonly secure?: boolean;
  readonly httpOnly?: boolean;
  /** Default: none is written, which browsers treat as `lax`. */
  readonly sameSite?: "strict" | "lax" | "none";
  /** One cookie for each top-level site (CHIPS). */
  readonly partitioned?: boolean;
  /** Where the response comes from; with it, `domain` and `secure` are judged too. */
  readonly url?: string | URL;
  /** The documents in which the cookie must be stored: `{ kind: "frame", topLevel: "https://shop.example" }`. */
  readonly context?: CookieContext;
}

/** A browser would not store the cookie. */
export class SetCookieError extends Error {
  override readonly name = "SetCookieError";
  /** The names of Chromium's DevTools protocol, or `InvalidValue` if the value cannot be written. */
  readonly reasons: readonly (Reason | "InvalidValue")[];
  readonly cookie: string;

  constructor(cookie: string, reasons: readonly (Reason | "InvalidValue")[], message: string) {
    super(message);
    this.cookie = cookie;
    this.reasons = reasons;
  }
}

const SAME_SITE = { strict: "Strict", lax: "Lax", none: "None" } as const;
/** RFC 6265bis §4.1.1: what servers may write. Quotes and commas are left to them, because browsers keep both. */
const NAME = /^[!#$%&'*+.^_`|~\dA-Za-z-]+$/;
const VALUE = /^[\x20-\x3a\x3c-\x7e]*$/;

/** Returns the value of a field `set-cookie`. Throws a SetCookieError if a browser would refuse it. */
export function setCookie(name: string, value: string, options: SetCookieOptions = {}): string {
  const { domain, path = "/", maxAge, expires, secure, httpOnly, sameSite, partitioned } = options;
  const isPlain = (text: string): boolean => VALUE.test(text) && text === text.trim();
  if (!NAME.test(name)) {
    throw new SetCookieError(
      name,
      ["InvalidValue"],
      `the cookie's name ${JSON.stringify(name)} is not a token: use letters, digits, - and _`,
    );
  }
  if (!isPlain(value)) {
    throw new SetCookieError(
      name,
      ["InvalidValue"],
      `the value of the cookie ${name} cannot be written as it is: pass it through encodeURIComponent()`,
    );
  }
  for (const [attribute, text] of Object.entries({ domain, path })) {
    if (text !== undefined && !isPlain(text))
      throw new SetCookieError(
        name,
        ["InvalidValue"],
        `the ${attribute} of the cookie ${name} contains a character that ends it`,
      );
  }
  if (!path.startsWith("/"))
    throw new SetCookieError(name, ["InvalidValue"], `the path of the cookie ${name} does not begin with /`);
  if (maxAge !== undefined && !Number.isSafeInteger(maxAge))
    throw new SetCookieError(name, ["InvalidValue"], `maxAge of the cookie ${name} is not a whole number of seconds`);
  if (expires !== undefined && Number.isNaN(expires.getTime()))
    throw new SetCookieError(name, ["InvalidValue"], `expires of the cookie ${name} is an invalid date`);
  const line = [
    `${name}=${value}`,
    ...(domain === undefined ? [] : [`Domain=${domain}`]),
    `Path=${path}`,
    ...(maxAge === undefined ? [] : [`Max-Age=${maxAge}`]),
    ...(expires === undefined ? [] : [`Expires=${expires.toUTCString()}`]),
    ...(secure ? ["Secure"] : []),
    ...(httpOnly ? ["HttpOnly"] : []),
    ...(sameSite === undefined ? [] : [`SameSite=${SAME_SITE[sameSite]}`]),
    ...(partitioned ? ["Partitioned"] : []),
  ].join("; ");
  const reasons = reasonsAgainst(line, options);
  if (reasons.length > 0) {
    throw new SetCookieError(
      name,
      reasons,
      `browsers refuse the cookie ${name}: ${reasons.map((each) => REASONS[each]).join("; ")}`,
    );
  }
  return line;
}

function reasonsAgainst(line: string, { url, domain, context = {} }: SetCookieOptions): readonly Reason[] {
  const parsed = parseSetCookie(line, DEFAULT_RULES, 0);
  if (typeof parsed === "string") return [parsed];
  // Without a URL, the response comes from wherever the cookie would be accepted.
  const host = domain?.replace(/^\./, "").toLowerCase() ?? "host.invalid";
  if (url === undefined && domain !== undefined && registrableDomain(host) === undefined) return ["InvalidDomain"];
  const target = url === undefined ? { scheme: "https", host, path: "/" } : targetOf(url);
  const judged = judgeSet(parsed, visitOf(target, context, DEFAULT_RULES), 0);
  return "name" in judged ? [] : judged;
}
