/** Asks Chromium about Connection-Allowlist, and which reports a page observes. */

import { type AllowlistCase, type ReportCase, withListPort } from "../../../src/lab/policies/more-isolation-cases.ts";
import { byPage, type Court, withPage } from "./judge.ts";
import { Loads } from "./loads.ts";
import type { PageScope } from "./page-scope.ts";
import { hopTo, urlOf } from "./server.ts";

export async function judgeAllowlists(
  court: Court,
  cases: readonly AllowlistCase[],
): Promise<ReadonlyMap<string, object>> {
  const { sites } = court;
  const verdicts = new Map<string, object>();
  let number = 0;
  for (const group of byPage(cases)) {
    await withPage(court, async (page, session) => {
      const loads = await Loads.watch(session);
      const { lines, reportOnly } = group[0]!.page;
      const name = `connection-allowlist${reportOnly ? "-report-only" : ""}`;
      const more = lines.map((line) => [name, withListPort(line, sites.https)] as const);
      await page.goto(urlOf(sites, "doc", { to: "same-origin", headers: {}, more }).href);
      const numbered = group.map((each) => {
        const n = `a${number++}`;
        const [path = "", query = ""] = each.path.split("?");
        const target = urlOf(sites, path, { to: each.to, headers: {}, n });
        // In the order of the case: a pattern may name the query.
        target.search = `?${query}${target.search.slice(1)}`;
        const url = each.via === undefined ? target : hopTo(target, sites, { to: each.via, headers: {} });
        return { each, n, url: url.href, path };
      });
      for (const { url, path } of numbered) {
        await page.evaluate(
          `{ const e = document.createElement("${path === "style" ? "link" : "img"}"); Object.assign(e, { rel: "stylesheet", href: ${JSON.stringify(url)}, src: ${JSON.stringify(url)} }); document.head.append(e); }`,
        );
      }
      await loads.all(numbered.map(({ n }) => n));
      for (const { each, n } of numbered) {
        const outcome = loads.get(n)!;
        verdicts.set(each.id, { verdict: outcome === "loaded" ? "loaded" : outcome.replace("net::ERR_", "") });
      }
    });
  }
  return verdicts;
}

const NAMES = {
  coep: "cross-origin-embedder-policy",
  coepReportOnly: "cross-origin-embedder-policy-report-only",
  dip: "document-isolation-policy",
  dipReportOnly: "document-isolation-policy-report-only",
} as const;

/** Milliseconds that reports may take after the load. */
const SETTLE = 250;

export async function judgeReports(court: Court, cases: readonly ReportCase[]): Promise<ReadonlyMap<string, object>> {
  const { sites, log } = court;
  const verdicts = new Map<string, object>();
  let number = 0;
  for (const group of byPage(cases)) {
    log(`${verdicts.size} of ${cases.length} reports`);
    const more = Object.entries(group[0]!.page).map(
      ([name, value]) => [NAMES[name as keyof typeof NAMES], value!] as const,
    );
    for (const { id, kind, to, headers } of group) {
      await withPage(court, async (page) => {
        await page.goto(urlOf(sites, "doc", { to: "same-origin", headers: {}, more }).href);
        const path = kind === "frame" ? "doc" : kind;
        const url = urlOf(sites, path, { to, headers, n: `o${number++}` }).href;
        const reports = await page.evaluate(
          `(${observe.toString()})(${JSON.stringify({ kind, url, settle: SETTLE })})`,
        );
        verdicts.set(id, { reports });
      });
    }
  }
  return verdicts;
}

/** Runs in the page. Returns each report in words: `coep corp reporting image`. */
function observe({ kind, url, settle }: { kind: string; url: string; settle: number }): Promise<string[]> {
  const { document, ReportingObserver, Worker } = globalThis as unknown as PageScope;
  const seen: string[] = [];
  new ReportingObserver(
    (reports) => {
      for (const { type, body } of reports.map((each) => each.toJSON()))
        seen.push([type, body.type, body.disposition, body.destination].filter((each) => each).join(" "));
    },
    { buffered: true },
  ).observe();
  return new Promise((resolve) => {
    const done = (): void => void setTimeout(() => resolve(seen.sort()), settle);
    if (kind === "worker") {
      const worker = new Worker(url);
      worker.onmessage = worker.onerror = done;
      return;
    }
    const element = document.createElement(kind === "image" ? "img" : kind === "frame" ? "iframe" : kind);
    element.onload = element.onerror = done;
    element.src = url;
    document.body.append(element);
  });
}
