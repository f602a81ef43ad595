/** Uploads from pages in Chromium: tus-js-client, Uppy, and the page of examples/upload. */

import { createReadStream } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { PAGE } from "../../examples/upload/page.ts";
import { CHROMIUM, findProgram } from "../../src/cli/find-program.ts";
import type { HttpVersion } from "../../src/http/index.ts";
import { npmPackage } from "../install/npm.ts";
import { Skip } from "../result.ts";
import { installUppy, type Untyped } from "./uppy.ts";

export type Library = "tus" | "uppy";

export interface Endpoint {
  readonly port: number;
  readonly endpoint: string;
  /** Of the server's key. */
  readonly spkiHash: string;
  readonly version: HttpVersion;
}

const scripts = new Map<string, string>();
const EXAMPLE = "/example";

/** Pages and scripts of the server that takes the uploads. */
export function answerPage(path: string): Response {
  const script = scripts.get(path);
  if (script !== undefined)
    return new Response(createReadStream(script) as never, { headers: { "content-type": "text/javascript" } });
  const page = path === EXAMPLE ? PAGE : "<!doctype html><title>uploads</title>";
  return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
}

async function launch({ port, spkiHash, version }: Endpoint): Promise<Browser> {
  const executablePath = await findProgram(CHROMIUM, process.env);
  if (executablePath === undefined) throw new Skip("chromium is not installed");
  const speaks = {
    h3: [`--origin-to-force-quic-on=localhost:${port}`],
    h2: ["--disable-quic"],
    "http/1.1": ["--disable-quic", "--disable-http2"],
  };
  const args = [
    ...speaks[version],
    `--ignore-certificate-errors-spki-list=${spkiHash}`,
    "--host-resolver-rules=MAP * 127.0.0.1",
    "--no-sandbox",
  ];
  return chromium.launch({ executablePath, args });
}

/** An upload by a library. Uppy is interrupted once if that is wanted. */
export async function uploadInChromium(
  to: Endpoint,
  given: {
    readonly library: Library;
    readonly protocol: string;
    readonly content: Uint8Array;
    readonly interrupts: boolean;
  },
  log: (line: string) => void,
): Promise<{ readonly interruptions: number }> {
  const { library, protocol, content, interrupts } = given;
  if (library === "tus") {
    const modules = await npmPackage("tus-js-client", "tus-js-client@4.3.1", log);
    scripts.set("/tus.js", join(modules, "tus-js-client", "dist", "tus.min.js"));
  } else scripts.set("/uppy.js", join(await installUppy(log), "uppy", "dist", "uppy.min.js"));
  const browser = await launch(to);
  try {
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    await page.goto(`https://localhost:${to.port}/`);
    await page.addScriptTag({ url: `/${library}.js` });
    const parameters = {
      bytes: Buffer.from(content).toString("base64"),
      endpoint: to.endpoint,
      protocol,
      library,
      interrupts,
    };
    const interruptions = await page.evaluate(
      (upload) =>
        new Promise<number>((resolve, reject) => {
          const binary = atob(upload.bytes);
          const blob = new Blob([Uint8Array.from(binary, (char) => char.charCodeAt(0))]);
          const scope = globalThis as Untyped;
          const options = { endpoint: upload.endpoint, protocol: upload.protocol, chunkSize: 1_000_000 };
          if (upload.library === "tus") {
            new scope.tus.Upload(blob, { ...options, onError: reject, onSuccess: () => resolve(0) }).start();
            return;
          }
          let count = 0;
          const uppy = new scope.Uppy.Uppy().use(scope.Uppy.Tus, options);
          uppy.on("upload-progress", (_file: unknown, progress: Untyped) => {
            if (!upload.interrupts || count > 0 || progress.bytesUploaded < 2_000_000) return;
            count += 1;
            uppy.pauseAll();
            setTimeout(() => uppy.resumeAll(), 50);
          });
          uppy.addFile({ name: "uppy.bin", type: "application/octet-stream", data: blob });
          uppy
            .upload()
            .then(
              (result: Untyped) => (result.failed.length === 0 ? resolve(count) : reject(new Error("failed"))),
              reject,
            );
        }),
      parameters,
    );
    return { interruptions };
  } finally {
    await browser.close();
  }
}

/**
 * Drops a file on the example's page, closes the tab in the middle, opens it again, drops the file again, and takes the network away
 * for a moment. Resolves with the offsets at which the second tab went on.
 */
export async function resumeInPage(to: Endpoint, file: string): Promise<string> {
  const browser = await launch(to);
  try {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const open = async (): Promise<Page> => {
      const page = await context.newPage();
      await page.goto(`https://localhost:${to.port}${EXAMPLE}`);
      return page;
    };
    const first = await open();
    await first.setInputFiles("input", file);
    await first.waitForFunction(() => ((globalThis as Untyped).document.querySelector("progress")?.value ?? 0) > 0);
    await first.close();

    const second = await open();
    const offsets: string[] = [];
    second.on("request", (request) => {
      const { "upload-offset": offset } = request.headers();
      if (request.method() !== "PATCH" || offset === undefined) return;
      offsets.push(offset);
      if (offsets.length === 2) void context.setOffline(true);
    });
    const said = await second.textContent("#uploads");
    if (said?.includes("drop it again to go on") !== true) throw new Error(`the second tab says "${said}"`);
    await second.setInputFiles("input", file);
    await second.getByText("interrupted, goes on by itself").waitFor();
    await context.setOffline(false);
    await second.getByText(": uploaded").waitFor();
    if (offsets[0] === undefined || offsets[0] === "0") throw new Error(`the second tab began at ${offsets[0]}`);
    return `the second tab went on at ${offsets.join(", ")}`;
  } finally {
    await browser.close();
  }
}
