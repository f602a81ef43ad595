// The options of nagare audit, checked before anything is sent.
import { type HeaderFix, withHeaders } from "../../agent/audit/index.ts";
import type { Fields } from "../../agent/isolation/index.ts";
import { usageError } from "../fail.ts";

export interface AuditFlags {
  readonly header?: readonly string[];
  readonly as?: readonly string[];
  readonly failOn: "error" | "warning" | "info" | "never";
  readonly only?: readonly string[];
  readonly json?: true;
  readonly maxResources?: number;
  readonly maxFrames?: number;
  readonly maxTime?: number;
  readonly insecure?: true;
  readonly cacert?: string;
  readonly resolve?: readonly string[];
  readonly dns: boolean;
}

const SHORT: Readonly<Record<string, string>> = {
  coop: "cross-origin-opener-policy",
  coep: "cross-origin-embedder-policy",
  corp: "cross-origin-resource-policy",
  dip: "document-isolation-policy",
};

/** A header to try; without a URL, on the page itself. */
export interface TriedHeader {
  readonly under: string | undefined;
  readonly header: string;
  readonly value: string;
}

export function triedHeaders(lines: readonly string[] = []): readonly TriedHeader[] {
  return lines.map((line) => {
    const [, under, name, value] = /^(?:(https?:\/\/\S+)\s+)?([\w-]+):\s*(.*)$/s.exec(line) ?? [];
    if (name === undefined) throw usageError(`--header takes "NAME: VALUE", after a URL or alone, not "${line}"`);
    return { under, header: SHORT[name.toLowerCase()] ?? name, value: value! };
  });
}

/** The fields of a response with the headers that are tried on it. */
export function tryOn(url: string, fields: Fields, tried: readonly TriedHeader[], isPage: boolean): Fields {
  const mine: Pick<HeaderFix, "header" | "value">[] = tried.filter(({ under }) =>
    under === undefined ? isPage : url.startsWith(under),
  );
  return mine.length === 0 ? fields : withHeaders(fields, mine);
}

/** The site of `--as third-party-of SITE`, and the URL if it stands after it. */
export function embedderFrom(words: readonly string[] = []): {
  embedder: string | undefined;
  rest: string | undefined;
} {
  if (words.length === 0) return { embedder: undefined, rest: undefined };
  const [use, site, rest] = words;
  if (use !== "third-party-of" || site === undefined || words.length > 3)
    throw usageError(`--as takes third-party-of SITE, such as --as third-party-of https://shop.example`);
  const url = /^https?:\/\//.test(site) ? site : `https://${site}`;
  if (!URL.canParse(url)) throw usageError(`--as third-party-of takes a site, not "${site}"`);
  return { embedder: new URL(url).href, rest };
}
