/**
 * The values of the articles of 2019 and 2020, before the headers shipped: what browsers make of them today, what their authors
 * meant, and the rules of that time. Browsers treat them as absent, so nothing here applies unless `legacy2019` asks for it.
 */

import { isSameSite } from "../cookies/index.ts";
import { type FullOrigin, isSameOrigin } from "./origin.ts";

export interface LegacyRules {
  readonly header: "COOP" | "COEP" | "CORP";
}

/** What a value of 2019 means today. */
export interface LegacyAdvice {
  /** What a browser makes of the value today. */
  readonly means: string;
  /** The value of today that comes closest to the intention. */
  readonly write: string;
}

const LEGACY: ReadonlyMap<string, LegacyAdvice> = new Map([
  [
    "COOP: same-origin unsafe-allow-outgoing",
    { means: "unsafe-none: two tokens are invalid", write: "same-origin-allow-popups" },
  ],
  ["COOP: same-site", { means: "unsafe-none: an unknown token", write: "same-origin" }],
  [
    "COOP: same-site unsafe-allow-outgoing",
    { means: "unsafe-none: two tokens are invalid", write: "same-origin-allow-popups" },
  ],
  ["COOP: unsafe-inherit", { means: "unsafe-none: an unknown token", write: "unsafe-none" }],
  ["CORP: cross-site", { means: "no policy, which require-corp blocks", write: "cross-origin" }],
  ["COEP: cors-or-credentialless", { means: "unsafe-none: an unknown token", write: "credentialless" }],
]);

/** Undefined if the value is none of the articles'. */
export const legacyAdvice = (header: LegacyRules["header"], value: string): LegacyAdvice | undefined =>
  LEGACY.get(`${header}: ${value.trim().replace(/\s+/g, " ").toLowerCase()}`);

/** COOP as the articles described it. */
export interface Coop2019 {
  readonly value: "unsafe-none" | "same-origin" | "same-site";
  /** `unsafe-allow-outgoing`: popups without a policy keep their opener. */
  readonly allowsOutgoing: boolean;
}

/** Parses Cross-Origin-Opener-Policy as the articles of 2019 wrote it. */
export function parseCoop2019(value: string): Coop2019 {
  const words = value.trim().toLowerCase().split(/\s+/);
  const [first, second] = words;
  const isKnown = first === "same-origin" || first === "same-site";
  if (!isKnown || words.length > 2 || (second !== undefined && second !== "unsafe-allow-outgoing"))
    return { value: "unsafe-none", allowsOutgoing: false };
  return { value: first, allowsOutgoing: second !== undefined };
}

/**
 * Does a popup keep its opener? Policies must be equal, and the origins same-origin or same-site with them. What the articles
 * left open is as in the test files that Web Platform Tests kept as historical.
 */
export function keepsOpener2019(
  opener: { readonly origin: FullOrigin | undefined; readonly coop: Coop2019 },
  popup: { readonly origin: FullOrigin | undefined; readonly coop: Coop2019 },
): boolean {
  const [a, b] = [opener.coop.value, popup.coop.value];
  if (b === "unsafe-none") return a === "unsafe-none" || opener.coop.allowsOutgoing;
  if (a !== b || opener.coop.allowsOutgoing !== popup.coop.allowsOutgoing) return false;
  return a === "same-origin" ? isSameOrigin(opener.origin, popup.origin) : isSameSite(opener.origin, popup.origin);
}
