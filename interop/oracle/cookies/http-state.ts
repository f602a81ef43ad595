/**
 * The vectors of abarth/http-state, from a checkout: what Chromium sends after each, and what our jar sends. The vectors' own answers
 * are of 2011; where they differ, the browser of today is right.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseCookieDate } from "../../../src/agent/cookies/index.ts";
import { CookieJar } from "../../../src/host/cookies/jar.ts";
import { type JudgeBrowser, JudgePage } from "../browser.ts";
import type { Sites } from "../sites.ts";
import { type SetServer, withPort } from "./judge-set.ts";

interface HttpStateCase {
  readonly test: string;
  readonly received: readonly string[];
  readonly sent: readonly { readonly name: string; readonly value: string }[];
  readonly "sent-to"?: string;
}

interface DateCase {
  readonly test: string;
  readonly expected: string | null;
}

const HOST = "http://home.example.org";

/** Returns false if our jar and Chromium differ. */
export async function compareHttpState(
  source: string,
  browser: JudgeBrowser,
  sites: Sites,
  server: SetServer,
  log: (line: string) => void,
): Promise<boolean> {
  const data = join(source, "tests", "data");
  const cases = JSON.parse(await readFile(join(data, "parser.json"), "utf8")) as readonly HttpStateCase[];
  const judge = await JudgePage.open(browser.context);
  await judge.page.goto(withPort(`${HOST}/blank`, sites).href);
  const different: string[] = [];
  let asVector = 0;
  for (const [index, { test, received, sent, "sent-to": sentTo }] of cases.entries()) {
    // Three of them expired in 2019.
    const lines = received.map((line) => Buffer.from(line.replaceAll("2019", "2099"), "utf8").toString("latin1"));
    const [from, to] = [`${HOST}/cookie-parser`, new URL(sentTo ?? "/cookie-parser-result", HOST).href];
    const jar = new CookieJar();
    await judge.session.send("Network.clearBrowserCookies");
    const ask = async (url: string, id: string): Promise<void> => {
      const target = withPort(url, sites);
      target.search = `?case=${id}`;
      await judge.page.evaluate(
        `fetch(${JSON.stringify(target.href)}, { mode: "no-cors", credentials: "include" }).then((r) => r.text(), () => 0)`,
      );
    };
    for (const [number, line] of lines.entries()) {
      // The browser's parser of HTTP ends a field at CR, before its cookies are parsed.
      jar.set(line.replace(/\r.*$/s, ""), from);
      server.offer(`${index}-${number}`, line);
      await ask(from, `${index}-${number}`);
    }
    await ask(to, `${index}-end`);
    const [ours, theirs] = [jar.header(to) ?? "", server.sent(`${index}-end`)];
    const vector = sent.map(({ name, value }) => (name === "" ? value : `${name}=${value}`)).join("; ");
    if (Buffer.from(ours, "latin1").toString("utf8") === vector) asVector += 1;
    if (ours !== theirs)
      different.push(`${test}: Chromium sends ${JSON.stringify(theirs)}, our jar ${JSON.stringify(ours)}`);
  }
  await judge.page.close();
  for (const line of different) log(line);
  log(
    `http-state: ${cases.length - different.length} of ${cases.length} as Chromium ${browser.version}, ` +
      `${asVector} as the vectors of 2011`,
  );
  return (await compareDates(data, log)) && different.length === 0;
}

async function compareDates(data: string, log: (line: string) => void): Promise<boolean> {
  let isRight = true;
  for (const name of ["examples.json", "bsd-examples.json"]) {
    const text = await readFile(join(data, "dates", name), "utf8");
    const cases = JSON.parse(text.replace(/^\s*\/\/.*$/gm, "")) as readonly DateCase[];
    const wrong = cases.filter(({ test, expected }) => {
      const time = parseCookieDate(test, "rfc6265bis");
      return (
        (time === undefined ? null : new Date(time).getTime()) !== (expected === null ? null : Date.parse(expected))
      );
    });
    for (const { test, expected } of wrong) log(`${name}: ${test}: expected ${expected}`);
    log(`dates/${name}: ${cases.length - wrong.length} of ${cases.length}`);
    isRight &&= wrong.length === 0;
  }
  return isRight;
}
