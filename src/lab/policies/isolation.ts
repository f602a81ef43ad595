/** Our rules of isolation on the recorded cases: verdicts as the vectors have them. */

import {
  documentOf,
  type Fields,
  fullOriginOf,
  type IsolationDocument,
  judgeFrame,
  judgeIsolation,
  judgeNavigation,
  judgePopup,
  judgeResource,
  judgeWorker,
  judgeWorkerIsolation,
  readPolicies,
} from "../../agent/isolation/index.ts";
import {
  type FrameCase,
  fieldsOf,
  type HeaderCase,
  type Headers,
  HOSTS,
  type PageCase,
  type PopupCase,
  type Relation,
  type ResourceCase,
  type WorkerCase,
} from "./isolation-cases.ts";
import { type AllowlistCase, type ReportCase, withListPort } from "./more-isolation-cases.ts";

const urlAt = (to: Relation, scheme = "https"): string => `${scheme}://${HOSTS[to]}/`;
const pages = new Map<string, IsolationDocument>();
/** Cases share their pages. */
function pageAt(to: Relation, headers: Headers, scheme = "https", isSandboxed = false): IsolationDocument {
  const key = JSON.stringify([to, headers, scheme, isSandboxed]);
  let page = pages.get(key);
  if (page === undefined) {
    page = documentOf({ url: urlAt(to, scheme), fields: fieldsOf(headers), isSandboxed });
    pages.set(key, page);
  }
  return page;
}
const corpOf = (corp = ""): ReturnType<typeof readPolicies>["corp"] => readPolicies(fieldsOf({ corp }), undefined).corp;

/** Returns the cases that our rules judge otherwise. `judge` returns the verdict as the vectors have it. */
export function differences<Case extends { readonly id: string }>(
  cases: readonly unknown[],
  judge: (vector: Case) => object,
): object[] {
  return (cases as readonly (Case & Record<string, unknown>)[]).flatMap((vector) => {
    const ours = judge(vector) as Record<string, unknown>;
    const isSame = ["reports", "verdict", "value", "reportTo", "isolated", "credentials", "keepsOpener"].every(
      (name) => vector[name] === undefined || JSON.stringify(ours[name]) === JSON.stringify(vector[name]),
    );
    // What is false is left out of the vectors.
    const isComplete = ours.isolated !== true || vector.isolated === true;
    return isSame && isComplete ? [] : [{ ...vector, ours }];
  });
}

const HEADER_NAMES = {
  coop: "cross-origin-opener-policy",
  coep: "cross-origin-embedder-policy",
  dip: "document-isolation-policy",
} as const;

function judgeHeader({ header, lines }: HeaderCase): object {
  const fields = lines.map((line) => [HEADER_NAMES[header], line] as const);
  const { value, reportTo } = readPolicies(fields, fullOriginOf(urlAt("same-origin")))[header];
  return { value, reportTo };
}

function judgePage({ origin, page, permissions }: PageCase): object {
  const url = {
    https: urlAt("same-origin"),
    http: urlAt("same-origin", "http"),
    "http-localhost": "http://localhost/",
  }[origin];
  const more: Fields = permissions === undefined ? [] : [["permissions-policy", permissions]];
  return { isolated: judgeIsolation(documentOf({ url, fields: [...fieldsOf(page), ...more] })).isolated };
}

function judgeLoad({ page, kind, to, corp, via }: ResourceCase): object {
  const { scheme = "https", sandbox = false, ...headers } = page;
  const document = pageAt("same-origin", headers, scheme, sandbox);
  const { blocked, credentials } = judgeResource(document, {
    url: urlAt(to),
    corp: corpOf(corp),
    mode: kind.endsWith("-cors") ? "cors" : "no-cors",
    credentials: kind === "fetch-omit" ? "omit" : kind === "image-cors" ? "same-origin" : "include",
    redirects: via === undefined ? [] : [{ url: urlAt(via.to), corp: corpOf(via.corp) }],
  });
  return { verdict: blocked ?? "loaded", credentials };
}

const LOCAL_URLS = {
  srcdoc: "about:srcdoc",
  blob: "blob:https://site-a.test/1",
  data: "data:text/html,",
  blank: "about:blank",
};

