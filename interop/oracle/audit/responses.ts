/** Single responses beside Chromium: may a site frame the page, and may a document read what it fetches by CORS? */

import type { Page } from "playwright-core";
import { type AuditDocument, type AuditFacts, type Hop, judgeAudit } from "../../../src/agent/audit/index.ts";
import type { JudgeBrowser } from "../browser.ts";
import { withChromium } from "../chromium.ts";
import type { OracleOptions } from "../options.ts";
import type { SiteAnswer, SiteRequest } from "../sites.ts";

type Fields = readonly (readonly [name: string, value: string])[];

/** The sources of each policy, and the embedder. `:P` is the port of https, and `:H` that of http. */
const ANCESTORS: readonly (readonly [policies: readonly string[], embedder: string])[] = [
  [["*"], "https://shop.test:P/"],
  [["'none'"], "https://shop.test:P/"],
  [[""], "https://shop.test:P/"],
  [["'self'"], "https://site-a.test:P/"],
  [["'SELF'"], "https://site-a.test:P/"],
  [["'self'"], "https://sub.site-a.test:P/"],
  [["'self'"], "http://site-a.test:H/"],
  [["https:"], "https://shop.test:P/"],
  [["https:"], "http://shop.test:H/"],
  [["http:"], "https://shop.test:P/"],
  [["HTTP:"], "http://shop.test:H/"],
  [["https://shop.test"], "https://shop.test:P/"],
  [["https://shop.test:P"], "https://shop.test:P/"],
  [["https://shop.test:*"], "https://shop.test:P/"],
  [["HTTPS://Shop.test:P/"], "https://shop.test:P/"],
  [["https://shop.test:P/path"], "https://shop.test:P/"],
  [["http://shop.test:*"], "https://shop.test:P/"],
  [["http://shop.test:80"], "https://shop.test:P/"],
  [["shop.test:P"], "https://shop.test:P/"],
  [["shop.test:*"], "http://shop.test:H/"],
  [["http://shop.test:H"], "http://shop.test:H/"],
  [["*.shop.test:P"], "https://www.shop.test:P/"],
  [["*.shop.test:P"], "https://a.www.shop.test:P/"],
  [["*.shop.test:P"], "https://shop.test:P/"],
  [["*.shop.test:P"], "https://my-shop.test:P/"],
  [["https://*:*"], "https://shop.test:P/"],
  [["https://*"], "https://shop.test:P/"],
  [["*:P"], "https://shop.test:P/"],
  [["//shop.test:P"], "https://shop.test:P/"],
  [["nonsense! https://shop.test:P"], "https://shop.test:P/"],
  [["'none' https://shop.test:P"], "https://shop.test:P/"],
  [["'self'   https://a.test https://shop.test:P"], "https://shop.test:P/"],
  [["https://shop.test:P", "https:"], "https://shop.test:P/"],
  [["https://shop.test:P", "'self'"], "https://shop.test:P/"],
];
const FRAME_OPTIONS: readonly (readonly [lines: readonly string[], embedder: string])[] = [
  [["DENY"], "https://site-a.test:P/"],
  [["deny, DENY"], "https://site-a.test:P/"],
  [["DENY,"], "https://site-a.test:P/"],
  [['"DENY"'], "https://shop.test:P/"],
  [["SameOrigin"], "https://site-a.test:P/"],
  [["SAMEORIGIN"], "https://shop.test:P/"],
  [["SAMEORIGIN", "sameorigin"], "https://site-a.test:P/"],
  [["SAMEORIGIN", "DENY"], "https://site-a.test:P/"],
  [["SAMEORIGIN, ALLOWALL"], "https://site-a.test:P/"],
  [["ALLOWALL"], "https://shop.test:P/"],
  [["ALLOW-FROM https://shop.test"], "https://other.test:P/"],
  [["one, two"], "https://shop.test:P/"],
  [[""], "https://shop.test:P/"],
];

const A = "https://site-a.test:P";
const B = "https://site-b.test:P";
const C = "https://site-c.test:P";
/** The origins of a request's hops, each with the origin that its response allows. */
const CHAINS: readonly (readonly (readonly [origin: string, allows?: string])[])[] = [
  [[A]],
  [[B, A]],
  [[B, "*"]],
  [[B, "null"]],
  [[B]],
  [[A], [B, A]],
  [[B, "*"], [A]],
  [
    [B, A],
    [A, A],
  ],
  [
    [B, A],
    [A, "null"],
  ],
  [
    [B, "*"],
    [B, A],
  ],
  [
    [B, A],
    [C, A],
  ],
  [
    [B, A],
    [C, "null"],
  ],
  [[B], [C, "*"]],
  [[A], [A], [B, A]],
  [
    [B, A],
    [A, A],
    [C, "null"],
  ],
  [
    [B, A],
    [A, "null"],
    [C, "null"],
  ],
  [
    [B, "*"],
    [A, "*"],
    [A, "*"],
  ],
];

class ResponseServer {
  /** By the text of the URL without its scheme. */
  readonly answers = new Map<string, SiteAnswer>();

  readonly handler = ({ host, target }: SiteRequest): SiteAnswer =>
    this.answers.get(`${host}${target}`) ?? { fields: [["content-type", "text/html"]], body: "<!doctype html>" };

