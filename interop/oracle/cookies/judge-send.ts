/** Asks Chromium which cookies it sends and stores in a situation. */

import type { Frame } from "playwright-core";
import { A, COOKIES, RESPONSE_LINES, type Situation } from "../../../src/lab/policies/cookie-situations.ts";
import { type JudgeBrowser, JudgePage } from "../browser.ts";
import type { SiteAnswer, SiteHandler, SiteRequest, Sites } from "../sites.ts";
import { withPort } from "./judge-set.ts";

export interface SituationVerdict {
  /** The names of the cookies that the server received, in their order. */
  readonly sent: string;
  /** By name, for those that Chromium's protocol mentions; missing if the request belongs to another page. */
  readonly withheld?: Readonly<Record<string, readonly string[]>>;
  /** The response's lines whose cookies were stored, by the name without its number. */
  readonly stored: string;
  readonly refused?: Readonly<Record<string, readonly string[]>>;
}

/** How many situations use the same cookies: they must stay younger than two minutes. */
const PER_SEED = 25;
/** Older than two minutes. */
const AGING = 126_000;

/** Answers documents with frames, redirects, the target, and what sets the cookies at first. */
export class SituationServer {
  readonly sites: () => Sites;
  readonly #arrived = new Map<string, (request: SiteRequest) => void>();
  #lines: readonly string[] = [];

  constructor(sites: () => Sites) {
    this.sites = sites;
  }

  readonly #log: string[] = [];

  readonly handler: SiteHandler = (request): SiteAnswer => {
    this.#log.push(`${request.method} ${request.host}${request.target}`);
    const path = request.target.split("?")[0];
    const list = (name: string): string[] => JSON.parse(request.query.get(name) ?? "[]") as string[];
    if (path === "/documents") return { body: this.#documentOf(list("inner")) };
    if (path === "/hop") return this.#hop(list("next"));
    if (path === "/seed") {
      const lines = COOKIES.filter(({ documents }) => documents.join() === list("documents").join());
      return { fields: lines.map(({ line }) => ["set-cookie", line] as const) };
    }
    const number = request.query.get("n");
    if (path !== "/dir/page" || number === null) return { status: 404 };
    this.#arrived.get(number)?.(request);
    return { fields: this.#lines.map((line) => ["set-cookie", line.replace("{n}", number)] as const) };
  };

  /** Sets the lines of the target's answers. */
  answerWith(lines: readonly string[]): void {
    this.#lines = lines;
  }

  arrival(number: number): Promise<SiteRequest> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () =>
          reject(
            new Error(`request ${number} did not arrive; the last requests were ${this.#log.slice(-4).join(", ")}`),
          ),
        10_000,
      );
      this.#arrived.set(String(number), (request) => {
        clearTimeout(late);
        resolve(request);
      });
    });
  }

  documentUrl([origin, ...inner]: readonly string[]): string {
    const url = withPort(`${origin}/documents`, this.sites());
    url.searchParams.set("inner", JSON.stringify(inner));
    return url.href;
  }

  /** A frame's URL is given as it is if it has a path. */
  #documentOf(inner: readonly string[]): string {
    const [first] = inner;
    if (first === undefined) return "<body></body>";
    const isOrigin = new URL(first).pathname === "/";
    const src = isOrigin ? this.documentUrl(inner) : first;
    return `<body><iframe src="${src.replaceAll("&", "&amp;").replaceAll('"', "&quot;")}"></iframe></body>`;
  }

  #hop([next, ...rest]: readonly string[]): SiteAnswer {
    return { status: 307, fields: [["location", rest.length === 0 ? next! : this.#hopUrl(next!, rest)]] };
  }

  #hopUrl(origin: string, next: readonly string[]): string {
    const url = withPort(`${origin}/hop`, this.sites());
    url.searchParams.set("next", JSON.stringify(next));
    return url.href;
  }

  requestUrl({ target, redirects }: Situation, number: number): string {
    const last = withPort(`${target}/dir/page`, this.sites());
    last.searchParams.set("n", String(number));
    const [first, ...rest] = redirects;
    return first === undefined ? last.href : this.#hopUrl(first, [...rest, last.href]);
  }
}

export async function judgeSituations(
  all: readonly Situation[],
  aged: boolean,
  browser: JudgeBrowser,
  server: SituationServer,
  log: (line: string) => void,
): Promise<ReadonlyMap<string, SituationVerdict>> {
  const verdicts = new Map<string, SituationVerdict>();
  let judge = await JudgePage.open(browser.context);
  if (aged) {
    await seed(judge, server);
    log(`waiting ${AGING / 1_000} s until the cookies are old`);
    await new Promise((resolve) => setTimeout(resolve, AGING));
  }
  server.answerWith(aged ? [] : RESPONSE_LINES);
  for (const [number, situation] of all.entries()) {
    if (number % PER_SEED === 0) {
      log(`${number} of ${all.length} situations`);
      // A page keeps its history, and Chromium its processes.
      await judge.page.close();
      judge = await JudgePage.open(browser.context);
      if (!aged) await seed(judge, server);
    }
    verdicts.set(situation.id, await judgeOne(situation, number, judge, server));
  }
  await judge.page.close();
  return verdicts;
}

async function seed(judge: JudgePage, server: SituationServer): Promise<void> {
  await judge.session.send("Network.clearBrowserCookies");
  const chains = new Set(COOKIES.map(({ documents }) => JSON.stringify(documents)));
  for (const chain of chains) {
    const documents = JSON.parse(chain) as string[];
    const url = withPort(`${A}/seed`, server.sites());
    url.searchParams.set("documents", chain);
    const inFrames = withPort(`${documents[0] ?? A}/documents`, server.sites());
    inFrames.searchParams.set("inner", JSON.stringify([...documents.slice(1), url.href]));
    await judge.page.goto(documents.length === 0 ? url.href : inFrames.href);
  }
}

