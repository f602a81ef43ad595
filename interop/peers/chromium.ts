/** Chromium, driven by playwright-core. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Browser, chromium as playwright } from "playwright-core";
import { CHROMIUM, findProgram } from "../../src/cli/find-program.ts";
import type { CellFolder } from "../cell.ts";
import { HOST } from "../certificates.ts";
import { debianProgram, versionOf } from "../install/debian.ts";
import { LOOPBACK, type LoopbackHost } from "../loopback.ts";
import type {
  ClientRole,
  EndedSession,
  Feature,
  HttpName,
  PeerEntry,
  ProtocolName,
  WebTransportClient,
} from "../peer.ts";
import { exercise, SUBPROTOCOLS } from "../webtransport/exercise.ts";

const FEATURES: ReadonlySet<Feature> = new Set(["h2", "http/1.1", "hybrid", "page", "retry"]);

export const chromium: PeerEntry = {
  name: "chromium",
  about: "Google's QUICHE, BoringSSL",
  roles: ["server"],
  async install(log) {
    const path = await find(log);
    return {
      version: await versionOf([path, "--version"]),
      client: clientRole(path),
      webTransport: { client: sessions(path) },
    };
  },
};

/** The same browser without UDP to the server: sessions run over a WebSocket, by nagare/webtransport/browser. */
export const chromiumWithoutUdp: PeerEntry = {
  ...chromium,
  name: "chromium-tcp",
  about: "Chromium without UDP to the server, and nagare/webtransport/browser in the page",
  async install(log) {
    const { version } = await chromium.install(log);
    return { version, webTransport: { client: { ...sessions(await find(log), true), withoutUdp: true } } };
  },
};

const find = async (log: (line: string) => void): Promise<string> =>
  (await findProgram(CHROMIUM, process.env)) ?? (await debianProgram("chromium", "chromium", log));

/**
 * Forces HTTP/3, because over QUIC Chromium accepts a private certificate only for hosts named in this option; ours is
 * accepted by the hash of its key. Every name resolves to loopback, so the browser's background requests stay local too.
 */
const choiceOf = (port: number, protocol: HttpName): readonly string[] =>
  ({
    h3: [`--origin-to-force-quic-on=${HOST}:${port}`],
    h2: ["--disable-quic"],
    "http/1.1": ["--disable-quic", "--disable-http2"],
  })[protocol];

/** Every name is an address of loopback. */
const resolving = (host: LoopbackHost = LOOPBACK): string =>
  `--host-resolver-rules=MAP * ${host === "::1" ? "[::1]" : host}`;

function launch(path: string, choice: readonly string[], cell: CellFolder): Promise<Browser> {
  return playwright.launch({
    executablePath: path,
    timeout: 30_000,
    args: [...choice, `--ignore-certificate-errors-spki-list=${cell.identity.spkiHash}`],
  });
}

/** Runs `use` in a browser, which is closed afterwards or when the cell's time is up. */
async function withBrowser<T>(
  path: string,
  choice: readonly string[],
  cell: CellFolder,
  use: (browser: Browser) => Promise<T>,
): Promise<T> {
  const browser = await launch(path, choice, cell);
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
    withBrowser(
      path,
      [...choiceOf(request.port, request.protocol as HttpName), resolving(request.host)],
      cell,
      async (browser) => {
        const page = await browser.newPage();
        await page.goto(`https://${HOST}:${request.port}${cell.site.page}`);
        const { sha256, protocols } = await page.evaluate(fetchAll, request.paths);
        return { sha256, protocol: [...new Set(protocols)].join(" and ") as ProtocolName };
      },
    ),
  loadPage: (port, cell) =>
    withBrowser(path, [...choiceOf(port, "h3"), resolving()], cell, async (browser) => {
      const page = await browser.newPage();
      await page.goto(`https://${HOST}:${port}${cell.site.page}`, { waitUntil: "load" });
      return page.evaluate(() =>
        [...performance.getEntriesByType("navigation" as "resource"), ...performance.getEntriesByType("resource")].map(
          (entry) => (entry as unknown as { nextHopProtocol: string }).nextHopProtocol,
        ),
      );
    }),
  async browse(port, cell, use) {
    const log = join(cell.directory, "net-log.json");
    // Names another port of the host: HTTP/3 is not forced, but the private certificate is accepted over QUIC.
    const choice = [resolving(), `--origin-to-force-quic-on=${HOST}:1`, `--log-net-log=${log}`];
    const origin = `https://${HOST}:${port}`;
    await withBrowser(path, choice, cell, async (browser) => {
      const page = await browser.newPage();
      await use(async (asked) => {
        await page.goto(`${origin}${asked}`);
        return page.evaluate(
          () =>
            (performance.getEntriesByType("navigation" as "resource")[0] as unknown as { nextHopProtocol: string })
              .nextHopProtocol,
        );
      });
    });
    return alternativesIn(await readFile(log, "utf8"), origin);
  },
});

