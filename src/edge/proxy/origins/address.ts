/** How users write origins, and what a proxy needs to know to connect to one. */
import type { OriginProtocol } from "../../../host/client/origin-pool.ts";
import { ServeError } from "../../../host/listen/errors.ts";

export interface OriginAddress {
  /** As in logs and in `proxy.status()`. */
  readonly name: string;
  /** Scheme, host and port of requests; the path is the prefix of request paths. */
  readonly url: URL;
  readonly protocol: OriginProtocol;
  /** A UNIX domain socket. */
  readonly path: string | undefined;
}

/** The schemes, with those of the URL and the protocols that they stand for. */
const SCHEMES: Readonly<Record<string, readonly [scheme: "http" | "https", protocol: OriginProtocol]>> = {
  http: ["http", "http/1.1"],
  https: ["https", "auto"],
  h2: ["https", "h2"],
  h2c: ["http", "h2"],
  h3: ["https", "h3"],
};

const EXAMPLE = "give one like http://127.0.0.1:3000, h3://app.example:443 or unix:/run/app.sock";

/**
 * Parses an origin: `http://127.0.0.1:3000`, `https://host/base`, `h2://host`, `h2c://host`, `h3://host:443`,
 * `unix:/path`, `localhost:3000` or `3000`.
 */
export function parseOrigin(text: string): OriginAddress {
  if (text.startsWith("unix:")) return parsePath(text);
  const withScheme = /^\d+$/.test(text)
    ? `http://localhost:${text}` // IPv4 or IPv6 (RFC 6761 §6.3)
    : text.includes("://")
      ? text
      : `http://${text}`;
  const [given = "", rest = ""] = withScheme.split(/:\/\/(.*)/s);
  const [scheme, protocol] = SCHEMES[given.toLowerCase()] ?? [];
  const url = scheme !== undefined && URL.canParse(`${scheme}://${rest}`) ? new URL(`${scheme}://${rest}`) : undefined;
  if (url === undefined || url.hostname === "") throw invalid(`${text} is not an origin: ${EXAMPLE}`);
  if (url.search !== "" || url.hash !== "" || url.username !== "") {
    throw invalid(`${text}: an origin has no query, fragment or user: leave them out`);
  }
  const name = given.startsWith("http") ? url.origin : `${given.toLowerCase()}://${url.host}`;
  return { name, url, protocol: protocol!, path: undefined };
}

function parsePath(text: string): OriginAddress {
  const path = text.slice("unix:".length);
  if (!path.startsWith("/") || path.includes("\0")) {
    throw invalid(`${text} is not an origin: give the absolute path of a socket, like unix:/run/app.sock`);
  }
  return { name: text, url: new URL("http://localhost"), protocol: "http/1.1", path };
}

const invalid = (message: string): ServeError => new ServeError("ORIGIN_INVALID", message);

/**
 * True if an origin may resolve the path to one above its base. Clients resolve dot segments themselves (RFC 3986 §5.2.4).
 * Origins differ in what they decode first, and some ignore what follows a semicolon.
 */
export function hasParentSegment(target: string): boolean {
  const path = target.replace(/[?#].*$/s, "").replaceAll(/%2e/gi, ".");
  return path.split(/[/\\]|%2f|%5c/i).some((segment) => /^\.\.(?:$|;|%3b)/i.test(segment));
}