function judgeEmbedded({ page, to, frame, via, allow, credentialless, local, sandbox }: FrameCase): object {
  const parent = pageAt("same-origin", { coop: "same-origin", ...page });
  const { blocked, document } = judgeFrame(parent, {
    url: local === undefined ? urlAt(to) : LOCAL_URLS[local],
    fields: fieldsOf(frame),
    isSandboxed: sandbox === true,
    credentialless: credentialless === true,
    redirects: via === undefined ? [] : [{ url: urlAt(via.to), corp: corpOf(via.corp) }],
  });
  const embedded = { document, isAllowed: allow === true };
  const { isolated } = judgeIsolation(parent, [embedded]);
  return { verdict: blocked ?? "loaded", isolated: blocked === undefined && isolated };
}

const WORKER_URLS = { dedicated: urlAt("same-origin"), shared: urlAt("same-origin"), ...LOCAL_URLS };

function judgeStarted({ page, kind, worker }: WorkerCase): object {
  const owner = pageAt("same-origin", { coop: "same-origin", ...page });
  const response = { url: WORKER_URLS[kind], fields: fieldsOf(worker) };
  const { blocked, document } = judgeWorker(owner, kind === "shared" ? "shared" : "dedicated", response);
  const { isolated } = judgeWorkerIsolation(
    judgeIsolation(owner),
    kind === "shared" ? "shared" : "dedicated",
    document,
  );
  return { verdict: blocked === undefined ? "loaded" : "blocked", isolated: blocked === undefined && isolated };
}

function judgeWindow({ opener, frame, via, to, popup, next }: PopupCase): object {
  const topLevel = pageAt("same-origin", opener);
  const page = pageAt(to, popup);
  const hops = via === undefined ? [page] : [pageAt(via.to, via.page), page];
  const verdict = judgePopup({ topLevel, ...(frame && { frame: pageAt(frame, {}) }) }, hops);
  const leaves = next !== undefined && judgeNavigation(page, [pageAt(next.to, next.page)]).switchesGroup;
  return { keepsOpener: verdict.keepsOpener && !leaves };
}

const BLOCKED: Readonly<Record<string, string>> = {
  "connection-allowlist": "NETWORK_ACCESS_REVOKED",
  "connection-allowlist-redirect": "UNSAFE_REDIRECT",
};

/** Lists without a port mean another one. */
const PORT = 8443;

function judgeListed({ page, to, path, via }: AllowlistCase): object {
  const name = `connection-allowlist${page.reportOnly ? "-report-only" : ""}`;
  const fields = page.lines.map((line) => [name, withListPort(line, PORT)] as const);
  const at = (relation: Relation): string => `https://${HOSTS[relation]}:${PORT}/`;
  const { blocked } = judgeResource(documentOf({ url: at("same-origin"), fields }), {
    url: `${at(to)}${path}n=1`,
    corp: undefined,
    redirects: via === undefined ? [] : [{ url: `${at(via)}hop?n=1`, corp: undefined }],
  });
  return { verdict: blocked === undefined ? "loaded" : BLOCKED[blocked] };
}

const REPORTING_NAMES = {
  coep: "cross-origin-embedder-policy",
  coepReportOnly: "cross-origin-embedder-policy-report-only",
  dip: "document-isolation-policy",
  dipReportOnly: "document-isolation-policy-report-only",
} as const;

function judgeReported({ page, kind, to, headers }: ReportCase): object {
  const fields = Object.entries(page).map(
    ([name, value]) => [REPORTING_NAMES[name as keyof typeof REPORTING_NAMES], value!] as const,
  );
  const document = documentOf({ url: urlAt("same-origin"), fields });
  const response = { url: urlAt(to), fields: fieldsOf(headers) };
  const { reports } =
    kind === "frame"
      ? judgeFrame(document, response)
      : kind === "worker"
        ? judgeWorker(document, "dedicated", response)
        : judgeResource(document, { url: response.url, corp: corpOf(headers.corp), destination: kind });
  const words = reports.map(({ type, body }) =>
    [type, body.type, body.disposition, body.destination].filter((each) => each).join(" "),
  );
  return { reports: words.sort() };
}

type Judge = (vector: never) => object;

/** By the names of the files of test/vectors/isolation. */
export const ISOLATION_JUDGES: Readonly<Record<string, Judge>> = {
  headers: judgeHeader,
  pages: judgePage,
  resources: judgeLoad,
  frames: judgeEmbedded,
  workers: judgeStarted,
  popups: judgeWindow,
  allowlists: judgeListed,
  reports: judgeReported,
};
