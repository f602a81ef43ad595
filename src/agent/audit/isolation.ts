/** Findings about cross-origin isolation: what a browser blocks, what the page lacks, and which headers mend it. */

import { isSameSite } from "../cookies/index.ts";
import {
  BLOCKED_REASONS,
  type BlockedReason,
  documentOf,
  type Fields,
  fullOriginOf,
  ISOLATION_LACKS,
  type IsolationDocument,
  isSameOrigin,
  judgeFrame,
  judgeIsolation,
  judgePopup,
  judgeResource,
  judgeWorker,
  legacyAdvice,
  originText,
  readPolicies,
} from "../isolation/index.ts";
import type { AuditFacts, AuditResource, HeaderFix, Hop } from "./facts.ts";
import { type Finding, finding, sendText } from "./findings.ts";
import { framingRefusal } from "./framing.ts";

const COEP = "Cross-Origin-Embedder-Policy";
const COOP = "Cross-Origin-Opener-Policy";
const CORP = "Cross-Origin-Resource-Policy";

/** What a browser blocks, in the order of the documents. */
export interface Blocked {
  readonly url: string;
  readonly reason: BlockedReason;
  readonly document: string;
  readonly from: string;
  readonly headers: readonly HeaderFix[];
  readonly fix: string;
}

interface Walk {
  readonly page: IsolationDocument;
  readonly blocked: readonly Blocked[];
}

/** Judges every document and resource. `advised` are headers that the page's response would have. */
function walk(facts: AuditFacts, advised: readonly HeaderFix[]): Walk {
  const blocked: Blocked[] = [];
  const documents: (IsolationDocument | undefined)[] = [];
  for (const each of facts.documents) {
    const fields =
      each.parent === undefined ? withHeaders(each.response?.fields ?? [], advised) : (each.response?.fields ?? []);
    const { url, isSandboxed, credentialless } = each;
    const response = { url: each.response?.url ?? url, fields, isSandboxed, credentialless };
    if (each.parent === undefined) {
      documents.push(documentOf(response));
      continue;
    }
    const parent = documents[each.parent];
    // What is in a blocked frame is never asked for.
    if (parent === undefined || each.failure !== undefined) {
      documents.push(undefined);
      continue;
    }
    const verdict = judgeFrame(parent, { ...response, redirects: corpOfHops(each.response?.redirects) });
    if (verdict.blocked !== undefined)
      blocked.push(explain(parent, verdict.blocked, verdict.blockedUrl ?? url, each.response?.url ?? url, "<iframe>"));
    documents.push(verdict.blocked === undefined ? verdict.document : undefined);
  }
  for (const resource of facts.resources) {
    const document = documents[resource.document];
    if (document === undefined || resource.response === undefined) continue;
    const found = judgeOne(document, resource);
    if (found !== undefined) blocked.push(found);
  }
  return { page: documents[0]!, blocked };
}

function judgeOne(document: IsolationDocument, resource: AuditResource): Blocked | undefined {
  const response = resource.response!;
  if (resource.kind === "worker") {
    const { blocked, blockedUrl } = judgeWorker(document, "dedicated", response);
    return blocked && explain(document, blocked, blockedUrl ?? response.url, response.url, resource.from);
  }
  const { blocked, blockedUrl } = judgeResource(document, {
    url: response.url,
    corp: corpOf(response),
    mode: resource.mode,
    credentials: resource.credentials,
    destination: resource.kind,
    redirects: corpOfHops(response.redirects),
  });
  return blocked && explain(document, blocked, blockedUrl ?? response.url, response.url, resource.from);
}

const corpOf = ({ url, fields }: Hop) => readPolicies(fields, fullOriginOf(url)).corp;
const corpOfHops = (hops: readonly Hop[] = []) => hops.map((hop) => ({ url: hop.url, corp: corpOf(hop) }));

