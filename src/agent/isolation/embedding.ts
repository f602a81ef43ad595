/** May a document embed a frame, or start a worker? (HTML "check a navigation response's adherence to its embedder policy") */

import { type DocumentResponse, documentOf, type IsolationDocument } from "./document.ts";
import { fullOriginOf, isLocalUrl, publicUrl } from "./origin.ts";
import { type CorpValue, isCompatible, type PolicyOptions } from "./policy.ts";
import type { BlockedReason } from "./reasons.ts";
import type { Report } from "./reports.ts";
import { checkWithReports, judgeConnection } from "./resource.ts";

/** The response of a frame's document. */
export interface FrameResponse extends DocumentResponse {
  /** True for `<iframe credentialless>`, which needs no headers, and gets no cookies. */
  readonly credentialless?: boolean;
  /** The URLs that redirected to this one, with their CORP. */
  readonly redirects?: readonly { readonly url: string; readonly corp: CorpValue | undefined }[];
}

/** The fate of a frame. */
export interface EmbeddingVerdict {
  readonly blocked: BlockedReason | undefined;
  /** The hop that was blocked. */
  readonly blockedUrl?: string;
  readonly reports: readonly Report[];
  /** The frame's document, or the worker, if it is not blocked. */
  readonly document: IsolationDocument;
}

/** Decides whether a document may load in a frame of `parent`. */
export function judgeFrame(
  parent: IsolationDocument,
  response: FrameResponse,
  options?: PolicyOptions,
): EmbeddingVerdict {
  const { url, credentialless = false, redirects = [] } = response;
  const document = documentOf(response, parent, options);
  // There is no response that could have headers.
  if (isLocalUrl(url)) return { blocked: undefined, reports: [], document };
  const reports: Report[] = [];
  for (const [index, hop] of [...redirects, { url, corp: document.policies.corp }].entries()) {
    const connection = judgeConnection(parent, hop.url, index > 0);
    reports.push(...connection.reports);
    if (connection.blocked !== undefined)
      return { blocked: connection.blocked, blockedUrl: hop.url, reports, document };
    if (credentialless) continue;
    const target = fullOriginOf(hop.url);
    const check = { origin: parent.origin, target, corp: hop.corp, credentials: true, forNavigation: true };
    const verdict = checkWithReports(parent, check, hop.url, "iframe");
    reports.push(...verdict.reports);
    if (verdict.blocked !== undefined) return { blocked: verdict.blocked, blockedUrl: hop.url, reports, document };
  }
  if (credentialless) return { blocked: undefined, reports, document };
  const needs = needsCoep(parent, document, "navigation");
  return {
    ...(needs.blocked && { blockedUrl: url }),
    blocked: needs.blocked,
    reports: [...reports, ...needs.reports],
    document,
  };
}

/** A dedicated worker's script is of the owner's origin; shared and service workers answer to nobody. */
export function judgeWorker(
  owner: IsolationDocument,
  kind: "dedicated" | "shared" | "service",
  response: DocumentResponse,
  options?: PolicyOptions,
): EmbeddingVerdict {
  const document = documentOf(response, owner, options);
  const connection = isLocalUrl(response.url)
    ? { blocked: undefined, reports: [] }
    : judgeConnection(owner, response.url);
  if (connection.blocked !== undefined) return { ...connection, blockedUrl: response.url, document };
  if (kind !== "dedicated" || isLocalUrl(response.url))
    return { blocked: undefined, reports: connection.reports, document };
  const { blocked, reports } = needsCoep(owner, document, "worker initialization");
  return {
    ...(blocked && { blockedUrl: response.url }),
    blocked,
    reports: [...connection.reports, ...reports],
    document,
  };
}

function needsCoep(
  { policies: { coep, coepReportOnly } }: IsolationDocument,
  inner: IsolationDocument,
  type: "navigation" | "worker initialization",
): { blocked: BlockedReason | undefined; reports: readonly Report[] } {
  if (isCompatible(inner.policies.coep.value)) return { blocked: undefined, reports: [] };
  const blockedURL = publicUrl(inner.url);
  const report = (disposition: string, reportTo: string | undefined): Report => ({
    type: "coep",
    reportTo,
    body: { type, blockedURL, disposition },
  });
  const reports = isCompatible(coepReportOnly.value) ? [report("reporting", coepReportOnly.reportTo)] : [];
  if (!isCompatible(coep.value)) return { blocked: undefined, reports };
  return { blocked: "coep-frame-resource-needs-coep-header", reports: [...reports, report("enforce", coep.reportTo)] };
}