/** Where the page gets our modules from. */
const SCRIPTS = "/nagare/";
const BROWSER_ENTRY = "client/webtransport/browser/index.js";

/** Sessions need no flag: they go by the certificate's hash. The page itself comes over TCP, where a flag accepts the key. */
const sessions = (path: string, withoutUdp = false): WebTransportClient => ({
  open: (port, closer, cell) =>
    withBrowser(path, [resolving()], cell, async (browser) => {
      const page = await browser.newPage();
      // Servers need not serve a page. With a WebSocket it must be the server's: no page of the internet may reach loopback.
      if (!withoutUdp) await page.route("**", (route) => route.fulfill({ contentType: "text/html", body: "" }));
      await page.route(`**${SCRIPTS}**`, async (route) => {
        const body = await readFile(new URL(`../../src/${route.request().url().split(SCRIPTS)[1]}`, import.meta.url));
        await route.fulfill({ contentType: "text/javascript", body });
      });
      await page.goto(`https://${HOST}:${port}/`);
      const options = JSON.stringify(SUBPROTOCOLS);
      return page.evaluate<EndedSession>(`(async () => {
        ${withoutUdp ? `const { WebTransport, WebTransportError } = await import("${SCRIPTS}${BROWSER_ENTRY}");` : ""}
        const session = new WebTransport(location.origin + "/${closer}", {
          serverCertificateHashes: [{ algorithm: "sha-256", value: new Uint8Array([${cell.identity.certificateHash.join()}]) }],
          protocols: ${options},
        });
        await session.ready;
        if (${withoutUdp} && session.reliability !== "reliable-only") throw new Error("the session is not over a WebSocket");
        const errorWith = (streamErrorCode) => new WebTransportError({ streamErrorCode });
        const end = await (${exercise})(session, errorWith, ${closer === "client-closes"});
        return { protocol: session.protocol ?? "", closeCode: end.closeCode, reason: end.reason };
      })()`);
    }),
});

/** The paths of `origin` for which this network log shows a known alternative service, even a broken one. */
function alternativesIn(log: string, origin: string): ReadonlySet<string> {
  const { constants, events } = JSON.parse(log) as {
    readonly constants: { readonly logEventTypes: Readonly<Record<string, number>> };
    readonly events: readonly {
      readonly type: number;
      readonly source: { readonly id: number };
      readonly params?: { readonly url?: string };
    }[];
  };
  const { HTTP_STREAM_JOB_CONTROLLER: asked, HTTP_STREAM_JOB_CONTROLLER_ALT_SVC_FOUND: found } =
    constants.logEventTypes;
  const urls = new Map<number, string>();
  const paths = new Set<string>();
  for (const { type, source, params } of events) {
    if (type === asked && params?.url?.startsWith(origin)) urls.set(source.id, params.url.slice(origin.length));
    if (type === found && urls.has(source.id)) paths.add(urls.get(source.id)!);
  }
  return paths;
}

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
