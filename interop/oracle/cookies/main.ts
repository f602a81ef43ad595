/** The vectors of cookies: makes the cases, asks Chromium, and records or compares. */

import { resolve } from "node:path";
import { clearCases } from "../../../src/lab/policies/clear-cases.ts";
import { isAgedToo, type Situation, situations } from "../../../src/lab/policies/cookie-situations.ts";
import { withChromium } from "../chromium.ts";
import type { OracleOptions } from "../options.ts";
import type { Sites } from "../sites.ts";
import { compareOrRecord } from "../vectors.ts";
import { compareHttpState } from "./http-state.ts";
import { ClearServer, judgeClears } from "./judge-clear.ts";
import { judgeSituations, SituationServer } from "./judge-send.ts";
import { judgeSets, SetServer } from "./judge-set.ts";
import { setCases } from "./lines.ts";

export async function cookies(options: OracleOptions): Promise<boolean> {
  const { source, log } = options;
  if (source !== undefined) {
    const server = new SetServer();
    return withChromium(
      () => server.handler,
      (browser, sites) => compareHttpState(resolve(source), browser, sites, server, log),
    );
  }
  const results: boolean[] = [];
  for (const [name, part] of Object.entries(PARTS)) if (name.includes(options.only)) results.push(await part(options));
  return results.every(Boolean);
}

const PARTS: Readonly<Record<string, (options: OracleOptions) => Promise<boolean>>> = {
  set: async ({ record, log }) => {
    const server = new SetServer();
    return withChromium(
      () => server.handler,
      async (browser, sites) => {
        const cases = setCases();
        const verdicts = await judgeSets(cases, browser, sites, server, log);
        const rows = cases.map((each) => ({ ...each, ...verdicts.get(each.id)! }));
        return compareOrRecord("cookies/set.json", browser.version, rows, record, log);
      },
    );
  },
  fresh: (options) => situationPart("cookies/situations.json", false, situations(), options),
  clear: async ({ record, log }) => {
    const server = new ClearServer();
    return withChromium(
      () => server.handler,
      async (browser, sites) => {
        const cases = clearCases();
        const left = await judgeClears(cases, browser, sites, server, log);
        const rows = cases.map((each) => ({ ...each, left: left.get(each.id)! }));
        return compareOrRecord("cookies/clear.json", browser.version, rows, record, log);
      },
    );
  },
  aged: (options) => situationPart("cookies/aged-situations.json", true, situations().filter(isAgedToo), options),
};

function situationPart(
  file: string,
  aged: boolean,
  cases: readonly Situation[],
  { record, log }: OracleOptions,
): Promise<boolean> {
  let opened: Sites | undefined;
  const server = new SituationServer(() => opened!);
  return withChromium(
    () => server.handler,
    async (browser, sites) => {
      opened = sites;
      const verdicts = await judgeSituations(cases, aged, browser, server, log);
      const rows = cases.map((each) => ({ ...each, ...verdicts.get(each.id)! }));
      return compareOrRecord(file, browser.version, rows, record, log);
    },
  );
}
