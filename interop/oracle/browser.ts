/** Chromium as a judge: a fresh profile, every name on loopback, one process for all frames. */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BrowserContext, type CDPSession, chromium, type Page } from "playwright-core";
import { CHROMIUM, findProgram } from "../../src/cli/find-program.ts";
import { LOOPBACK } from "../loopback.ts";
import { Skip } from "../result.ts";

export interface JudgeBrowser {
  readonly version: string;
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/** `thirdPartyCookies`: Chromium blocks them here unless the profile says otherwise. */
export async function startBrowser(folder: string, options: { thirdPartyCookies: boolean }): Promise<JudgeBrowser> {
  const executablePath = await findProgram(CHROMIUM, process.env);
  if (executablePath === undefined) throw new Skip("Chromium is not installed");
  const profile = join(folder, "profile");
  await mkdir(join(profile, "Default"), { recursive: true });
  if (options.thirdPartyCookies) {
    const preferences = { profile: { cookie_controls_mode: 0, block_third_party_cookies: false } };
    await writeFile(join(profile, "Default", "Preferences"), JSON.stringify(preferences));
  }
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    ignoreHTTPSErrors: true,
    args: [
      "--no-sandbox",
      `--host-resolver-rules=MAP * ${LOOPBACK}`,
      // The events of all frames then arrive on the page's session; cookies are not judged in the frame's process.
      "--disable-site-isolation-trials",
      "--disable-features=IsolateOrigins,site-per-process,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable",
    ],
  });
  const version = context.browser()?.version() ?? (await versionOf(context));
  return { version, context, close: () => context.close() };
}

async function versionOf(context: BrowserContext): Promise<string> {
  const page = context.pages()[0] ?? (await context.newPage());
  const session = await context.newCDPSession(page);
  const { product } = await session.send("Browser.getVersion");
  await session.detach();
  return product.replace(/^.*\//, "");
}

/** What Chromium says about one cookie of a request. */
export interface SentCookie {
  readonly name: string;
  /** Empty if the request carries it. */
  readonly reasons: readonly string[];
}

export interface RefusedLine {
  readonly line: string;
  readonly reasons: readonly string[];
}

/** A request with its redirects: the events of each hop, in order. */
interface Hops {
  readonly urls: string[];
  readonly sent: (readonly SentCookie[])[];
  readonly refused: (readonly RefusedLine[])[];
}

/** A page and what its session reports about cookies. */
export class JudgePage {
  readonly page: Page;
  readonly session: CDPSession;
  readonly #requests = new Map<string, Hops>();
  readonly #waiting: (() => void)[] = [];

  private constructor(page: Page, session: CDPSession) {
    this.page = page;
    this.session = session;
    session.on("Network.requestWillBeSent", ({ requestId, request }) => {
      this.#hops(requestId).urls.push(request.url);
    });
    session.on("Network.requestWillBeSentExtraInfo", ({ requestId, associatedCookies }) => {
      this.#hops(requestId).sent.push(
        associatedCookies.map(({ cookie, blockedReasons }) => ({ name: cookie.name, reasons: blockedReasons })),
      );
    });
    session.on("Network.responseReceivedExtraInfo", ({ requestId, blockedCookies }) => {
      this.#hops(requestId).refused.push(
        blockedCookies.map(({ cookieLine, blockedReasons }) => ({ line: cookieLine, reasons: blockedReasons })),
      );
    });
  }

  static async open(context: BrowserContext): Promise<JudgePage> {
    const page = await context.newPage();
    const session = await context.newCDPSession(page);
    await session.send("Network.enable");
    return new JudgePage(page, session);
  }

  /** The last hop of the request whose URL contains `text`; undefined if its events do not arrive within `patience` ms. */
  async lastHop(
    text: string,
    patience = 1_000,
  ): Promise<{ sent: readonly SentCookie[]; refused: readonly RefusedLine[] } | undefined> {
    const deadline = performance.now() + patience;
    for (;;) {
      for (const { urls, sent, refused } of this.#requests.values()) {
        if (urls.at(-1)?.includes(text) !== true) continue;
        if (sent.length >= urls.length && refused.length >= urls.length)
          return { sent: sent.at(-1)!, refused: refused.at(-1)! };
      }
      const left = deadline - performance.now();
      if (left <= 0) return undefined;
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        setTimeout(resolve, left);
      });
    }
  }

  forget(): void {
    this.#requests.clear();
  }

  #hops(requestId: string): Hops {
    let hops = this.#requests.get(requestId);
    if (hops === undefined) {
      hops = { urls: [], sent: [], refused: [] };
      this.#requests.set(requestId, hops);
    }
    // The caller adds to it first.
    queueMicrotask(() => {
      for (const resolve of this.#waiting.splice(0)) resolve();
    });
    return hops;
  }
}
