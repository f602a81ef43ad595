/**
 * Which origins are worth a connection before the first request: links with `rel=preconnect` of responses and of 103, and the
 * names in `preconnectHint` (draft-pardue-httpbis-preconnect-hint-svc-param). Links come from the origin itself; a hint comes
 * from DNS, which anybody on the way may have written, so it may only name public hosts, for https on port 443.
 */

import type { Link } from "../http/index.ts";
import { ipVersion } from "../wire/ip-address.ts";

/** Links or hints of one response or record that are followed. */
export const MAX_PRECONNECTS = 4;

/** A parsed URL; one of the platform's has all of it. */
export interface ParsedUrl {
  /** With a colon. */
  readonly protocol: string;
  readonly hostname: string;
  readonly origin: string;
  readonly username: string;
}

/**
 * Origins that the links of a response ask for. `page` is its URL, and `parse` resolves a target against it. Nothing is followed on
 * a page without TLS.
 */
export function linkedOrigins(
  page: ParsedUrl,
  links: readonly Link[],
  parse: (target: string) => ParsedUrl | undefined,
): string[] {
  const found = new Set<string>();
  if (page.protocol !== "https:") return [];
  for (const { target, relations, parameters } of links) {
    // A connection that must not carry credentials is another one than ours.
    if (!relations.includes("preconnect") || parameters.get("crossorigin") === "anonymous") continue;
    const url = parse(target);
    if (url?.protocol !== "https:" || url.origin === page.origin || url.username !== "") continue;
    // A public page learns nothing about the network of its reader.
    if (isPrivateName(url.hostname) && !isPrivateName(page.hostname)) continue;
    if (found.size < MAX_PRECONNECTS) found.add(url.origin);
  }
  return [...found];
}

/** Origins that the hint of an HTTPS record asks for. `host` is the owner's. */
export function hintedOrigins(host: string, names: readonly string[]): string[] {
  const found = new Set<string>();
  for (const name of names) {
    const bare = name.replace(/\.$/, "").toLowerCase();
    if (!/^[a-z0-9_.-]+$/.test(bare) || bare === host.toLowerCase() || isPrivateName(bare)) continue;
    if (found.size < MAX_PRECONNECTS) found.add(`https://${bare}`);
  }
  return [...found];
}

/** RFC 6761, RFC 6762, RFC 8375 and RFC 9476: names that mean something on this machine or network alone. Addresses count too. */
const PRIVATE_SUFFIXES = ["localhost", "local", "internal", "home.arpa", "lan", "test", "invalid", "alt", "onion"];

function isPrivateName(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  if (ipVersion(bare) !== undefined || !bare.includes(".")) return true;
  return PRIVATE_SUFFIXES.some((suffix) => bare === suffix || bare.endsWith(`.${suffix}`));
}
