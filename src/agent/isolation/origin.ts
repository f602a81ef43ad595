/** Origins with their ports, and what URLs of local schemes are to documents. */

import { isTrustworthy, type Origin, parseOrigin } from "../cookies/index.ts";

/** An origin with its port, for which 443 and 80 are written out. */
export interface FullOrigin extends Origin {
  readonly port: number;
}

const PORTS: Readonly<Record<string, number>> = { https: 443, wss: 443, http: 80, ws: 80 };
const PORT = /^(?:blob:)?[a-z][a-z\d+.-]*:\/\/(?:[^/?#@]*@)?(?:\[[^\]]*\]|[^/?#:]*):(\d{1,5})(?:[/?#]|$)/i;

/** The origin of a URL; undefined if it is opaque, as of data: URLs, or not a URL. Blob URLs have their creator's. */
export function fullOriginOf(url: string): FullOrigin | undefined {
  const origin = parseOrigin(url);
  if (origin === undefined) return undefined;
  const port = Number(PORT.exec(url)?.[1] ?? PORTS[origin.scheme] ?? 0);
  return { ...origin, port };
}

/** False if one of them is opaque. */
export const isSameOrigin = (a: FullOrigin | undefined, b: FullOrigin | undefined): boolean =>
  a !== undefined && b !== undefined && a.scheme === b.scheme && a.host === b.host && a.port === b.port;

export const originText = (origin: FullOrigin | undefined): string =>
  origin === undefined
    ? "null"
    : `${origin.scheme}://${origin.host}${origin.port === PORTS[origin.scheme] ? "" : `:${origin.port}`}`;

export const isSecureOrigin = (origin: FullOrigin | undefined): boolean =>
  origin !== undefined && isTrustworthy(origin);

/** URLs whose documents and workers take over the policies of their creators (HTML §7.1.2, "policy container"). */
export const isLocalUrl = (url: string): boolean => /^(?:about|blob|data|javascript):/i.test(url);

/** Reports and errors show URLs without credentials and fragment. */
export const publicUrl = (url: string): string =>
  url.replace(/#.*$/s, "").replace(/^([a-z][a-z\d+.-]*:\/\/)[^/?#@]*@/i, "$1");
