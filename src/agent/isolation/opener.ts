/** Browsing context groups: does a popup keep its opener, and is a page isolated? (HTML §7.1.3.1 and §7.1.3.2) */

import { type CoepValue, type CoopValue, isCompatible } from "./policy.ts";
import { type FullOrigin, isSameOrigin } from "./resource.ts";

/** `same-origin-plus-COEP` cannot be written in a header: it is same-origin with a COEP that permits isolation. */
export type OpenerPolicy = CoopValue | "same-origin-plus-COEP";

export interface TopLevel {
  readonly origin: FullOrigin | undefined;
  readonly policy: OpenerPolicy;
}

export const openerPolicy = (coop: CoopValue, coep: CoepValue): OpenerPolicy =>
  coop === "same-origin" && isCompatible(coep) ? "same-origin-plus-COEP" : coop;

function match(a: TopLevel, b: TopLevel): boolean {
  if (a.policy === "unsafe-none" || b.policy === "unsafe-none") return a.policy === b.policy;
  return a.policy === b.policy && isSameOrigin(a.origin, b.origin);
}

const ALLOWS_POPUPS: ReadonlySet<OpenerPolicy> = new Set(["same-origin-allow-popups", "noopener-allow-popups"]);

/**
 * True if a navigation must leave the browsing context group, which severs the opener. `isPopup` is the first navigation of a window
 * that `current` has opened.
 */
export function switchesGroup(current: TopLevel, response: TopLevel, isPopup: boolean): boolean {
  if (isPopup) {
    if (response.policy === "noopener-allow-popups") return true;
    if (ALLOWS_POPUPS.has(current.policy) && response.policy === "unsafe-none") return false;
  }
  return !match(current, response);
}

/** The value of `crossOriginIsolated` in a top-level document of a secure context. */
export const isIsolated = (coop: CoopValue, coep: CoepValue): boolean =>
  openerPolicy(coop, coep) === "same-origin-plus-COEP";
