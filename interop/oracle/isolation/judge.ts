/** Asks Chromium about documents, resources, frames and workers. */

import type { CDPSession, Page } from "playwright-core";
import type {
  FrameCase,
  HeaderCase,
  PageCase,
  ResourceCase,
  WorkerCase,
} from "../../../src/lab/policies/isolation-cases.ts";
import { HOSTS } from "../../../src/lab/policies/isolation-cases.ts";
import type { JudgeBrowser } from "../browser.ts";
import type { Sites } from "../sites.ts";
import { Loads } from "./loads.ts";
import type { PageScope, PageWorker } from "./page-scope.ts";
import { hopTo, type IsolationServer, LOCAL_DOCUMENT, urlOf, WORKER } from "./server.ts";

export interface Court {
  readonly browser: JudgeBrowser;
  readonly sites: Sites;
  readonly server: IsolationServer;
  readonly log: (line: string) => void;
}

/** Opens a page, and closes it afterwards. */
export async function withPage<Result>(
  { browser }: Court,
  use: (page: Page, session: CDPSession) => Promise<Result>,
): Promise<Result> {
  const page = await browser.context.newPage();
  try {
    return await use(page, await browser.context.newCDPSession(page));
  } finally {
    await page.close();
  }
}

/** Cases with the same page, in their order. */
export const byPage = <Case extends { readonly page: object }>(cases: readonly Case[]): Case[][] =>
  byKey(cases, ({ page }) => JSON.stringify(page));

