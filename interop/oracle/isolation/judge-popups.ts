/** Asks Chromium whether popups keep their opener. */

import type { Frame, Page } from "playwright-core";
import { HOSTS, headersText, type PopupCase } from "../../../src/lab/policies/isolation-cases.ts";
import { byKey, type Court, withPage } from "./judge.ts";
import { hopTo, urlOf } from "./server.ts";

/** Milliseconds for a popup to say something: an error page never does. */
const PATIENCE = 2_000;

export async function judgePopups(court: Court, cases: readonly PopupCase[]): Promise<ReadonlyMap<string, object>> {
  const verdicts = new Map<string, object>();
  let number = 0;
  const isKept = (opener: Frame, each: PopupCase) => judgeOne(court, opener, each, `p${number++}`);
  for (const group of byKey(cases, ({ opener, frame, sandbox }) => `${headersText(opener)} ${frame} ${sandbox}`)) {
    court.log(`${verdicts.size} of ${cases.length} popups`);
    await withPage(court, async (page) => {
      const opener = await openerOf(court, page, group[0]!);
      for (const each of group) {
        // Now and then a new process is late.
        const keepsOpener = (await isKept(opener, each)) ?? (await isKept(opener, each));
        if (keepsOpener === undefined) court.log(`${each.id}: the popup says nothing`);
        verdicts.set(each.id, { keepsOpener: keepsOpener ?? "silent" });
        for (const other of court.browser.context.pages()) if (other !== page) await other.close();
      }
    });
  }
  return verdicts;
}

/** The document that opens popups. */
async function openerOf({ sites }: Court, page: Page, { opener, frame }: PopupCase): Promise<Frame> {
  await page.goto(urlOf(sites, "doc", { to: "same-origin", headers: opener }).href);
  if (frame === undefined) return page.mainFrame();
  const headers = { coep: "require-corp", corp: "cross-origin" } as const;
  const url = urlOf(sites, "doc", { to: frame, headers, n: "frame" });
  await page.evaluate(
    `new Promise((resolve) => { const frame = document.createElement("iframe"); frame.onload = resolve; frame.src = ${JSON.stringify(url.href)}; document.body.append(frame); })`,
  );
  const found = page.frames().find((each) => each.url().includes(`${HOSTS[frame]}`) && each !== page.mainFrame());
  if (found === undefined) throw new Error(`no frame ${frame}`);
  return found;
}

async function judgeOne(
  { sites, server }: Court,
  opener: Frame,
  each: PopupCase,
  n: string,
): Promise<boolean | undefined> {
  const { to, popup, via, next } = each;
  const target = urlOf(sites, "doc", { to, headers: popup, n });
  const url = via === undefined ? target : hopTo(target, sites, { to: via.to, headers: via.page });
  await opener.evaluate(`void ((self.opened ??= {})["${n}"] = window.open(${JSON.stringify(url.href)}))`);
  const first = await server.seen(n, PATIENCE);
  if (first === undefined) return undefined;
  let keeps = first.get("opener") === "true";
  if (next !== undefined && keeps) {
    const after = `${n}then`;
    const place = urlOf(sites, "doc", { to: next.to, headers: next.page, n: after });
    await opener.evaluate(`void (self.opened["${n}"].location = ${JSON.stringify(place.href)})`);
    keeps = (await server.seen(after, PATIENCE))?.get("opener") === "true";
  }
  return keeps;
}
