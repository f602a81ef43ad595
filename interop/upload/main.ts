/**
 * Resumable uploads against real programs: `npm run interop-upload -- [--only NAME] [--cuts N] [--megabytes N] [--seed S]`.
 * tus-js-client and Uppy upload to our service from Node and from a page in Chromium; our client uploads to tusd; curl plays the
 * client; and uploads in each profile over each version of HTTP are cut at random bytes. Prints a line for each check, and exits with
 * 1 if one fails. A check whose peer is not available is skipped, with the reason.
 */

import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { CHROMIUM, findProgram } from "../../src/cli/find-program.ts";
import { createClient } from "../../src/client/index.ts";
import { createUploads, serve } from "../../src/edge/index.ts";
import { freePort } from "../../src/host/udp/free-port.ts";
import { PROFILE_NAMES } from "../../src/http/resumable-upload/index.ts";
import { createIdentities } from "../certificates.ts";
import { check } from "../check.ts";
import { Child } from "../child.ts";
import { goPackage } from "../install/go.ts";
import { npmPackage } from "../install/npm.ts";
import { Skip } from "../result.ts";
import { PeriodicContent, uploadWithCuts } from "./cuts.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    cuts: { type: "string", default: "20" },
    megabytes: { type: "string", default: "20" },
    seed: { type: "string", default: `${randomBytes(3).readUIntBE(0, 3)}` },
    profile: { type: "string" },
    protocol: { type: "string" },
  },
});
const VERSIONS = ["http/1.1", "h2", "h3"] as const;
const TUSD = "github.com/tus/tusd/v2/cmd/tusd@v2.9.1";
const log = (line: string): void => console.error(line);
const wants = (name: string): boolean => values.only === undefined || values.only === name;

await mkdir(".cache", { recursive: true });
const directory = await mkdtemp(join(process.cwd(), ".cache", "interop-upload-"));
const identity = createIdentities(directory);
const tls = { certFile: identity.certFile, keyFile: identity.keyFile };
const content = randomBytes(5_000_001);
const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const file = join(directory, "file.bin");
await writeFile(file, content);

/** Our service, and what it received last. */
const received = join(directory, "received");
let last: string | undefined;
const uploads = createUploads({
  directory: received,
  cors: true,
  onComplete: ({ path }) => {
    last = path;
  },
  log,
});
const server = await serve({ port: 0, host: "127.0.0.1", tls, log }, (request, context) => {
  const { pathname } = new URL(request.url);
  if (pathname.startsWith("/files")) return uploads.fetch(request, context);
  const script = scripts.get(pathname);
  if (script !== undefined)
    return new Response(createReadStream(script) as never, { headers: { "content-type": "text/javascript" } });
  return new Response("<!doctype html><title>uploads</title>", { headers: { "content-type": "text/html" } });
});
const endpoint = `https://localhost:${server.port}/files/`;
const scripts = new Map<string, string>();

