/** The Alt-Svc field (RFC 7838 §3): other endpoints that serve an origin, and how long the advertisement is fresh. */

import { ipVersion } from "../wire/ip-address.ts";
import { splitQuoted } from "./quoted-list.ts";

/** An empty host means the origin's host. */
export interface Alternative {
  readonly host: string;
  readonly port: number;
}

/** One alternative in a field. */
export interface AdvertisedAlternative {
  readonly protocol: string;
  readonly alternative: Alternative;
  /** Seconds. */
  readonly maxAge: number;
  /** RFC 7838 §3.1: true if it outlasts a change of the network. */
  readonly persists: boolean;
  /** QUIC versions, the best first (draft-duke-httpbis-quic-version-alt-svc); empty if it names none. */
  readonly quicVersions: readonly number[];
}

/** RFC 7838 §3.1: 24 hours by default. Seconds. */
const DEFAULT_MAX_AGE = 86_400;
/** RFC 9111 §1.2.2: longer ages are as good as this one. */
const MAX_AGE = 2 ** 31;
/** Alternatives of one field; the first are the server's preferred ones. */
const MAX_ALTERNATIVES = 32;

/**
 * `h3=":443"; ma=2592000, h3="alt.example:8443"`. Malformed members yield nothing, and neither does a field with `clear`:
 * "all alternatives" are invalid then, also those beside it (RFC 7838 §3).
 */
export function parseAltSvc(field: string): AdvertisedAlternative[] {
  const members = splitQuoted(field, ",");
  if (members.some((member) => member.trim() === "clear")) return [];
  const values: AdvertisedAlternative[] = [];
  for (const member of members) {
    const value = parseMember(member);
    if (value !== undefined) values.push(value);
    if (values.length === MAX_ALTERNATIVES) break;
  }
  return values;
}

function parseMember(member: string): AdvertisedAlternative | undefined {
  const [first = "", ...rest] = splitQuoted(member, ";");
  const match = /^([!#$%&'*+.^_`|~\w-]+)="([^"]*)"$/.exec(first.trim());
  const alternative = match === null ? undefined : parseAuthority(match[2]!);
  if (match === null || alternative === undefined) return undefined;
  const parameters = new Map<string, string>();
  for (const each of rest) {
    const [, name, quoted, token] = /^([!#$%&'*+.^_`|~\w-]+)=(?:"([^"]*)"|([^"\s]+))$/.exec(each.trim()) ?? [];
    if (name !== undefined && !parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), quoted ?? token!);
  }
  const ma = parameters.get("ma") ?? String(DEFAULT_MAX_AGE);
  if (!/^\d+$/.test(ma)) return undefined;
  const protocol = decodeProtocol(match[1]!);
  return {
    protocol,
    alternative,
    maxAge: Math.min(Number(ma), MAX_AGE),
    persists: parameters.get("persist") === "1",
    quicVersions: protocol === "h3" ? parseVersions(parameters.get("quicv") ?? "") : [],
  };
}

/** Up to eight hexadecimal digits each; a malformed list says nothing. */
function parseVersions(text: string): number[] {
  const items = text.split(",").map((item) => item.trim());
  return items.every((item) => /^[\da-f]{1,8}$/i.test(item)) ? items.map((item) => Number.parseInt(item, 16)) : [];
}

function parseAuthority(authority: string): Alternative | undefined {
  const match = /^(.*):(\d{1,5})$/.exec(authority);
  if (match === null) return undefined;
  const port = Number(match[2]);
  if (port === 0 || port > 65_535) return undefined;
  const bracketed = /^\[(.*)\]$/.exec(match[1]!)?.[1];
  if (bracketed !== undefined) return ipVersion(bracketed) === 6 ? { host: bracketed, port } : undefined;
  return /^[\w.-]*$/.test(match[1]!) ? { host: match[1]!, port } : undefined;
}

/** RFC 7838 §3: in a protocol ID, characters not allowed in a token are percent-encoded. */
function decodeProtocol(token: string): string {
  return token.replace(/%([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
