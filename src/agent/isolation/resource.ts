/** May a document load a resource, or a frame? (Fetch "cross-origin resource policy check"; HTML "check a navigation response's adherence") */

import { isSameSite, type Origin } from "../cookies/index.ts";
import { type CoepValue, type CorpValue, isCompatible } from "./policy.ts";

/** By the names of Chromium's DevTools protocol. */
export type BlockedReason =
  | "corp-not-same-origin"
  | "corp-not-same-site"
  | "corp-not-same-origin-after-defaulted-to-same-origin-by-coep"
  | "coep-frame-resource-needs-coep-header";

/** An origin with its port, for which 443 and 80 are written out. */
export interface FullOrigin extends Origin {
  readonly port: number;
}

export const isSameOrigin = (a: FullOrigin | undefined, b: FullOrigin | undefined): boolean =>
  a !== undefined && b !== undefined && a.scheme === b.scheme && a.host === b.host && a.port === b.port;

export interface ResourceRequest {
  /** The document's origin; undefined if it is opaque. */
  readonly origin: FullOrigin | undefined;
  readonly coep: CoepValue;
  /** The URL of the response. */
  readonly target: FullOrigin;
  readonly corp: CorpValue | undefined;
  /** True if the request carried credentials. */
  readonly credentials: boolean;
  readonly forNavigation?: boolean;
}

/** Undefined if a no-cors response may be used. Requests in CORS mode are not asked. */
export function corpCheck(request: ResourceRequest): BlockedReason | undefined {
  const { origin, coep, target, corp, credentials, forNavigation = false } = request;
  if (forNavigation && coep === "unsafe-none") return undefined;
  const isDefault =
    corp === undefined && (coep === "require-corp" || (coep === "credentialless" && (forNavigation || credentials)));
  const policy = corp ?? (isDefault ? "same-origin" : "cross-origin");
  if (policy === "cross-origin" || isSameOrigin(origin, target)) return undefined;
  if (policy === "same-origin") {
    return isDefault ? "corp-not-same-origin-after-defaulted-to-same-origin-by-coep" : "corp-not-same-origin";
  }
  // same-site, whatever the schemes; but what came over https is not for a document of http.
  const isSame = isSameSite(origin, target, false);
  return isSame && (origin!.scheme === "https" || target.scheme !== "https") ? undefined : "corp-not-same-site";
}

/** True if the credentials of a no-cors request are left out: COEP credentialless, and another origin. */
export const omitsCredentials = (coep: CoepValue, origin: FullOrigin | undefined, target: FullOrigin): boolean =>
  coep === "credentialless" && !isSameOrigin(origin, target);

/** Undefined if a document may frame the response. */
export function frameCheck(
  parent: { readonly origin: FullOrigin | undefined; readonly coep: CoepValue },
  child: { readonly target: FullOrigin; readonly coep: CoepValue; readonly corp: CorpValue | undefined },
): BlockedReason | undefined {
  const { target, corp } = child;
  const blocked = corpCheck({ ...parent, target, corp, credentials: true, forNavigation: true });
  if (blocked !== undefined) return blocked;
  return isCompatible(parent.coep) && !isCompatible(child.coep) ? "coep-frame-resource-needs-coep-header" : undefined;
}
