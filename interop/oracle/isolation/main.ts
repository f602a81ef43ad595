/** The vectors of isolation: makes the cases, asks Chromium, and records or compares. */

import {
  frameCases,
  headerCases,
  pageCases,
  popupCases,
  resourceCases,
  workerCases,
} from "../../../src/lab/policies/isolation-cases.ts";
import { allowlistCases, reportCases } from "../../../src/lab/policies/more-isolation-cases.ts";
import { withChromium } from "../chromium.ts";
import type { OracleOptions } from "../options.ts";
import { compareOrRecord } from "../vectors.ts";
import { type Court, judgeFrames, judgeHeaders, judgePages, judgeResources, judgeWorkers } from "./judge.ts";
import { judgeAllowlists, judgeReports } from "./judge-more.ts";
import { judgePopups } from "./judge-popups.ts";
import { IsolationServer } from "./server.ts";

interface Part {
  readonly cases: readonly { readonly id: string }[];
  judge(court: Court): Promise<ReadonlyMap<string, object>>;
}

const part = <Case extends { readonly id: string }>(
  cases: readonly Case[],
  judge: (court: Court, cases: readonly Case[]) => Promise<ReadonlyMap<string, object>>,
): Part => ({ cases, judge: (court) => judge(court, cases) });

const PARTS: Readonly<Record<string, () => Part>> = {
  headers: () => part(headerCases(), judgeHeaders),
  pages: () => part(pageCases(), judgePages),
  resources: () => part(resourceCases(), judgeResources),
  frames: () => part(frameCases(), judgeFrames),
  workers: () => part(workerCases(), judgeWorkers),
  popups: () => part(popupCases(), judgePopups),
  allowlists: () => part(allowlistCases(), judgeAllowlists),
  reports: () => part(reportCases(), judgeReports),
};

export async function isolation({ record, only, log }: OracleOptions): Promise<boolean> {
  let agrees = true;
  for (const [name, make] of Object.entries(PARTS)) {
    if (!name.includes(only)) continue;
    const { cases, judge } = make();
    const server = new IsolationServer();
    agrees =
      (await withChromium(
        () => server.handler,
        async (browser, sites) => {
          const verdicts = await judge({ browser, sites, server, log });
          const rows = cases.map((each) => ({ ...each, ...verdicts.get(each.id) }));
          return compareOrRecord(`isolation/${name}.json`, browser.version, rows, record, log);
        },
      )) && agrees;
  }
  return agrees;
}
