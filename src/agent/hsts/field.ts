/** The Strict-Transport-Security field (RFC 6797 §6.1). */

export interface TransportPolicy {
  /** Seconds; 0 to forget the host. */
  readonly maxAge: number;
  readonly includesSubdomains: boolean;
}

/** A directive: a token, with or without a value, which is a token or a quoted string. */
const DIRECTIVE = /^\s*(?:([!#$%&'*+.^_`|~\w-]+)(?:\s*=\s*(?:([!#$%&'*+.^_`|~\w-]+)|"((?:[^"\\]|\\.)*)"))?)?\s*$/;
/** A century: the sum with a date remains a date. */
const MAX_AGE = 3_155_760_000;

/** Undefined for a field that a browser ignores. */
export function parseTransportPolicy(value: string): TransportPolicy | undefined {
  const directives = new Map<string, string>();
  for (const part of value.split(/;(?=(?:[^"]*"[^"]*")*[^"]*$)/)) {
    const match = DIRECTIVE.exec(part);
    if (match === null) return undefined;
    const [, name, token, quoted] = match;
    if (name === undefined) continue;
    // RFC 6797 §6.1: no directive more than once.
    if (directives.has(name.toLowerCase())) return undefined;
    directives.set(name.toLowerCase(), token ?? quoted?.replace(/\\(.)/g, "$1") ?? "");
  }
  const age = directives.get("max-age");
  if (age === undefined || !/^\d+$/.test(age)) return undefined;
  return { maxAge: Math.min(Number(age), MAX_AGE), includesSubdomains: directives.has("includesubdomains") };
}
