// What an origin is known to offer besides TCP: Alt-Svc (RFC 7838), remembered for its ma, and HTTP/3 that did not work.
import { ipVersion } from "../wire/ip-address.ts";

/** Where to try HTTP/3 for an origin. An empty host means the origin's own. */
export interface Alternative {
  readonly host: string;
  readonly port: number;
}

export type Http3Knowledge =
  | { readonly kind: "unknown" }
  | { readonly kind: "advertised"; readonly alternative: Alternative }
  | { readonly kind: "broken" };

interface Entry {
  alternative: Alternative | undefined;
  expires: number;
  brokenUntil: number;
  failures: number;
}

/** RFC 7838 §3.1: 24 hours unless the field says otherwise. */
const DEFAULT_MAX_AGE = 86_400;
const BROKEN_FOR = 5 * 60_000;
const BROKEN_AT_MOST = 48 * 3_600_000;
const MAX_ORIGINS = 1_000;

export class Alternatives {
  readonly #entries = new Map<string, Entry>();

  /** `now` is a wall-clock time in milliseconds, here and below. */
  http3(origin: string, now: number): Http3Knowledge {
    const entry = this.#entries.get(origin);
    if (entry === undefined) return { kind: "unknown" };
    if (entry.brokenUntil > now) return { kind: "broken" };
    if (entry.alternative !== undefined && entry.expires > now)
      return { kind: "advertised", alternative: entry.alternative };
    return { kind: "unknown" };
  }

  /** RFC 7838 §3: the newest field replaces all that was known. */
  advertised(origin: string, field: string, now: number): void {
    const entry = this.#entry(origin);
    entry.alternative = undefined;
    for (const { protocol, alternative, maxAge } of parseAltSvc(field)) {
      if (protocol !== "h3") continue;
      entry.alternative = alternative;
      entry.expires = now + maxAge * 1000;
      return;
    }
  }

  /** HTTP/3 could not be had: not tried again for five minutes, then for twice as long each time. */
  failed(origin: string, now: number): void {
    const entry = this.#entry(origin);
    entry.brokenUntil = now + Math.min(BROKEN_FOR * 2 ** entry.failures, BROKEN_AT_MOST);
    entry.failures += 1;
  }

  worked(origin: string): void {
    const entry = this.#entries.get(origin);
    if (entry === undefined) return;
    entry.brokenUntil = 0;
    entry.failures = 0;
  }

  #entry(origin: string): Entry {
    const known = this.#entries.get(origin);
    if (known !== undefined) return known;
    if (this.#entries.size >= MAX_ORIGINS) this.#entries.delete(this.#entries.keys().next().value!);
    const entry: Entry = { alternative: undefined, expires: 0, brokenUntil: 0, failures: 0 };
    this.#entries.set(origin, entry);
    return entry;
  }
}

interface AltValue {
  readonly protocol: string;
  readonly alternative: Alternative;
  readonly maxAge: number;
}

/** `h3=":443"; ma=2592000, h3="alt.example:8443"`; `clear` and anything malformed give nothing. */
export function parseAltSvc(field: string): AltValue[] {
  const values: AltValue[] = [];
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

/** RFC 7838 §3: characters that no token may hold are percent-encoded in a protocol id. */
function decodeProtocol(token: string): string {
  return token.replace(/%([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function splitOutsideQuotes(text: string, separator: "," | ";"): string[] {
  return text.match(separator === "," ? /(?:[^,"]|"(?:[^"\\]|\\.)*")+/g : /(?:[^;"]|"(?:[^"\\]|\\.)*")+/g) ?? [];
}