/** Cases with the same key, in their order. */
export function byKey<Case>(cases: readonly Case[], keyOf: (one: Case) => string): Case[][] {
  const groups = new Map<string, Case[]>();
  for (const each of cases) {
    const key = keyOf(each);
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return [...groups.values()];
}

const COOP_NAMES: Readonly<Record<string, string>> = {
  UnsafeNone: "unsafe-none",
  SameOrigin: "same-origin",
  SameOriginAllowPopups: "same-origin-allow-popups",
  NoopenerAllowPopups: "noopener-allow-popups",
};
const COEP_NAMES: Readonly<Record<string, string>> = {
  None: "unsafe-none",
  RequireCorp: "require-corp",
  Credentialless: "credentialless",
};

export function judgeHeaders(court: Court, cases: readonly HeaderCase[]): Promise<ReadonlyMap<string, object>> {
  return withPage(court, async (page, session) => {
    const verdicts = new Map<string, object>();
    const loads = await Loads.watch(session);
    for (const [index, { id, header, lines }] of cases.entries()) {
      const name = {
        coop: "cross-origin-opener-policy",
        coep: "cross-origin-embedder-policy",
        dip: "document-isolation-policy",
      };
      const more = lines.map((line) => [name[header], line] as const);
      await page.goto(urlOf(court.sites, "doc", { to: "same-origin", headers: {}, more }).href);
      const { frameTree } = await session.send("Page.getFrameTree");
      const { status } = await session.send("Network.getSecurityIsolationStatus", { frameId: frameTree.frame.id });
      if (header !== "dip") {
        const policy = header === "coop" ? status.coop : status.coep;
        const names = header === "coop" ? COOP_NAMES : COEP_NAMES;
        const value = names[policy?.value ?? ""];
        if (value === undefined) throw new Error(`${id}: Chromium says ${JSON.stringify(policy)}`);
        const reportTo = policy?.reportingEndpoint;
        verdicts.set(id, { value, ...(reportTo && { reportTo }) });
        continue;
      }
      // The protocol does not name it: an image without CORP tells the values apart.
      const isolated = await page.evaluate("crossOriginIsolated");
      const n = `h${index}`;
      await page.evaluate(
        `void (new Image().src = ${JSON.stringify(urlOf(court.sites, "image", { to: "cross-site", headers: {}, n }).href)})`,
      );
      await loads.all([n]);
      const value = !isolated
        ? "none"
        : loads.get(n) === "loaded"
          ? "isolate-and-credentialless"
          : "isolate-and-require-corp";
      verdicts.set(id, { value });
    }
    return verdicts;
  });
}

export async function judgeResources(
  court: Court,
  cases: readonly ResourceCase[],
): Promise<ReadonlyMap<string, object>> {
  const { sites, server, log } = court;
  const verdicts = new Map<string, object>();
  let number = 0;
  await withPage(court, async (page) => {
    for (const host of Object.values(HOSTS)) await page.goto(`https://${host}:${sites.https}/set`);
  });
  for (const group of byPage(cases)) {
    const { scheme = "https", sandbox, ...headers } = group[0]!.page;
    log(`${verdicts.size} of ${cases.length} resources`);
    await withPage(court, async (page, session) => {
      const loads = await Loads.watch(session);
      // Chromium's protocol does not always say that an opaque response ended.
      await page.exposeFunction("tell", (n: string) => loads.set(n, "loaded"));
      const more = sandbox ? [["content-security-policy", "sandbox allow-scripts"] as const] : [];
      await page.goto(urlOf(sites, "doc", { to: "same-origin", headers, scheme, more }).href);
      const numbered = group.map((each) => {
        const n = `r${number++}`;
        const { kind, to, corp = "", via } = each;
        const path = kind.startsWith("image") || kind.startsWith("fetch") ? "image" : kind;
        const target = urlOf(sites, path, { to, headers: { corp }, n });
        if (kind.endsWith("-cors")) target.searchParams.set("cors", "");
        const url =
          via === undefined ? target : hopTo(target, sites, { to: via.to, headers: { corp: via.corp ?? "" } });
        return { each, n, kind, url: url.href };
      });
      for (let at = 0; at < numbered.length; at += 40) {
        const some = numbered.slice(at, at + 40);
        await page.evaluate(
          `(${request.toString()})(${JSON.stringify(some.map(({ n, kind, url }) => ({ n, kind, url })))})`,
        );
        await loads.all(some.map(({ n }) => n));
      }
      for (const { each, n } of numbered) {
        const outcome = loads.get(n)!;
        const cookie = server.cookies.get(n);
        verdicts.set(each.id, { verdict: outcome, ...(cookie !== undefined && { credentials: cookie !== "" }) });
      }
    });
  }
  return verdicts;
}

/** Runs in the page. */
function request(list: readonly { n: string; kind: string; url: string }[]): void {
  const { document, fetch, tell } = globalThis as unknown as PageScope;
  for (const { n, kind, url } of list) {
    if (kind.startsWith("fetch")) {
      const init = {
        mode: kind === "fetch-cors" ? "cors" : "no-cors",
        credentials: kind === "fetch-omit" ? "omit" : "include",
      };
      fetch(url, init).then(
        () => tell(n),
        () => 0,
      );
      continue;
    }
    const element = document.createElement(kind === "style" ? "link" : kind === "script" ? "script" : "img");
    if (kind === "image-cors") element.crossOrigin = "anonymous";
    if (kind === "style") Object.assign(element, { rel: "stylesheet", href: url });
    else element.src = url;
    document.head.append(element);
  }
}

export async function judgeFrames(court: Court, cases: readonly FrameCase[]): Promise<ReadonlyMap<string, object>> {
  const { sites, log } = court;
  const verdicts = new Map<string, object>();
  let number = 0;
  for (const group of byPage(cases)) {
    log(`${verdicts.size} of ${cases.length} frames`);
    await withPage(court, async (page, session) => {
      const loads = await Loads.watch(session);
      const said = new Map<string, boolean>();
      await page.exposeFunction("tell", (n: string, isolated: boolean) => {
        said.set(n, isolated);
        loads.set(n, "loaded");
      });
      const headers = { coop: "same-origin", ...group[0]!.page };
      await page.goto(urlOf(sites, "doc", { to: "same-origin", headers }).href);
      await page.evaluate(`addEventListener("message", ({ data }) => tell(data.n, data.isolated))`);
      const numbered = group.map((each) => {
        const n = `f${number++}`;
        const { to, frame, via, allow, credentialless, sandbox, local } = each;
        const target = urlOf(sites, "doc", { to, headers: frame, n });
        const url =
          via === undefined ? target : hopTo(target, sites, { to: via.to, headers: { corp: via.corp ?? "" } });
        return { each, n, frame: { n, url: url.href, allow, credentialless, sandbox, local, html: LOCAL_DOCUMENT } };
      });
      for (let at = 0; at < numbered.length; at += 20) {
        const some = numbered.slice(at, at + 20);
        await page.evaluate(`(${embed.toString()})(${JSON.stringify(some.map(({ frame }) => frame))})`);
        // A frame that loaded says so itself.
        await loads.all(some.map(({ n }) => n));
      }
      for (const { each, n } of numbered) {
        const outcome = loads.get(n)!;
        if (outcome === "loaded" && !said.has(n)) await page.waitForTimeout(1_000);
        const isolated = said.get(n);
        verdicts.set(each.id, { verdict: outcome, ...(isolated && { isolated }) });
      }
    });
  }
  return verdicts;
}

interface EmbeddedFrame {
  readonly n: string;
  readonly url: string;
  readonly allow?: true | undefined;
  readonly credentialless?: true | undefined;
  readonly sandbox?: true | undefined;
  readonly local?: FrameCase["local"];
  readonly html: string;
}

/** Runs in the page. */
function embed(list: readonly EmbeddedFrame[]): void {
  const { document, URL, Blob, tell } = globalThis as unknown as PageScope;
  for (const { n, url, allow, credentialless, sandbox, local, html } of list) {
    const frame = document.createElement("iframe");
    frame.name = n;
    if (allow) frame.allow = "cross-origin-isolated";
    if (credentialless) frame.credentialless = true;
    if (sandbox) frame.sandbox = "allow-scripts";
    if (local === undefined) frame.src = url;
    else if (local === "srcdoc") frame.srcdoc = html;
    else if (local === "data") frame.src = `data:text/html,${encodeURIComponent(html)}`;
    else if (local === "blob") frame.src = URL.createObjectURL(new Blob([html], { type: "text/html" }));
    document.body.append(frame);
    if (local === "blank") tell(n, frame.contentWindow.crossOriginIsolated);
  }
}

export async function judgeWorkers(court: Court, cases: readonly WorkerCase[]): Promise<ReadonlyMap<string, object>> {
  const { sites } = court;
  const verdicts = new Map<string, object>();
  let number = 0;
  for (const group of byPage(cases)) {
    await withPage(court, async (page) => {
      const headers = { coop: "same-origin", ...group[0]!.page };
      await page.goto(urlOf(sites, "doc", { to: "same-origin", headers }).href);
      for (const { id, kind, worker } of group) {
        const url = urlOf(sites, "worker", { to: "same-origin", headers: worker, n: `w${number++}` }).href;
        const isolated = await page.evaluate(
          `(${startWorker.toString()})(${JSON.stringify({ kind, url, script: WORKER })})`,
        );
        verdicts.set(
          id,
          isolated === "blocked"
            ? { verdict: "blocked" }
            : { verdict: "loaded", ...(isolated === true && { isolated }) },
        );
      }
    });
  }
  return verdicts;
}

/** Runs in the page. */
function startWorker({ kind, url, script }: { kind: string; url: string; script: string }): Promise<unknown> {
  const { Worker, SharedWorker, URL, Blob } = globalThis as unknown as PageScope;
  return new Promise((resolve) => {
    const from = {
      blob: () => URL.createObjectURL(new Blob([script], { type: "text/javascript" })),
      data: () => `data:text/javascript,${encodeURIComponent(script)}`,
    }[kind];
    const listen = (worker: { onerror: () => void }, port: Pick<PageWorker, "onmessage">): void => {
      port.onmessage = ({ data }) => resolve(data);
      worker.onerror = () => resolve("blocked");
    };
    if (kind === "shared") {
      const worker = new SharedWorker(url);
      listen(worker, worker.port);
    } else {
      const worker = new Worker(from?.() ?? url);
      listen(worker, worker);
    }
  });
}

export function judgePages(court: Court, cases: readonly PageCase[]): Promise<ReadonlyMap<string, object>> {
  return withPage(court, async (page) => {
    const verdicts = new Map<string, object>();
    for (const { id, origin, page: headers, permissions } of cases) {
      const more = permissions === undefined ? [] : [["permissions-policy", permissions] as const];
      const scheme = origin === "https" ? "https" : "http";
      const url = urlOf(court.sites, "doc", { to: "same-origin", headers, scheme, more });
      if (origin === "http-localhost") url.hostname = "localhost";
      await page.goto(url.href);
      verdicts.set(id, { isolated: await page.evaluate("crossOriginIsolated") });
    }
    return verdicts;
  });
}
