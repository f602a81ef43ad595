/** Asks Chromium which cookies are left after a response with Clear-Site-Data. */

import { CLEAR_SEEDS, type ClearCase } from "../../../src/lab/policies/clear-cases.ts";
import type { JudgeBrowser } from "../browser.ts";
import { JudgePage } from "../browser.ts";
import type { SiteAnswer, SiteHandler, Sites } from "../sites.ts";
import { withPort } from "./judge-set.ts";

/** Answers by the value of `answer` in the query; pages without one are blank. */
export class ClearServer {
  readonly #answers = new Map<string, SiteAnswer>();

  readonly handler: SiteHandler = ({ query }) => this.#answers.get(query.get("answer") ?? "") ?? {};

  /** Returns a URL that answers so. */
  offer(url: URL, answer: SiteAnswer): URL {
    const number = String(this.#answers.size);
    this.#answers.set(number, answer);
    const offered = new URL(url);
    offered.search = `?answer=${number}`;
    return offered;
  }
}

export async function judgeClears(
  cases: readonly ClearCase[],
  browser: JudgeBrowser,
  sites: Sites,
  server: ClearServer,
  log: (line: string) => void,
): Promise<ReadonlyMap<string, string>> {
  const left = new Map<string, string>();
  const judge = await JudgePage.open(browser.context);
  const fetchFrom = async (page: string, url: URL, credentials: string): Promise<void> => {
    await judge.page.goto(withPort(`${page}/blank`, sites).href);
    const script = `fetch(${JSON.stringify(url.href)}, { mode: "no-cors", credentials: "${credentials}" }).then((r) => r.text())`;
    await judge.page.evaluate(script);
  };
  const seeds = CLEAR_SEEDS.map(({ page, url, line }) => ({
    page,
    url: server.offer(withPort(url, sites), { fields: [["set-cookie", line]] }),
  }));
  for (const [index, { id, page, url, credentials = "include", via, lines, sets }] of cases.entries()) {
    if (index % 10 === 0) log(`${index} of ${cases.length} responses`);
    await judge.session.send("Network.clearBrowserCookies");
    for (const seed of seeds) await fetchFrom(seed.page, seed.url, "include");
    const fields = [
      ...(sets === undefined ? [] : [["set-cookie", sets] as const]),
      ...lines.map((line) => ["clear-site-data", line] as const),
    ];
    const last = withPort(url, sites);
    const target =
      via === undefined
        ? server.offer(last, { fields })
        : server.offer(withPort(`${via}/`, sites), { status: 302, fields: [...fields, ["location", last.href]] });
    if (page === undefined) await judge.page.goto(target.href);
    else await fetchFrom(page, target, credentials);
    const { cookies } = await judge.session.send("Network.getAllCookies");
    const names = cookies.map(({ name }) => name);
    left.set(id, names.sort().join(" "));
  }
  await judge.page.close();
  return left;
}
