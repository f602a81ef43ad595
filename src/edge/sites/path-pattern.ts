/**
 * The path of a route: a URLPattern pathname (the WHATWG's URL Pattern standard). Common patterns ("/*", "/v1/*", "/about")
 * are compared as text; the rest goes through URLPattern.
 */

import { URLPattern } from "urlpattern-polyfill/urlpattern";

/** What the groups of a pattern matched: ":name" by name, "*" by "0", "1" and so on. */
export type PathGroups = Readonly<Record<string, string | undefined>>;

const NO_GROUPS: PathGroups = {};

/** Characters that a URL parser leaves as they are, and that mean nothing to URLPattern. */
const PLAIN = /^\/[a-zA-Z0-9/_~-]*$/;

export class PathPattern {
  readonly text: string;
  readonly #prefix: string | undefined;
  readonly #exact: string | undefined;
  readonly #pattern: URLPattern | undefined;

  /** Throws a TypeError for a text that is not a pattern. */
  constructor(text: string) {
    this.text = text;
    const head = text.endsWith("/*") ? text.slice(0, -1) : undefined;
    if (head !== undefined && PLAIN.test(head)) this.#prefix = head;
    else if (PLAIN.test(text)) this.#exact = text;
    else this.#pattern = new URLPattern({ pathname: text });
  }

  /** Why the text is not a pattern, for a message that begins with it; undefined if it is one. */
  static problemOf(text: string): string | undefined {
    if (!text.startsWith("/")) return 'does not begin with "/"';
    try {
      new PathPattern(text);
      return undefined;
    } catch (error) {
      return `is not a path pattern: ${(error as Error).message}`;
    }
  }

  /** True for "/*", which matches everything. */
  get matchesAll(): boolean {
    return this.#prefix === "/";
  }

  /** `pathname` is normalized (`routingPath`). Undefined if it does not match. */
  match(pathname: string): PathGroups | undefined {
    if (this.#prefix !== undefined) {
      return pathname.startsWith(this.#prefix) ? { 0: pathname.slice(this.#prefix.length) } : undefined;
    }
    if (this.#exact !== undefined) return pathname === this.#exact ? NO_GROUPS : undefined;
    return this.#pattern!.exec({ pathname })?.pathname.groups;
  }
}

/** Dot segments, also percent-encoded; and backslashes, which URL parsers take for slashes. */
const UNUSUAL = /\/\.|%2e|\\/i;

/**
 * The path that routes are chosen by. Dot segments are resolved (RFC 3986 §5.2.4), so that "/public/../admin" cannot pass for
 * a path below "/public/". The action still gets the path as sent.
 */
export function routingPath(target: string): string {
  const end = target.search(/[?#]/);
  const path = end < 0 ? target : target.slice(0, end);
  if (!UNUSUAL.test(path)) return path;
  // A path that begins with "//" would name a host.
  return URL.canParse(`https://host${path}`) ? new URL(`https://host${path}`).pathname : path;
}
