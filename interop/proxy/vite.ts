/** Chromium with Vite's development server behind the proxy: the page, its WebSocket, and an edit that reaches the page. */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { CHROMIUM, findProgram } from "../../src/cli/find-program.ts";
import { freePort } from "../../src/host/udp/free-port.ts";
import { Child } from "../child.ts";
import { debianProgram } from "../install/debian.ts";
import { npmPackage } from "../install/npm.ts";
import { isListening, type Protocol } from "./origins.ts";

const VITE = "8.3.8";
const NEXT_HOP: Readonly<Record<Protocol, string>> = { "http/1.1": "http/1.1", h2: "h2", h3: "h3" };

const moduleWith = (text: string): string => `
document.querySelector("output").textContent = ${JSON.stringify(text)};
import.meta.hot.accept();
`;

export interface Vite extends AsyncDisposable {
  readonly url: string;
  /** Saves the module of the page. */
  edit(text: string): Promise<void>;
}

export async function startVite(directory: string, log: (line: string) => void): Promise<Vite> {
  const modules = await npmPackage("vite", `vite@${VITE}`, log);
  const folder = join(directory, "vite");
  await mkdir(folder);
  const edit = (text: string): Promise<void> => writeFile(join(folder, "main.js"), moduleWith(text));
  await edit("first");
  await writeFile(join(folder, "index.html"), '<output></output><script type="module" src="/main.js"></script>');
  const port = await freePort();
  const vite = join(modules, "vite/bin/vite.js");
  const flags = ["--host", "127.0.0.1", "--port", String(port), "--strictPort"];
  const child = new Child([process.execPath, vite, ...flags], { cwd: folder });
  await child.until(() => isListening(port));
  return { url: `http://127.0.0.1:${port}`, edit, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

/** `url` is the proxy's, and `spkiHash` names the key of its certificate. */
export async function updatesPage(
  vite: Vite,
  url: string,
  spkiHash: string,
  protocol: Protocol,
  log: (line: string) => void,
): Promise<string> {
  const path = (await findProgram(CHROMIUM, process.env)) ?? (await debianProgram("chromium", "chromium", log));
  const choice = {
    "http/1.1": ["--disable-quic", "--disable-http2"],
    h2: ["--disable-quic"],
    h3: [`--origin-to-force-quic-on=${new URL(url).host}`],
  }[protocol];
  const browser = await chromium.launch({
    executablePath: path,
    args: [...choice, `--ignore-certificate-errors-spki-list=${spkiHash}`],
  });
  try {
    await vite.edit("first");
    const page = await browser.newPage();
    const connected = new Promise<void>((resolve) => {
      page.on("websocket", (socket) => {
        socket.on("framereceived", ({ payload }) => {
          if (String(payload).includes('"connected"')) resolve();
        });
      });
    });
    await page.goto(url);
    await page.getByText("first").waitFor();
    await connected;
    const used = await page.evaluate(() => {
      Object.assign(globalThis, { isSamePage: true });
      const [entry] = performance.getEntriesByType("navigation" as "resource");
      return (entry as unknown as { nextHopProtocol: string }).nextHopProtocol;
    });
    if (used !== NEXT_HOP[protocol]) throw new Error(`the page came over ${used}, not ${protocol}`);
    const start = performance.now();
    await vite.edit("second");
    await page.getByText("second").waitFor();
    const isSamePage = await page.evaluate(() => "isSamePage" in globalThis);
    if (!isSamePage) throw new Error("the page was loaded again");
    return `Chromium over ${used}: an edit was in the page after ${(performance.now() - start).toFixed(0)} ms`;
  } finally {
    await browser.close();
  }
}
