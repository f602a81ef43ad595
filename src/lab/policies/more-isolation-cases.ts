/** The cases of Connection-Allowlist, and of reports that a page can observe. */

import { COEPS, type Headers, headersText, type Relation } from "./isolation-cases.ts";

export interface AllowlistCase {
  readonly id: string;
  readonly page: { readonly lines: readonly string[]; readonly reportOnly?: true };
  readonly to: Relation;
  /** The path of the URL, with its query. */
  readonly path: string;
  readonly via?: Relation;
}

/** `P` stands for the port of https. */
const LISTS: readonly (readonly string[])[] = [
  ["(response-origin)"],
  ['("https://site-b.test:P")'],
  ['(response-origin "https://site-b.test:P")'],
  ['("https://site-b.test:P/image")'],
  ['("https://site-b.test:P/image?*")'],
  ['("https://site-b.test:P/*")'],
  ['("https://*.site-a.test:P/*")'],
  ['("https://*:*/*")'],
  ['("*://*:*/*")'],
  ['("https://site-b.test")'],
  ['("https://SITE-B.test:P")'],
  ['("wss://site-b.test:P")'],
  ["()"],
  [""],
  ["response-origin"],
  ['"https://site-b.test:P"'],
  ["(response-origin"],
  ['(response-origin), ("https://site-b.test:P")'],
  ["(response-origin)", '("https://site-b.test:P")'],
  ['(site-b "https://site-b.test:P")'],
  ['(1 ?1 "https://site-b.test:P")'],
  ['("/image" "https://site-b.test:P")'],
  ['("site-b.test" response-origin)'],
  ["(response-origin);redirects=allow"],
  ["(response-origin);redirects=block"],
  ["(response-origin);redirects=other"],
  ['(response-origin);redirects="block"'],
  ["(response-origin);redirects"],
  ["(response-origin);report-to=x"],
  ['(response-origin);report-to="x"'],
  ["(response-origin);unknown=1"],
  ["*"],
  ["none"],
];

export function allowlistCases(): readonly AllowlistCase[] {
  const cases: AllowlistCase[] = [];
  for (const lines of LISTS) {
    for (const reportOnly of [false, true]) {
      if (reportOnly && cases.length % 3 > 0) continue;
      const page = { lines, ...(reportOnly && { reportOnly }) };
      const add = (to: Relation, path: string, via?: Relation): void => {
        const id = `${JSON.stringify(lines)}${reportOnly ? " report-only" : ""}: ${to} ${path}${via ? ` via ${via}` : ""}`;
        cases.push({ id, page, to, path, ...(via && { via }) });
      };
      for (const to of ["same-origin", "same-site", "cross-site"] as const) {
        add(to, "image?");
        add(to, "image?q=1&");
      }
      add("cross-site", "style?");
      for (const via of ["same-origin", "cross-site"] as const) {
        add("same-origin", "image?", via);
        add("cross-site", "image?", via);
      }
    }
  }
  return cases;
}

export interface ReportCase {
  readonly id: string;
  readonly page: {
    readonly coep?: string;
    readonly coepReportOnly?: string;
    readonly dip?: string;
    readonly dipReportOnly?: string;
  };
  readonly kind: "image" | "script" | "frame" | "worker";
  readonly to: Relation;
  readonly headers: Headers;
}

export function reportCases(): readonly ReportCase[] {
  const cases: ReportCase[] = [];
  const pages: ReportCase["page"][] = [];
  for (const coep of COEPS) for (const coepReportOnly of COEPS) pages.push({ coep, coepReportOnly });
  for (const dip of ["isolate-and-require-corp", "isolate-and-credentialless"]) {
    pages.push(
      { dip },
      { dipReportOnly: dip },
      { coep: "require-corp", dip },
      { coepReportOnly: "require-corp", dipReportOnly: dip },
    );
  }
  for (const full of pages) {
    const page = Object.fromEntries(Object.entries(full).filter(([, value]) => value !== ""));
    const add = (kind: ReportCase["kind"], to: Relation, headers: Headers): void => {
      const id = `${JSON.stringify(page)}: ${kind} ${to} ${headersText(headers)}`;
      cases.push({ id, page, kind, to, headers });
    };
    for (const to of ["same-site", "cross-site"] as const) {
      for (const corp of ["", "same-origin", "cross-origin"]) add("image", to, corp === "" ? {} : { corp });
      add("frame", to, {});
      add("frame", to, { corp: "cross-origin" });
      add("frame", to, { coep: "require-corp", corp: "cross-origin" });
    }
    add("script", "cross-site", {});
    add("frame", "same-origin", {});
    add("worker", "same-origin", {});
    add("worker", "same-origin", { coep: "require-corp" });
  }
  return cases;
}

export const withListPort = (line: string, port: number): string => line.replace(/:P(?=["/*])/g, `:${port}`);
