/** May a document use a resource? (Fetch "cross-origin resource policy check", with COEP, Document-Isolation-Policy and Connection-Allowlist) */

import { isSameSite } from "../cookies/index.ts";
import { allowsRedirect, allowsUrl } from "./allowlist.ts";
import type { IsolationDocument } from "./document.ts";
import { type FullOrigin, fullOriginOf, isSameOrigin, publicUrl } from "./origin.ts";
import type { CoepValue, CorpValue, DipValue } from "./policy.ts";
import type { BlockedReason } from "./reasons.ts";
import type { Report } from "./reports.ts";

/** A resource that a document loads. */
export interface ResourceRequest {
  /** The URL of the response: after redirects. */
  readonly url: string;
  readonly corp: CorpValue | undefined;
  /** Default: `no-cors`, that of images, scripts and styles without `crossorigin`. */
  readonly mode?: "no-cors" | "cors";
  /** What the request asked for: `same-origin` is that of `crossorigin` and fetch. Default: `include`. */
  readonly credentials?: "omit" | "same-origin" | "include";
  /** What the response is for, as reports name it: `image`, `script`. */
  readonly destination?: string;
  /** The URLs that redirected to this one, with their CORP: a browser checks each. */
  readonly redirects?: readonly { readonly url: string; readonly corp: CorpValue | undefined }[];
}

/** The fate of a resource. */
export interface Verdict {
  /** Undefined if nothing speaks against it. */
  readonly blocked: BlockedReason | undefined;
  /** The hop that was blocked. */
  readonly blockedUrl?: string;
  /** True if the request carried the browser's cookies and other credentials. */
  readonly credentials: boolean;
  /** What a browser sends to the endpoints, in the order of the checks. */
  readonly reports: readonly Report[];
}

interface CorpCheck {
  readonly origin: FullOrigin | undefined;
  readonly coep: CoepValue;
  readonly dip?: DipValue;
  readonly target: FullOrigin | undefined;
  readonly corp: CorpValue | undefined;
  /** True if the request carried credentials. */
  readonly credentials: boolean;
  readonly forNavigation?: boolean;
}

/** Undefined if a no-cors response may be used. Responses in CORS mode are exempt. */
export function corpCheck(check: CorpCheck): BlockedReason | undefined {
  const { origin, coep, dip = "none", target, corp, credentials, forNavigation = false } = check;
  if (forNavigation && coep === "unsafe-none") return undefined;
  const byCoep =
    corp === undefined && (coep === "require-corp" || (coep === "credentialless" && (forNavigation || credentials)));
  const byDip =
    corp === undefined &&
    !forNavigation &&
    (dip === "isolate-and-require-corp" || (dip === "isolate-and-credentialless" && credentials));
  const policy = corp ?? (byCoep || byDip ? "same-origin" : "cross-origin");
  if (policy === "cross-origin" || isSameOrigin(origin, target)) return undefined;
  if (policy === "same-origin") {
    if (!byCoep && !byDip) return "corp-not-same-origin";
    const who = byCoep && byDip ? "coep-and-dip" : byCoep ? "coep" : "dip";
    return `corp-not-same-origin-after-defaulted-to-same-origin-by-${who}`;
  }
  // Whatever the schemes; but what came over https is not for a document of http.
  const isSame = isSameSite(origin, target, false);
  return isSame && (origin!.scheme === "https" || target!.scheme !== "https") ? undefined : "corp-not-same-site";
}

/** True if the credentials of a no-cors request are left out: a credentialless policy, and another origin. */
export const omitsCredentials = (
  { coep, dip }: { readonly coep: CoepValue; readonly dip: DipValue },
  origin: FullOrigin | undefined,
  target: FullOrigin | undefined,
): boolean => (coep === "credentialless" || dip === "isolate-and-credentialless") && !isSameOrigin(origin, target);