async function judgeOne(
  situation: Situation,
  number: number,
  judge: JudgePage,
  server: SituationServer,
): Promise<SituationVerdict> {
  const { documents, action } = situation;
  const url = server.requestUrl(situation, number);
  judge.forget();
  const arrival = server.arrival(number);
  arrival.catch(() => undefined);
  if (action === "typed") await judge.page.goto(url);
  else {
    await judge.page.goto(server.documentUrl(documents));
    await act(action, url, innermost(judge, documents.length), judge);
  }
  const request = await arrival;
  // The next navigation would interrupt this one.
  if (/link|form|^top-/.test(action)) await judge.page.waitForURL((at) => at.searchParams.get("n") === String(number));
  const hop = action === "open" ? undefined : await judge.lastHop(`/dir/page?n=${number}`);
  if (hop === undefined && action !== "open") throw new Error(`${situation.id}: no events`);
  const { cookies } = await judge.session.send("Network.getAllCookies");
  const mine = new Set(
    cookies.map(({ name }) => name).filter((name) => name.replace(/^[a-z]+/, "") === String(number)),
  );
  for (const cookie of cookies) {
    const { name, domain, path, partitionKey } = cookie;
    if (mine.has(name))
      await judge.session.send("Network.deleteCookies", { name, domain, path, ...(partitionKey && { partitionKey }) });
  }
  const sent = (request.cookie ?? "").split("; ").map((pair) => pair.split("=")[0]!);
  return {
    sent: sent.join(" "),
    ...(hop && { withheld: reasonsByName(hop.sent.map(({ name, reasons }) => [name, reasons])) }),
    stored: RESPONSE_LINES.map((line) => line.slice(0, 2))
      .filter((name) => mine.has(`${name}${number}`))
      .join(" "),
    ...(hop && { refused: reasonsByName(hop.refused.map(({ line, reasons }) => [line.slice(0, 2), reasons])) }),
  };
}

/** Sorted, without those that nothing speaks against. */
const reasonsByName = (list: readonly (readonly [string, readonly string[]])[]): Record<string, readonly string[]> =>
  Object.fromEntries(
    list
      .filter(([, reasons]) => reasons.length > 0)
      // Chromium's protocol says Schemeful also where the hosts are of different sites.
      .map(
        ([name, reasons]) =>
          [name, [...new Set(reasons.map((each) => each.replace(/^Schemeful/, "")))].sort()] as const,
      )
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );

function innermost(judge: JudgePage, depth: number): Frame {
  let frame = judge.page.mainFrame();
  for (let i = 1; i < depth; i += 1) frame = frame.childFrames()[0]!;
  return frame;
}

/** Does it with a real click where Chromium wants to see one. */
async function act(action: string, url: string, frame: Frame, judge: JudgePage): Promise<void> {
  const { origin, pathname, searchParams } = new URL(url);
  const form = (method: string, target: string): string => `
    const form = document.createElement("form");
    form.method = "${method}"; form.action = ${JSON.stringify(origin + pathname)}; form.target = "${target}";
    if ("${method}" === "post") form.action = ${JSON.stringify(url)};
    for (const [name, value] of ${JSON.stringify([...searchParams])}) {
      const input = document.createElement("input"); input.type = "hidden"; input.name = name; input.value = value; form.append(input);
    }
    document.body.append(form);`;
  const button = '<button style="position:fixed;left:0;top:0;width:99px;height:99px" id="go">go</button>';
  const click = async (script: string): Promise<void> => {
    await frame.evaluate(
      `document.body.insertAdjacentHTML("afterbegin", ${JSON.stringify(button)}); document.getElementById("go").onclick = () => { ${script} };`,
    );
    await frame.click("#go", { noWaitAfter: true });
  };
  const link = (target: string): string =>
    `const link = document.createElement("a"); link.href = ${JSON.stringify(url)}; link.target = "${target}"; document.body.append(link); link.click();`;
  const loaded = (what: string): string => `new Promise((resolve) => { ${what} })`;
  if (action === "link") await frame.evaluate(`setTimeout(() => { ${link("_self")} })`);
  else if (action === "form-get") await frame.evaluate(`setTimeout(() => { ${form("get", "_self")} form.submit(); })`);
  else if (action === "form-post")
    await frame.evaluate(`setTimeout(() => { ${form("post", "_self")} form.submit(); })`);
  else if (action === "top-link") await click(link("_top"));
  else if (action === "top-post") await click(`${form("post", "_top")} form.submit();`);
  else if (action === "open") {
    const popup = judge.page.context().waitForEvent("page");
    await frame.evaluate(`void window.open(${JSON.stringify(url)})`);
    const page = await popup;
    await page.waitForLoadState();
    await page.close();
  } else if (action === "image")
    await frame.evaluate(
      loaded(`const image = new Image(); image.onload = image.onerror = resolve; image.src = ${JSON.stringify(url)};`),
    );
  else if (action.startsWith("fetch")) {
    const method = action === "fetch" ? "GET" : "POST";
    await frame.evaluate(
      `fetch(${JSON.stringify(url)}, { method: "${method}", mode: "no-cors", credentials: "include" }).then(() => 0, () => 0)`,
    );
  } else if (action === "frame")
    await frame.evaluate(
      loaded(
        `const inner = document.createElement("iframe"); inner.onload = resolve; inner.src = ${JSON.stringify(url)}; document.body.append(inner);`,
      ),
    );
  else
    await frame.evaluate(
      loaded(
        `const inner = document.createElement("iframe"); inner.name = "inner"; document.body.append(inner); ${form("post", "inner")} inner.onload = resolve; form.submit();`,
      ),
    );
}