/** The reason, and the header that mends it at the place where it is missing. */
function explain(document: IsolationDocument, reason: BlockedReason, url: string, last: string, from: string): Blocked {
  const base = { url, reason, document: document.url, from };
  const target = fullOriginOf(url);
  const corp = isSameSite(document.origin, target) ? "same-site" : "cross-origin";
  const add = (header: string, value: string): HeaderFix => ({ url, header, value });
  if (reason.startsWith("connection-allowlist")) {
    return {
      ...base,
      headers: [],
      fix:
        reason === "connection-allowlist"
          ? `add "${originText(target)}" to the Connection-Allowlist of ${document.url}`
          : `link to ${last} itself, or add ;redirects=allow to the Connection-Allowlist of ${document.url}`,
    };
  }
  if (from === "<iframe>" || reason === "coep-frame-resource-needs-coep-header") {
    const isFrame = from === "<iframe>";
    const headers: HeaderFix[] = [];
    if (isFrame && !isSameOrigin(document.origin, target)) headers.push(add(CORP, corp));
    if (url === last) headers.push(add(COEP, "require-corp"));
    const instead = isFrame ? "; or use <iframe credentialless>, which Chromium supports" : "";
    return { ...base, headers, fix: `${sendText(headers)} in the response of ${url}${instead}` };
  }
  const headers = [add(CORP, corp)];
  const canUseCors = !reason.startsWith("corp-not-same-s") && from !== "<link rel=icon>";
  const instead =
    reason.includes("defaulted") && canUseCors ? `; or allow it by CORS, and write crossorigin in ${from}` : "";
  return { ...base, headers, fix: `${sendText(headers)} in the response of ${url}${instead}` };
}

/** Everything that a browser blocks now. */
export const blockedBy = (facts: AuditFacts): readonly Blocked[] => walk(facts, []).blocked;

export function isolationFindings(facts: AuditFacts): Finding[] {
  const now = walk(facts, []);
  const verdict = judgeIsolation(now.page);
  const findings = now.blocked.map((each) => {
    const id = each.reason.startsWith("connection-allowlist") ? "isolation/connection-blocked" : "isolation/blocked";
    return finding(
      id,
      each.url,
      `${each.from} of ${each.document} is blocked: ${BLOCKED_REASONS[each.reason]}`,
      evidenceOf(each),
      each.fix,
      each.headers,
    );
  });
  if (verdict.isolated) {
    const by = verdict.by === "dip" ? "Document-Isolation-Policy" : "COOP and COEP";
    findings.push(
      finding("isolation/isolated", now.page.url, `the page is cross-origin isolated by ${by}`, { by: verdict.by }),
    );
  } else findings.push(...notIsolated(facts, now));
  return [...findings, ...headerFindings(facts), ...popupFindings(now.page), ...embeddingFindings(facts)];
}

const evidenceOf = ({ reason, document, from }: Blocked) => ({ blockedReason: reason, document, from });

function notIsolated(facts: AuditFacts, now: Walk): Finding[] {
  const { page } = now;
  const { lacks } = judgeIsolation(page);
  const headers: HeaderFix[] = [];
  if (lacks.includes("no-coop")) headers.push({ url: page.url, header: COOP, value: "same-origin" });
  if (lacks.includes("no-coep")) headers.push({ url: page.url, header: COEP, value: "require-corp" });
  const why = lacks.map((each) => ISOLATION_LACKS[each]).join("; ");
  const fix = headers.length === 0 ? why : `${sendText(headers)} in the response of ${page.url}`;
  const advised = walk(facts, headers);
  const known = new Set(now.blocked.map(({ url, document }) => `${document} ${url}`));
  const others = advised.blocked.filter(({ url, document }) => !known.has(`${document} ${url}`));
  const message = `the page is not cross-origin isolated: ${why}`;
  return [
    finding(
      "isolation/not-isolated",
      page.url,
      message,
      { lacks, wouldBlock: others.map(({ url }) => url) },
      fix,
      headers,
    ),
    ...others.map((each) =>
      finding(
        "isolation/would-block",
        each.url,
        `once the page is isolated, ${each.from} of ${each.document} is blocked: ${BLOCKED_REASONS[each.reason]}`,
        evidenceOf(each),
        each.fix,
        each.headers,
      ),
    ),
  ];
}