  offer(url: string, answer: SiteAnswer): void {
    this.answers.set(url.replace(/^https?:\/\//, ""), answer);
  }
}

export function auditResponses({ only, log }: OracleOptions): Promise<boolean> {
  const server = new ResponseServer();
  return withChromium(
    () => server.handler,
    async (browser, { https, http }) => {
      const fill = (text: string): string => text.replaceAll(":P", `:${https}`).replaceAll(":H", `:${http}`);
      const parts = { framing: judgeFraming, cors: judgeCors };
      let agrees = true;
      for (const [name, part] of Object.entries(parts)) {
        if (!name.includes(only)) continue;
        const { count, different } = await part(server, browser, fill);
        log(`${name}: ${count - different.length} of ${count} responses: both agree`);
        for (const each of different) log(`${name}: ${each}`);
        agrees &&= different.length === 0;
      }
      return agrees;
    },
  );
}

interface Comparison {
  readonly count: number;
  readonly different: readonly string[];
}

const documentAt = (url: string, fields: Fields): AuditDocument => ({
  url,
  parent: undefined,
  isAllowed: false,
  credentialless: false,
  isSandboxed: false,
  response: { ...hopAt(url, fields), ...LOADED },
});
const hopAt = (url: string, fields: Fields, status = 200): Hop => ({ url, fields, status });
const LOADED = { protocol: "h2", contentBytes: 0, redirects: [] };
const has = (facts: Omit<AuditFacts, "now" | "limits">, id: string): boolean =>
  judgeAudit({ ...facts, now: Date.now(), limits: [] }).some((each) => each.id === id);

async function judgeFraming(
  server: ResponseServer,
  { context }: JudgeBrowser,
  fill: (text: string) => string,
): Promise<Comparison> {
  const cases = [
    ...ANCESTORS.map(([policies, embedder]) => ({
      fields: policies.map((each) => ["content-security-policy", `img-src *; Frame-Ancestors ${fill(each)}`] as const),
      embedder: fill(embedder),
    })),
    ...FRAME_OPTIONS.map(([lines, embedder]) => ({
      fields: lines.map((each) => ["x-frame-options", each] as const),
      embedder: fill(embedder),
    })),
  ];
  const different: string[] = [];
  for (const [index, { fields, embedder }] of cases.entries()) {
    const url = fill(`${A}/framed?${index}`);
    server.offer(url, { fields: [["content-type", "text/html"], ...fields], body: "<p>framed" });
    const page = await context.newPage();
    const theirs = await isFramed(page, embedder, url);
    await page.close();
    const facts = { url, documents: [documentAt(url, fields)], resources: [], embedder: { url: embedder, fields: [] } };
    const ours = !has(facts, "embedding/refused");
    if (ours !== theirs)
      different.push(`${JSON.stringify(fields)} in ${embedder}: Chromium ${theirs ? "frames" : "refuses"} it`);
  }
  return { count: cases.length, different };
}

/** A frame that is refused shows an error page, which fires `load`, too. */
async function isFramed(page: Page, embedder: string, url: string): Promise<boolean> {
  await page.goto(embedder);
  const script = `new Promise((resolve) => {
    const frame = document.createElement("iframe");
    frame.onload = resolve;
    frame.src = ${JSON.stringify(url)};
    document.body.append(frame);
  })`;
  await page.evaluate(script);
  const frame = page.frames().find((each) => each.parentFrame() !== null);
  return (await frame?.evaluate("document.body.innerText").catch(() => undefined)) === "framed";
}

async function judgeCors(
  server: ResponseServer,
  { context }: JudgeBrowser,
  fill: (text: string) => string,
): Promise<Comparison> {
  const page = await context.newPage();
  await page.goto(fill(`${A}/`));
  const different: string[] = [];
  let count = 0;
  for (const credentials of ["same-origin", "include"] as const) {
    for (const allowsCredentials of credentials === "include" ? [true, false] : [false]) {
      for (const chain of CHAINS) {
        count += 1;
        const hops = chain.map(([origin, allows], at) => {
          const fields: Fields = [
            ...(allows === undefined ? [] : [["access-control-allow-origin", fill(allows)] as const]),
            ...(allowsCredentials ? [["access-control-allow-credentials", "true"] as const] : []),
          ];
          return hopAt(fill(`${origin}/${count}/${at}`), fields, at + 1 < chain.length ? 302 : 200);
        });
        for (const [at, { url, fields, status }] of hops.entries()) {
          const next = hops[at + 1];
          server.offer(url, { status, fields: next === undefined ? fields : [...fields, ["location", next.url]] });
        }
        const init = JSON.stringify({ mode: "cors", credentials });
        const script = `fetch(${JSON.stringify(hops[0]!.url)}, ${init}).then(() => true, () => false)`;
        const theirs = (await page.evaluate(script)) as boolean;
        const url = fill(`${A}/`);
        const resource = {
          kind: "other",
          url: hops[0]!.url,
          mode: "cors",
          credentials,
          from: "fetch",
          isBlocking: false,
          document: 0,
          response: { ...hops.at(-1)!, ...LOADED, redirects: hops.slice(0, -1) },
        } as const;
        const ours = !has({ url, documents: [documentAt(url, [])], resources: [resource] }, "load/cors");
        if (ours !== theirs)
          different.push(`${credentials} ${JSON.stringify(hops)}: Chromium ${theirs ? "allows" : "refuses"} it`);
      }
    }
  }
  await page.close();
  return { count, different };
}
