/**
 * Resumable uploads against real programs: `npm run interop-upload -- [--only NAME] [--cuts N] [--megabytes N] [--seconds N] [--seed S]`.
 * tus-js-client and Uppy upload to our service from Node and from a page in Chromium; the page of examples/upload goes on after its tab
 * was closed; @tus/s3-store keeps an upload in a local S3; our client uploads to tusd; and uploads in each profile over each version of HTTP are cut at random bytes. Prints a line for each check, and exits with
 * 1 if one fails. A check whose peer is not available is skipped, with the reason.
 */

import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createClient } from "../../src/client/index.ts";
import { createUploads, serve } from "../../src/edge/index.ts";
import { freePort } from "../../src/host/udp/free-port.ts";
import type { HttpVersion } from "../../src/http/index.ts";
import { PROFILE_NAMES } from "../../src/http/resumable-upload/index.ts";
import { createIdentities } from "../certificates.ts";
import { check } from "../check.ts";
import { Child } from "../child.ts";
import { goPackage } from "../install/go.ts";
import { npmPackage } from "../install/npm.ts";
import { answerPage, type Library, resumeInPage, uploadInChromium } from "./chromium.ts";
import { PeriodicContent, uploadWithCuts } from "./cuts.ts";
import { toS3 } from "./s3.ts";
import { type Untyped, uploadWithUppy } from "./uppy.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    cuts: { type: "string", default: "20" },
    megabytes: { type: "string", default: "20" },
    /** After so many, no other combination of cuts begins. */
    seconds: { type: "string", default: "3600" },
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

/** Our service, what it received last, and the protocols that were spoken with it meanwhile. */
const received = join(directory, "received");
let last: string | undefined;
const seen = new Set<string>();
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
  if (pathname.startsWith("/files")) {
    const version = request.headers.get("upload-draft-interop-version");
    seen.add(`${context.protocol}, ${version === null ? "tus 1.0" : `version ${version}`}`);
    return uploads.fetch(request, context);
  }
  return answerPage(pathname);
});
const endpoint = `https://localhost:${server.port}/files/`;

/** Resolves with what was spoken. */
async function expectReceived(expected: Uint8Array = content): Promise<string> {
  if (last === undefined) throw new Error("nothing was completed");
  if (digest(await readFile(last)) !== digest(expected)) throw new Error("the file differs");
  await rm(last);
  last = undefined;
  const spoken = [...seen].join("; ");
  seen.clear();
  return `${expected.length} bytes by ${spoken}, identical`;
}

/** The same, of an upload from a page. */
async function inChromium(
  library: Library,
  protocol: string,
  version: HttpVersion,
  interrupts = false,
): Promise<string> {
  const at = { port: server.port!, endpoint, spkiHash: identity.spkiHash, version };
  const { interruptions } = await uploadInChromium(at, { library, protocol, content, interrupts }, log);
  return `${await expectReceived()}, interrupted ${interruptions} times`;
}

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
  return `${await expectReceived()}, interrupted ${interruptions} times`;
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
  if (wants("uppy")) {
    for (const protocol of ["tus-v1", "ietf-draft-03", "ietf-draft-05"]) {
      await check(`Uppy in Node, ${protocol}`, async () => {
        const { interruptions } = await uploadWithUppy(endpoint, protocol, content, log);
        return `${await expectReceived()}, interrupted ${interruptions} times`;
      });
    }
  }
  if (wants("chromium")) {
    for (const version of VERSIONS) {
      for (const protocol of ["tus-v1", "ietf-draft-03", "ietf-draft-05"]) {
        await check(`tus-js-client in Chromium, ${protocol}, ${version}`, () => inChromium("tus", protocol, version));
        await check(`Uppy in Chromium, ${protocol}, ${version}`, () => inChromium("uppy", protocol, version, true));
      }
    }
  }
  if (wants("page")) {
    for (const version of VERSIONS) {
      await check(`the page of examples/upload in Chromium, ${version}`, async () => {
        const large = randomBytes(40_000_000);
        await writeFile(join(directory, "large.bin"), large);
        const at = { port: server.port!, endpoint, spkiHash: identity.spkiHash, version };
        const told = await resumeInPage(at, join(directory, "large.bin"));
        return `${await expectReceived(large)}; ${told}`;
      });
    }
  }
  if (wants("s3")) {
    await check("@tus/s3-store 2.0.7 on gofakes3 1.2.0", () => toS3(tls, file, content, log));
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
    const combinations = PROFILE_NAMES.flatMap((name) => VERSIONS.map((protocol) => ({ name, protocol }))).filter(
      ({ name, protocol }) =>
        (values.profile === undefined || values.profile === `${name}`) &&
        (values.protocol === undefined || values.protocol === protocol),
    );
    const until = performance.now() + Number(values.seconds) * 1_000;
    let begun = 0;
    let identical = 0;
    for (const { name, protocol } of combinations) {
      if (performance.now() > until) break;
      begun += 1;
      const title = `cuts, ${name === "tus" ? "tus 1.0" : `version ${name}`}, ${protocol}`;
      if (await check(title, () => uploadWithCuts(name, protocol, periodic, expected, options))) identical += 1;
    }
    console.log(
      `cuts: ${identical} of ${begun} combinations of profile and version identical after ${values.cuts} cuts in ${values.megabytes} MB each; ${combinations.length - begun} not begun`,
    );
  }
} finally {
  await server.close({ timeout: 0 });
  await uploads.close();
  await rm(directory, { recursive: true, force: true });
}