/** A header on two lines would be none, so those of the response are replaced. */
export function withHeaders(fields: Fields, headers: readonly Pick<HeaderFix, "header" | "value">[]): Fields {
  const names = new Set(headers.map(({ header }) => header.toLowerCase()));
  return [
    ...fields.filter(([name]) => !names.has(name.toLowerCase())),
    ...headers.map(({ header, value }) => [header, value] as const),
  ];
}

const SHORT: Readonly<Record<string, "COOP" | "COEP" | "CORP">> = {
  "cross-origin-opener-policy": "COOP",
  "cross-origin-embedder-policy": "COEP",
  "cross-origin-resource-policy": "CORP",
};

function headerFindings({ documents, resources }: AuditFacts): Finding[] {
  const found = new Map<string, Finding>();
  const responses = [...documents, ...resources].flatMap(({ response }) =>
    response ? [...response.redirects, response] : [],
  );
  for (const { url, fields } of responses) {
    const { problems, endpoints, ...policies } = readPolicies(fields, fullOriginOf(url));
    for (const { header, value, problem, means, write } of problems) {
      const old = SHORT[header] && legacyAdvice(SHORT[header], value);
      const id = old ? "isolation/legacy-2019" : "isolation/ignored-header";
      const message = `${header}: ${value} counts as ${means}, because ${problem}`;
      const fixes = write === undefined ? [] : [{ url, header, value: write }];
      found.set(
        `${header} ${url}`,
        finding(id, url, message, { header, value, means }, write && `write ${header}: ${write}`, fixes),
      );
    }
    for (const [name, policy] of Object.entries(policies)) {
      const reportTo = typeof policy === "object" ? policy.reportTo : undefined;
      if (reportTo === undefined || endpoints[reportTo] !== undefined) continue;
      const message = `${name} reports to "${reportTo}", which Reporting-Endpoints does not name`;
      found.set(
        `${name} ${url}`,
        finding(
          "isolation/report-endpoint",
          url,
          message,
          { reportTo, endpoints },
          `send Reporting-Endpoints: ${reportTo}="https://…"`,
        ),
      );
    }
  }
  return [...found.values()];
}

/** Popups of other sites, such as those of a login, and the page as such a popup. */
function popupFindings(page: IsolationDocument): Finding[] {
  const other = documentOf({ url: "https://other.example/" });
  const opens = judgePopup({ topLevel: page }, [other]).keepsOpener;
  const isOpened = judgePopup({ topLevel: other }, [page]).keepsOpener;
  if (opens && isOpened) return [];
  const parts = [
    ...(opens ? [] : ["popups of other sites that it opens lose their opener"]),
    ...(isOpened ? [] : ["it loses its opener when another site opens it"]),
  ];
  const value = page.policies.coop.value;
  const fix = !opens
    ? `${COOP}: same-origin-allow-popups keeps popups, but does not isolate; Document-Isolation-Policy isolates in Chromium and keeps them`
    : undefined;
  return [
    finding(
      "popups/severed",
      page.url,
      `${COOP}: ${value}: ${parts.join(", and ")}`,
      { coop: value, keepsPopups: opens, keepsOpener: isOpened },
      fix,
    ),
  ];
}

function embeddingFindings({ embedder, documents: [page] }: AuditFacts): Finding[] {
  const response = page?.response;
  if (embedder === undefined || response === undefined) return [];
  const parent = documentOf(embedder);
  const { blocked, blockedUrl } = judgeFrame(parent, { ...response, redirects: corpOfHops(response.redirects) });
  const found: Finding[] = [];
  if (blocked !== undefined) {
    const { fix, headers, url } = explain(parent, blocked, blockedUrl ?? response.url, response.url, "<iframe>");
    found.push(
      finding(
        "embedding/refused",
        url,
        `a frame of ${embedder.url} is blocked: ${BLOCKED_REASONS[blocked]}`,
        { blockedReason: blocked },
        fix,
        headers,
      ),
    );
  }
  const why = framingRefusal(response.fields, fullOriginOf(response.url), parent.origin);
  if (why !== undefined) {
    found.push(
      finding(
        "embedding/refused",
        response.url,
        `${embedder.url} cannot frame the page: ${why}`,
        { header: why },
        `name ${originText(parent.origin)} in frame-ancestors of Content-Security-Policy`,
      ),
    );
  }
  return found;
}
