/** The origins behind a proxy: their connections, and which one is next. */
import { OriginPool, type OriginPoolOptions } from "../../host/client/origin-pool.ts";
import { ServeError } from "../../host/listen/errors.ts";

export interface ProxyOrigin {
  readonly url: URL;
  /** The prefix of request paths: "" or "/base". */
  readonly base: string;
  readonly pool: OriginPool;
  /** The time until which it is skipped because a connection failed, in milliseconds of the system's clock. */
  downUntil: number;
}

/** Milliseconds for which an unreachable origin is skipped unless there is no other. */
const DOWN_TIME = 5_000;

export class ProxyOrigins {
  readonly all: readonly ProxyOrigin[];
  #next = 0;

  constructor(origins: readonly ProxyOrigin[]) {
    this.all = origins;
  }

  /** Returns the next origin that has not been tried for this request. Skips origins that are down unless there is no other. */
  choose(tried: ReadonlySet<ProxyOrigin>, now: number): ProxyOrigin | undefined {
    const count = this.all.length;
    let fallback: ProxyOrigin | undefined;
    for (let i = 0; i < count; i++) {
      const origin = this.all[(this.#next + i) % count]!;
      if (tried.has(origin)) continue;
      if (origin.downUntil <= now) {
        this.#next = (this.#next + i + 1) % count;
        return origin;
      }
      fallback ??= origin;
    }
    return fallback;
  }

  markDown(origin: ProxyOrigin, now: number): void {
    origin.downUntil = now + DOWN_TIME;
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map(({ pool }) => pool.destroy()));
  }
}

/** Parses an origin as users write it: `http://127.0.0.1:3000`, `https://host/base`, `localhost:3000` or `3000`. */
export function parseOrigin(text: string): URL {
  const withScheme = /^\d+$/.test(text)
    ? `http://localhost:${text}` // IPv4 or IPv6 (RFC 6761 §6.3)
    : /^https?:\/\//i.test(text)
      ? text
      : `http://${text}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  if (url === undefined || url.hostname === "" || (text.includes("://") && !/^https?:\/\//i.test(text))) {
    throw new ServeError("ORIGIN_INVALID", `${text} is not an origin: give one like http://127.0.0.1:3000`);
  }
  if (url.search !== "" || url.hash !== "" || url.username !== "") {
    throw new ServeError("ORIGIN_INVALID", `${text}: an origin has no query, fragment or user: leave them out`);
  }
  return url;
}

export function openOrigins(urls: readonly URL[], options: OriginPoolOptions): ProxyOrigins {
  return new ProxyOrigins(
    urls.map((url) => ({
      url,
      base: url.pathname.replace(/\/+$/, ""),
      pool: new OriginPool(url, options),
      downUntil: 0,
    })),
  );
}

/**
 * True if an origin may resolve the path to one above its base. Clients resolve dot segments themselves (RFC 3986 §5.2.4).
 * Origins differ in what they decode first, and some ignore what follows a semicolon.
 */
export function hasParentSegment(target: string): boolean {
  const path = target.replace(/[?#].*$/s, "").replaceAll(/%2e/gi, ".");
  return path.split(/[/\\]|%2f|%5c/i).some((segment) => /^\.\.(?:$|;|%3b)/i.test(segment));
}
