/** Asks Chromium what it makes of single Set-Cookie lines. */

import { fillLine, masked, type VectorCookie } from "../../../src/lab/policies/cookie-lines.ts";
import type { JudgeBrowser } from "../browser.ts";
import { JudgePage } from "../browser.ts";
import type { SiteHandler, Sites } from "../sites.ts";
import type { SetCase } from "./set-case.ts";

export interface SetVerdict {
  /** What CDP says; empty if the cookie was stored, deleted, or refused without a reason. */
  readonly reasons: readonly string[];
  /** All cookies afterwards, by name. Names and values of a line that is not ASCII are left out: CDP does not show its bytes. */
  readonly jar: readonly VectorCookie[];
  /** The field `cookie` of a request for the same URL, in Latin-1; empty if there is none. */
  readonly sent: string;
}

/** Lines to answer with, by the value of `case` in the query. */
export class SetServer {
  readonly #lines = new Map<string, string>();

  readonly #sent = new Map<string, string>();

  readonly handler: SiteHandler = ({ query, cookie = "" }) => {
    const id = query.get("case") ?? "";
    this.#sent.set(id, cookie);
    const line = this.#lines.get(id);
    return line === undefined ? {} : { fields: [["set-cookie", line]] };
  };

  offer(id: string, line: string): void {
    this.#lines.set(id, line);
  }

  sent(id: string): string {
    return this.#sent.get(id) ?? "";
  }
}

export async function judgeSets(
  cases: readonly SetCase[],
  browser: JudgeBrowser,
  sites: Sites,
  server: SetServer,
  log: (line: string) => void,
): Promise<ReadonlyMap<string, SetVerdict>> {
  const verdicts = new Map<string, SetVerdict>();
  const pages = new Map<string, JudgePage>();
  const pageAt = async (origin: string): Promise<JudgePage> => {
    const open = pages.get(origin);
    if (open !== undefined) return open;
    const page = await JudgePage.open(browser.context);
    await page.page.goto(withPort(`${origin}/blank`, sites).href);
    pages.set(origin, page);
    return page;
  };
  const fetchFrom = async (url: string, id: string): Promise<JudgePage> => {
    const target = withPort(url, sites);
    const page = await pageAt(new URL(url).origin);
    page.forget();
    target.search = `?case=${id}`;
    await page.page.evaluate(`fetch(${JSON.stringify(target.href)}, { credentials: "include" }).then((r) => r.text())`);
    return page;
  };
  for (const [index, { id, url, before, line }] of cases.entries()) {
    if (index % 100 === 0) log(`${index} of ${cases.length} lines`);
    const now = Date.now();
    const page = await pageAt(new URL(url).origin);
    await page.session.send("Network.clearBrowserCookies");
    if (before !== undefined) {
      server.offer(`before-${index}`, before.line);
      await fetchFrom(before.url, `before-${index}`);
    }
    server.offer(`case-${index}`, fillLine(line, now));
    const judge = await fetchFrom(url, `case-${index}`);
    const hop = await judge.lastHop(`case=case-${index}`);
    const { cookies } = await judge.session.send("Network.getAllCookies");
    const reasons = (hop?.refused ?? []).flatMap((each) => each.reasons);
    await fetchFrom(url, `echo-${index}`);
    verdicts.set(id, {
      reasons,
      jar: cookies.map((cookie) => masked(vectorCookie(cookie, now), line)).sort(byName),
      sent: server.sent(`echo-${index}`),
    });
  }
  for (const { page } of pages.values()) await page.close();
  return verdicts;
}

export const byName = (a: VectorCookie, b: VectorCookie): number =>
  JSON.stringify([a.name, a.domain, a.path, a.value]) < JSON.stringify([b.name, b.domain, b.path, b.value]) ? -1 : 1;

export function withPort(url: string, sites: Sites): URL {
  const target = new URL(url);
  target.port = String(target.protocol === "https:" ? sites.https : sites.http);
  return target;
}

/** `Network.Cookie` of the DevTools protocol. */
interface CdpCookie {
  readonly name: string;
  readonly value: string;
  readonly domain: string;
  readonly path: string;
  readonly secure: boolean;
  readonly httpOnly: boolean;
  readonly session: boolean;
  readonly expires: number;
  readonly sameSite?: string;
  readonly partitionKey?: { readonly topLevelSite: string; readonly hasCrossSiteAncestor: boolean };
}

export function vectorCookie(cookie: CdpCookie, now: number): VectorCookie {
  const { name, value, domain, path, secure, httpOnly, sameSite, partitionKey, session, expires } = cookie;
  return {
    name,
    value,
    domain: domain.replace(/^\./, ""),
    ...(domain.startsWith(".") ? {} : { hostOnly: true }),
    path,
    ...(secure ? { secure: true } : {}),
    ...(httpOnly ? { httpOnly: true } : {}),
    ...(sameSite === undefined ? {} : { sameSite: sameSite.toLowerCase() }),
    ...(partitionKey === undefined
      ? {}
      : {
          partition: `${withoutPort(partitionKey.topLevelSite)}${partitionKey.hasCrossSiteAncestor ? " cross-site" : ""}`,
        }),
    ...(session ? {} : { lives: nearest(expires - now / 1_000) }),
  };
}

/** To five seconds, because Chromium has a clock of its own. */
export const nearest = (seconds: number): number => Math.round(seconds / 5) * 5;

const withoutPort = (site: string): string => site.replace(/:\d+$/, "");
