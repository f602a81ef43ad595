/** Chromium and the sites of every host, for as long as a part of an oracle runs. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createIdentities } from "../certificates.ts";
import { type JudgeBrowser, startBrowser } from "./browser.ts";
import { type SiteHandler, type Sites, startSites } from "./sites.ts";

export async function withChromium<T>(
  handler: () => SiteHandler,
  use: (browser: JudgeBrowser, sites: Sites) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "nagare-oracle-"));
  const { certFile, keyFile } = createIdentities(folder);
  const identity = { cert: await readFile(certFile, "utf8"), key: await readFile(keyFile, "utf8") };
  const sites = await startSites(identity, handler());
  let browser: JudgeBrowser | undefined;
  try {
    browser = await startBrowser(folder, { thirdPartyCookies: true });
    return await use(browser, sites);
  } finally {
    await browser?.close();
    await sites.close();
    await rm(folder, { recursive: true, force: true });
  }
}
