/** Chromium, driven by playwright-core. */

import { type Browser, chromium as playwright } from "playwright-core";
import { CHROMIUM, findProgram } from "../../src/cli/find-program.ts";
import type { CellFolder } from "../cell.ts";
import { HOST } from "../certificates.ts";
import { debianProgram, versionOf } from "../install/debian.ts";
import type { ClientRole, Feature, PeerEntry, ProtocolName } from "../peer.ts";

const FEATURES: ReadonlySet<Feature> = new Set(["h2", "http/1.1", "page", "retry"]);

export const chromium: PeerEntry = {
  name: "chromium",
  roles: ["server"],
  async install(log) {
    const path = (await findProgram(CHROMIUM, process.env)) ?? (await debianProgram("chromium", "chromium", log));
    return { version: await versionOf([path, "--version"]), client: clientRole(path) };
  },
};

/**
 * Forces HTTP/3, because Chromium accepts Alt-Svc only with certificates of public authorities; ours is accepted by the
 * hash of its key. Every name resolves to loopback, so the browser's background requests stay local too.
 */
function launch(path: string, port: number, protocol: ProtocolName, cell: CellFolder): Promise<Browser> {
  const choice = {
    h3: [`--origin-to-force-quic-on=${HOST}:${port}`],
    h2: ["--disable-quic"],
    "http/1.1": ["--disable-quic", "--disable-http2"],
  }[protocol];
  return playwright.launch({
    executablePath: path,
    timeout: 30_000,
    args: [
      ...choice,
      `--ignore-certificate-errors-spki-list=${cell.identity.spkiHash}`,
      "--host-resolver-rules=MAP * 127.0.0.1",
    ],
  });
}

/** Runs `use` in a browser, which is closed afterwards or when the cell's time is up. */
async function withBrowser<T>(
  path: string,
  port: number,
  protocol: ProtocolName,
  cell: CellFolder,
  use: (browser: Browser) => Promise<T>,
): Promise<T> {
  const browser = await launch(path, port, protocol, cell);
  const close = (): void => void browser.close();
  cell.signal.addEventListener("abort", close, { once: true });
  try {
    return await use(browser);
  } finally {
    cell.signal.removeEventListener("abort", close);
    await browser.close();
  }
}

const clientRole = (path: string): ClientRole => ({
  features: FEATURES,
  download: (request, cell) =>
    withBrowser(path, request.port, request.protocol, cell, async (browser) => {
      const page = await browser.newPage();
      await page.goto(`https://${HOST}:${request.port}${cell.site.page}`);
      const { sha256, protocols } = await page.evaluate(fetchAll, request.paths);
      return { sha256, protocol: [...new Set(protocols)].join(" and ") as ProtocolName };
    }),
  loadPage: (port, cell) =>
    withBrowser(path, port, "h3", cell, async (browser) => {
      const page = await browser.newPage();
      await page.goto(`https://${HOST}:${port}${cell.site.page}`, { waitUntil: "load" });
      return page.evaluate(() =>
        [...performance.getEntriesByType("navigation" as "resource"), ...performance.getEntriesByType("resource")].map(
          (entry) => (entry as unknown as { nextHopProtocol: string }).nextHopProtocol,
        ),
      );
    }),
});

/** Runs in the page: returns the digests of all paths, and the protocols used. */
async function fetchAll(paths: readonly string[]): Promise<{ sha256: string[]; protocols: string[] }> {
  performance.setResourceTimingBufferSize(paths.length + 100);
  const digest = async (path: string): Promise<string> => {
    const response = await fetch(path, { cache: "no-store" } as RequestInit);
    if (!response.ok) throw new Error(`status ${response.status} for ${path}`);
    const hash = await crypto.subtle.digest("SHA-256", await response.arrayBuffer());
    return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  };
  const sha256 = await Promise.all(paths.map(digest));
  const requested = new Set(paths);
  const entries = performance.getEntriesByType("resource") as unknown as { name: string; nextHopProtocol: string }[];
  const protocols = entries
    .filter(({ name }) => requested.has(new URL(name).pathname))
    .map(({ nextHopProtocol }) => nextHopProtocol);
  return { sha256, protocols };
}
