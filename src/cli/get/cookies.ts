// -b and -c: cookies given as text for the first host, or read from a file. With a file, cookies from responses are kept too
// (RFC 6265).
import { readFile } from "node:fs/promises";
import type { Field } from "../../client/index.ts";
import { type Cookie, parseCookieFile } from "./cookie-file.ts";
import { isAddress, unreadable } from "./flags.ts";

/** The cookies of one `nagare get`. */
export class CookieJar {
  readonly #cookies: Cookie[] = [];
  /** The text of -b. Like credentials, it is sent only to the first host. */
  #given = "";
  /** True if cookies from responses are kept: as in curl, only if a file is named. */
  #keepsResponseCookies = false;

  /** `saves` is true if the cookies will be written to a file (-c). */
  static async from(flags: readonly string[], saves: boolean): Promise<CookieJar> {
    const jar = new CookieJar();
    jar.#keepsResponseCookies = saves;
    for (const value of flags) {
      if (value.includes("=")) jar.#given = jar.#given === "" ? value : `${jar.#given}; ${value}`;
      else {
        jar.#keepsResponseCookies = true;
        if (value !== "") for (const cookie of parseCookieFile(await readJar(value))) jar.#set(cookie);
      }
    }
    return jar;
  }

  /** Returns the value of the `cookie` field for a request, or undefined. */
  header(url: URL, isFirstOrigin: boolean, isGivenByHeader: boolean): string | undefined {
    const now = Date.now();
    const matching = this.#cookies
      .filter((cookie) => matches(cookie, url) && (cookie.expires === undefined || cookie.expires > now))
      .sort((a, b) => b.path.length - a.path.length); // RFC 6265 §5.4
    const pairs = matching.map(({ name, value }) => `${name}=${value}`);
    // As in curl, a cookie field from -H replaces the text of -b.
    if (isFirstOrigin && this.#given !== "" && !isGivenByHeader) pairs.push(this.#given);
    return pairs.length === 0 ? undefined : pairs.join("; ");
  }

  store(fields: readonly Field[], url: URL): void {
    if (!this.#keepsResponseCookies) return;
    for (const [name, value] of fields) {
      if (name.toLowerCase() !== "set-cookie") continue;
      const cookie = parseSetCookie(value, url);
      if (cookie !== undefined && !this.#coversSecure(cookie, url)) this.#set(cookie);
    }
  }

  /** RFC 6265bis §5.7: http does not replace or hide what https has set. */
  #coversSecure({ name, domain, path }: Cookie, url: URL): boolean {
    return (
      url.protocol !== "https:" &&
      this.#cookies.some(
        (each) =>
          each.secure &&
          each.name === name &&
          (isInDomain(each.domain, domain) || isInDomain(domain, each.domain)) &&
          isInPath(path, each.path),
      )
    );
  }

  #set(cookie: Cookie | undefined): void {
    if (cookie === undefined) return;
    const { name, domain, path } = cookie;
    const existing = this.#cookies.findIndex(
      (each) => each.name === name && each.domain === domain && each.path === path,
    );
    // RFC 6265 §5.3: a replaced cookie keeps its creation time, which is its position here.
    if (existing === -1) this.#cookies.push(cookie);
    else this.#cookies[existing] = cookie;
  }

  /** The cookies that have not expired, newest first, as curl writes them. */
  get cookies(): readonly Cookie[] {
    const now = Date.now();
    return this.#cookies.filter(({ expires }) => expires === undefined || expires > now).reverse();
  }
}

/** A jar that does not exist yet counts as empty: `-b jar -c jar` creates it. */
async function readJar(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    return unreadable(error);
  }
}

function matches({ domain, subdomains, path, secure }: Cookie, url: URL): boolean {
  const { hostname, pathname } = url;
  if (secure && url.protocol !== "https:" && hostname !== "localhost") return false;
  if (hostname !== domain && !(subdomains && hostname.endsWith(`.${domain}`))) return false;
  return isInPath(pathname, path);
}

const isInDomain = (host: string, domain: string): boolean => host === domain || host.endsWith(`.${domain}`);

/** RFC 6265 §5.1.4 */
const isInPath = (pathname: string, path: string): boolean =>
  pathname === path || pathname.startsWith(path.endsWith("/") ? path : `${path}/`);

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it finds
const CONTROL = /[\x00-\x1f\x7f]/;

/** RFC 6265 §5.2 and §5.3. Returns undefined for a cookie that must not be kept. */
function parseSetCookie(line: string, url: URL): Cookie | undefined {
  // RFC 6265bis §5.6. A tab, which it allows, would start another column in the file.
  if (CONTROL.test(line)) return undefined;
  const [pair = "", ...attributes] = line.split(";").map((each) => each.trim());
  const equals = pair.indexOf("=");
  if (equals <= 0) return undefined;
  const read = (name: string): string | undefined =>
    attributes.findLast((each) => each.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1);
  const domain = read("domain")?.replace(/^\./, "").toLowerCase() ?? "";
  const host = url.hostname;
  if (domain !== "" && domain !== host) {
    // A cookie for a whole top-level domain would reach unrelated sites; "com." is one too.
    const isTopLevel = !domain.replace(/\.$/, "").includes(".");
    if (isAddress(host) || isTopLevel || !host.endsWith(`.${domain}`)) return undefined;
  }
  const path = read("path");
  const name = pair.slice(0, equals).trim();
  const secure = attributes.some((each) => each.toLowerCase() === "secure");
  // RFC 6265bis §5.7: http may not set secure cookies, and name prefixes have further requirements.
  if (secure && url.protocol !== "https:" && host !== "localhost") return undefined;
  if (/^__(?:secure|host)-/i.test(name) && !secure) return undefined;
  if (/^__host-/i.test(name) && (domain !== "" || path !== "/")) return undefined;
  const maxAge = read("max-age");
  const expires = maxAge === undefined ? Date.parse(read("expires") ?? "") : Date.now() + Number(maxAge) * 1000;
  return {
    name,
    value: pair.slice(equals + 1).trim(),
    domain: domain === "" ? host : domain,
    subdomains: domain !== "",
    path: path?.startsWith("/") === true ? path : url.pathname.slice(0, Math.max(1, url.pathname.lastIndexOf("/"))),
    secure,
    httpOnly: attributes.some((each) => each.toLowerCase() === "httponly"),
    expires: Number.isNaN(expires) ? undefined : expires,
  };
}
