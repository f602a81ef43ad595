/**
 * `nagare audit` beside Chromium, on ten sites: both must name the same blocked loads. Then the headers that the audit advises are added to
 * the site, until Chromium isolates the page and blocks nothing.
 */

import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import type { HeaderFix } from "../../../src/agent/audit/index.ts";
import { LOOPBACK } from "../../loopback.ts";
import type { JudgeBrowser } from "../browser.ts";
import { withChromium } from "../chromium.ts";
import { withPage } from "../isolation/judge.ts";
import { IsolationServer } from "../isolation/server.ts";
import type { OracleOptions } from "../options.ts";
import type { SiteAnswer, SiteRequest, Sites } from "../sites.ts";
import { auditResponses } from "./responses.ts";
import { AUDIT_SITES, type AuditSite } from "./sites.ts";

const HOSTS: Readonly<Record<string, string>> = {
  A: "site-a.test",
  SUB: "sub.site-a.test",
  B: "site-b.test",
  C: "site-c.test",
};
const TYPES = { html: "text/html", css: "text/css", js: "text/javascript", gif: "image/gif", font: "font/woff2" };
const GIF =
  "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";
/** Rounds of advice: a frame that loads at last may ask for more. */
const MAX_ROUNDS = 4;

/** Serves one site at a time, with the headers that were added to it. */
class SiteServer {
  site: AuditSite | undefined;
  readonly added = new Map<string, Map<string, string>>();
  sites!: Sites;

  readonly handler = ({ host, target }: SiteRequest): SiteAnswer => {
    const name = host.replace(/:\d+$/, "");
    const letter = Object.keys(HOSTS).find((each) => HOSTS[each] === name);
    const path = `${letter}${target.split("?")[0]}`;
    const page = this.site?.pages[path];
    if (page === undefined) return { status: 404, body: "" };
    const fields = new Map([...Object.entries(page.fields ?? {}), ...(this.added.get(path) ?? [])]);
    const { type = "html", location, body = "" } = page;
    if (location !== undefined) return { status: 302, fields: [...fields, ["location", this.expand(location)]] };
    fields.set("content-type", TYPES[type]);
    const head = type === "html" ? '<!doctype html><link rel=icon href="data:,">' : "";
    return { fields: [...fields], body: type === "gif" ? GIF : head + this.expand(body) };
  };

  /** With the origins that the letters stand for. */
  expand(text: string): string {
    return text.replace(/\b(A|SUB|B|C)(?=\/)/g, (letter) => `https://${HOSTS[letter]}:${this.sites.https}`);
  }

  /** The path as sites name it: `B/x.gif`. */
  shorten(url: string): string {
    const { hostname, pathname } = new URL(url);
    return `${Object.keys(HOSTS).find((letter) => HOSTS[letter] === hostname)}${pathname}`;
  }

  add({ url, header, value }: HeaderFix): void {
    const path = this.shorten(url);
    const headers = this.added.get(path) ?? new Map<string, string>();
    this.added.set(path, headers.set(header.toLowerCase(), value));
  }
}

interface Verdict {
  /** `B/x.gif corp-…`, in order. */
  readonly blocked: readonly string[];
  readonly isolated: boolean;
}

export async function audit(options: OracleOptions): Promise<boolean> {
  const agree = await auditSites(options);
  return (await auditResponses(options)) && agree;
}

function auditSites({ only, log }: OracleOptions): Promise<boolean> {
  const server = new SiteServer();
  return withChromium(
    () => server.handler,
    async (browser, sites) => {
      server.sites = sites;
      let agrees = true;
      for (const site of AUDIT_SITES)
        if (site.name.includes(only)) agrees = (await auditSite(site, server, browser, log)) && agrees;
      return agrees;
    },
  );
}

async function auditSite(
  site: AuditSite,
  server: SiteServer,
  browser: JudgeBrowser,
  log: (line: string) => void,
): Promise<boolean> {
  server.site = site;
  server.added.clear();
  let agrees = true;
  for (let round = 0; ; round += 1) {
    const theirs = await askChromium(server, browser);
    const { verdict: ours, fixes } = await runAudit(server);
    const isSame = JSON.stringify(ours) === JSON.stringify(theirs);
    agrees &&= isSame;
    const blocked = theirs.blocked.length === 0 ? "nothing is blocked" : theirs.blocked.join(", ");
    log(
      `${site.name}${round === 0 ? "" : `, after ${round} ${round === 1 ? "round" : "rounds"} of advice`}: ${theirs.isolated ? "isolated" : "not isolated"}; ${blocked}: ${isSame ? "both agree" : `the audit says ${JSON.stringify(ours)}`}`,
    );
    if (theirs.isolated && theirs.blocked.length === 0) return agrees;
    if (round === MAX_ROUNDS || fixes.length === 0) {
      log(`${site.name}: the advice does not isolate the page`);
      return false;
    }
    for (const fix of fixes) server.add(fix);
  }
}

async function askChromium(server: SiteServer, browser: JudgeBrowser): Promise<Verdict> {
  const court = { browser, sites: server.sites, server: new IsolationServer(), log: () => {} };
  return withPage(court, async (page, session) => {
    const urls = new Map<string, string>();
    const blocked = new Set<string>();
    session.on("Network.requestWillBeSent", ({ requestId, request }) => void urls.set(requestId, request.url));
    session.on("Network.loadingFailed", ({ requestId, blockedReason }) => {
      if (blockedReason) blocked.add(`${server.shorten(urls.get(requestId)!)} ${blockedReason}`);
    });
    await session.send("Network.enable");
    await page.goto(server.expand("A/"), { waitUntil: "networkidle" });
    return { blocked: [...blocked].sort(), isolated: (await page.evaluate("crossOriginIsolated")) as boolean };
  });
}

interface JsonFinding {
  readonly id: string;
  readonly url: string;
  readonly evidence: { readonly blockedReason?: string };
  readonly headers?: readonly HeaderFix[];
}

/** The command itself, as users run it. */
async function runAudit(server: SiteServer): Promise<{ verdict: Verdict; fixes: readonly HeaderFix[] }> {
  const args = [
    "audit",
    "--json",
    "-k",
    "--no-dns",
    "--fail-on",
    "never",
    "--only",
    "isolation",
    "--resolve",
    `*:${server.sites.https}:${LOOPBACK}`,
  ];
  const child = spawn(process.execPath, ["dist/cli/main.js", ...args, server.expand("A/")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const { findings } = JSON.parse(await text(child.stdout)) as { findings: readonly JsonFinding[] };
  const blocked = findings
    .filter(({ id }) => id === "isolation/blocked")
    .map(({ url, evidence }) => `${server.shorten(url)} ${evidence.blockedReason}`);
  return {
    verdict: {
      blocked: [...new Set(blocked)].sort(),
      isolated: findings.some(({ id }) => id === "isolation/isolated"),
    },
    fixes: findings.flatMap(({ headers = [] }) => headers),
  };
}