async function expectReceived(): Promise<void> {
  if (last === undefined) throw new Error("nothing was completed");
  if (digest(await readFile(last)) !== digest(content)) throw new Error("the file differs");
  await rm(last);
  last = undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: packages that are installed at run time have no types here.
type Untyped = any;

/** tus-js-client from Node: HTTP/1.1, interrupted once. */
async function tusJsClient(protocol: string, parallelUploads = 1): Promise<string> {
  const modules = await npmPackage("tus-js-client", "tus-js-client@4.3.1", log);
  const tus: Untyped = createRequire(join(modules, "x.js"))("tus-js-client");
  let interruptions = 0;
  await new Promise<void>((resolve, reject) => {
    const upload = new tus.Upload(createReadStream(file), {
      endpoint,
      protocol,
      chunkSize: 1_000_000,
      retryDelays: [0, 10, 100],
      metadata: { filename: "tus.bin" },
      ...(parallelUploads > 1 ? { parallelUploads } : {}),
      httpStack: new tus.DefaultHttpStack({ rejectUnauthorized: false }),
      onError: reject,
      onSuccess: resolve,
      onProgress: (sent: number) => {
        if (parallelUploads > 1 || interruptions > 0 || sent < 2_000_000) return;
        interruptions += 1;
        upload.abort().then(() => upload.start(), reject);
      },
    });
    upload.start();
  });
  await expectReceived();
  return `${content.length} bytes, interrupted ${interruptions} times, identical`;
}

/** Uppy, or tus-js-client, in a page. */
async function inChromium(library: "tus" | "uppy", protocol: string, force: readonly string[]): Promise<string> {
  const executablePath = await findProgram(CHROMIUM, process.env);
  if (executablePath === undefined) throw new Skip("chromium is not installed");
  if (library === "tus") {
    const modules = await npmPackage("tus-js-client", "tus-js-client@4.3.1", log);
    scripts.set("/tus.js", join(modules, "tus-js-client", "dist", "tus.min.js"));
  } else {
    scripts.set("/uppy.js", join(await npmPackage("uppy", "uppy@6.0.1", log), "uppy", "dist", "uppy.min.js"));
  }
  const args = [
    ...force,
    `--ignore-certificate-errors-spki-list=${identity.spkiHash}`,
    "--host-resolver-rules=MAP * 127.0.0.1",
  ];
  const browser = await chromium.launch({ executablePath, args: [...args, "--no-sandbox"] });
  try {
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    await page.goto(`https://localhost:${server.port}/`);
    await page.addScriptTag({ url: `/${library}.js` });
    await page.evaluate(
      ([bytes, at, speaks, by]) =>
        new Promise<void>((resolve, reject) => {
          const binary = atob(bytes!);
          const blob = new Blob([Uint8Array.from(binary, (char) => char.charCodeAt(0))]);
          const scope = globalThis as Untyped;
          if (by === "tus") {
            const options = {
              endpoint: at,
              protocol: speaks,
              chunkSize: 2_000_000,
              onError: reject,
              onSuccess: () => resolve(),
            };
            new scope.tus.Upload(blob, options).start();
            return;
          }
          const uppy = new scope.Uppy.Uppy().use(scope.Uppy.Tus, { endpoint: at, chunkSize: 2_000_000 });
          uppy.addFile({ name: "uppy.bin", type: "application/octet-stream", data: blob });
          uppy
            .upload()
            .then((result: Untyped) => (result.failed.length === 0 ? resolve() : reject(new Error("failed"))), reject);
        }),
      [content.toString("base64"), endpoint, protocol, library] as const,
    );
  } finally {
    await browser.close();
  }
  await expectReceived();
  return `${content.length} bytes, identical`;
}

/** tusd with a folder. */
async function withTusd<T>(args: readonly string[], use: (url: string, folder: string) => Promise<T>): Promise<T> {
  const tusd = await goPackage("tusd", TUSD, log);
  const folder = await mkdtemp(join(directory, "tusd-"));
  const port = await freePort();
  await using child = new Child([tusd, "-host", "127.0.0.1", "-port", `${port}`, "-upload-dir", folder, ...args]);
  const url = `http://127.0.0.1:${port}/files/`;
  await child.until(() =>
    fetch(url, { method: "OPTIONS" }).then(
      () => true,
      () => false,
    ),
  );
  return await use(url, folder);
}

async function toTusd(protocol: "auto" | "tus" | 3 | 4 | 5 | 6, parallel: number): Promise<string> {
  const args = typeof protocol === "number" ? ["-enable-experimental-protocol"] : [];
  return withTusd(args, async (url, folder) => {
    await using client = createClient({ protocols: ["http/1.1"] });
    const outcome = await client.upload(url, file, { protocol, parallel, chunkSize: 2_000_000 });
    const id = new URL(outcome.url!).pathname.split("/").at(-1)!;
    const stored = await readFile(join(folder, id.split("+")[0]!));
    if (digest(stored) !== digest(content)) throw new Error(`the file differs: ${(await readdir(folder)).join(" ")}`);
    return `by ${outcome.protocol}, ${outcome.length} bytes, identical`;
  });
}

console.log(`seed ${values.seed}`);
try {
  if (wants("tus-js-client")) {
    for (const protocol of ["tus-v1", "ietf-draft-03", "ietf-draft-05"]) {
      await check(`tus-js-client in Node, ${protocol}`, () => tusJsClient(protocol));
    }
    await check("tus-js-client in Node, tus-v1, in parallel", () => tusJsClient("tus-v1", 3));
    await check("tus-js-client in Node, ietf-draft-05, in parallel: refused", async () => {
      const outcome = await tusJsClient("ietf-draft-05", 3).then(
        () => "accepted",
        (error: Error) => error.message,
      );
      if (!/400/.test(outcome)) throw new Error(outcome);
      return "400: the upload fails instead of losing parts in silence";
    });
  }
  if (wants("chromium")) {
    const versions = { h3: [`--origin-to-force-quic-on=localhost:${server.port}`], h2: ["--disable-quic"] };
    for (const [version, force] of Object.entries(versions)) {
      for (const protocol of ["tus-v1", "ietf-draft-03", "ietf-draft-05"]) {
        await check(`tus-js-client in Chromium, ${protocol}, ${version}`, () => inChromium("tus", protocol, force));
      }
      await check(`Uppy in Chromium, ${version}`, () => inChromium("uppy", "tus-v1", force));
    }
  }
  if (wants("tusd")) {
    for (const protocol of ["auto", "tus", 3, 4, 5, 6] as const) {
      await check(`our client to tusd 2.9.1, ${protocol}`, () => toTusd(protocol, 1));
    }
    await check("our client to tusd 2.9.1, in parallel", () => toTusd("tus", 4));
  }
  if (wants("cuts")) {
    const length = Math.round(Number(values.megabytes) * 1e6);
    const periodic = new PeriodicContent(length, Number(values.seed));
    const expected = periodic.digest();
    const options = { directory, tls, seed: Number(values.seed), cuts: Number(values.cuts), length };
    for (const name of PROFILE_NAMES) {
      if (values.profile !== undefined && values.profile !== `${name}`) continue;
      for (const protocol of VERSIONS) {
        if (values.protocol !== undefined && values.protocol !== protocol) continue;
        await check(`cuts, ${name === "tus" ? "tus 1.0" : `version ${name}`}, ${protocol}`, () =>
          uploadWithCuts(name, protocol, periodic, expected, options),
        );
      }
    }
  }
} finally {
  await server.close({ timeout: 0 });
  await uploads.close();
  await rm(directory, { recursive: true, force: true });
}