/** Decides whether a document may load a resource. */
export function judgeResource(document: IsolationDocument, request: ResourceRequest): Verdict {
  const { mode = "no-cors", destination = "", redirects = [] } = request;
  const hops = [...redirects, { url: request.url, corp: request.corp }];
  const reports: Report[] = [];
  let credentials = true;
  for (const [index, { url, corp }] of hops.entries()) {
    const target = fullOriginOf(url);
    const connection = judgeConnection(document, url, index > 0);
    reports.push(...connection.reports);
    if (connection.blocked !== undefined)
      return { blocked: connection.blocked, blockedUrl: url, credentials: false, reports };
    // What another origin has redirected gets none either, even back at home.
    credentials &&= carriesCredentials(document, request, target);
    // Without a connection there is no response to check.
    if (mode === "cors" || target === undefined || url.startsWith("blob:")) continue;
    const check = { origin: document.origin, target, corp, credentials };
    const verdict = checkWithReports(document, check, url, destination);
    reports.push(...verdict.reports);
    if (verdict.blocked !== undefined) return { ...verdict, blockedUrl: url, credentials, reports };
  }
  return { blocked: undefined, credentials, reports };
}

function carriesCredentials(
  document: IsolationDocument,
  { mode = "no-cors", credentials = "include" }: ResourceRequest,
  target: FullOrigin | undefined,
): boolean {
  if (credentials === "omit") return false;
  if (credentials === "same-origin") return isSameOrigin(document.origin, target);
  const { coep, dip } = document.policies;
  return mode === "cors" || !omitsCredentials({ coep: coep.value, dip: dip.value }, document.origin, target);
}

/** The enforced policies, and those that only report. */
export function checkWithReports(
  { policies }: IsolationDocument,
  check: Omit<CorpCheck, "coep" | "dip">,
  url: string,
  destination: string,
): { blocked: BlockedReason | undefined; reports: readonly Report[] } {
  const { coep, coepReportOnly, dip, dipReportOnly } = policies;
  const byHeader = corpCheck({ ...check, coep: "unsafe-none" });
  const reports: Report[] = [];
  const report = (type: "coep" | "dip", disposition: "enforce" | "reporting", reportTo: string | undefined): void => {
    reports.push({ type, reportTo, body: { type: "corp", blockedURL: publicUrl(url), destination, disposition } });
  };
  const isBlocked = (values: Pick<CorpCheck, "coep" | "dip">): boolean =>
    corpCheck({ ...check, ...values }) !== undefined;
  // What its own header blocks is no news of COEP.
  if (byHeader === undefined) {
    if (isBlocked({ coep: coepReportOnly.value })) report("coep", "reporting", coepReportOnly.reportTo);
    if (isBlocked({ coep: coep.value })) report("coep", "enforce", coep.reportTo);
    if (isBlocked({ coep: "unsafe-none", dip: dipReportOnly.value }))
      report("dip", "reporting", dipReportOnly.reportTo);
    if (isBlocked({ coep: "unsafe-none", dip: dip.value })) report("dip", "enforce", dip.reportTo);
  }
  return { blocked: corpCheck({ ...check, coep: coep.value, dip: dip.value }), reports };
}

/** May a document or worker connect to a URL? `isRedirect` is true for all but the first request. */
export function judgeConnection(
  { policies }: IsolationDocument,
  url: string,
  isRedirect = false,
): Omit<Verdict, "credentials"> {
  const { allowlist, allowlistReportOnly } = policies;
  const reports: Report[] = [];
  let blocked: BlockedReason | undefined;
  for (const [list, disposition] of [
    [allowlistReportOnly, "report"],
    [allowlist, "enforce"],
  ] as const) {
    if (list === undefined) continue;
    if (isRedirect ? allowsRedirect(list) : allowsUrl(list, url)) continue;
    reports.push({
      type: "connection-allowlist",
      reportTo: list.reportTo,
      body: { connection: publicUrl(url), disposition },
    });
    if (disposition === "enforce") blocked = isRedirect ? "connection-allowlist-redirect" : "connection-allowlist";
  }
  return { blocked, reports };
}
