/** The Alt-Svc field (RFC 7838 §3): other endpoints that serve an origin, and how long the advertisement is fresh. */

import { ipVersion } from "../wire/ip-address.ts";

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
}

/** RFC 7838 §3.1: 24 hours by default. Seconds. */
const DEFAULT_MAX_AGE = 86_400;

/** `h3=":443"; ma=2592000, h3="alt.example:8443"`; `clear` and malformed members yield nothing. */
export function parseAltSvc(field: string): AdvertisedAlternative[] {
  const values: AdvertisedAlternative[] = [];
  for (const member of splitOutsideQuotes(field, ",")) {
    const [first = "", ...parameters] = splitOutsideQuotes(member, ";");
    const match = /^([!#$%&'*+.^_`|~\w-]+)="([^"]*)"$/.exec(first.trim());
    if (match === null) continue;
    const alternative = parseAuthority(match[2]!);
    if (alternative === undefined) continue;
    const ma = parameters
      .map((each) => /^ma="?(\d{1,12})"?$/.exec(each.trim())?.[1])
      .find((each) => each !== undefined);
    values.push({
      protocol: decodeProtocol(match[1]!),
      alternative,
      maxAge: ma === undefined ? DEFAULT_MAX_AGE : Number(ma),
    });
  }
  return values;
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

function splitOutsideQuotes(text: string, separator: "," | ";"): string[] {
  return text.match(separator === "," ? /(?:[^,"]|"(?:[^"\\]|\\.)*")+/g : /(?:[^;"]|"(?:[^"\\]|\\.)*")+/g) ?? [];
}
