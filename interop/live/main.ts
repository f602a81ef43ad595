/**
 * Live media against moq-dev's programs: `npm run interop-live`. Our publisher and viewer through moq-relay, moq-cli as publisher and viewer
 * through our relay, in each draft of MoQ Transport that we speak, and each draft joined with each other. A line for each check; exits with
 * 1 if one fails. A check whose peer is not available is skipped, with the reason.
 */

import { createHash, X509Certificate } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../../src/host/udp/free-port.ts";
import { createIdentities } from "../certificates.ts";
import { check } from "../check.ts";
import { Child, runChild } from "../child.ts";
import { debianProgram } from "../install/debian.ts";
import { crateProgram } from "../install/rust.ts";
import { isUdpBound } from "../port.ts";

const MOQ_RELAY = "0.17.10";
const MOQ_CLI = "0.14.10";
const DRAFTS = ["14", "16", "18", "20"] as const;
type Draft = (typeof DRAFTS)[number];

/** Seconds that a viewer watches, and pictures that are too few for them: both sources have 30 a second. */
const WATCHED = 3;
const ENOUGH = 45;

const log = (line: string): void => console.error(line);
const CLI = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));

await mkdir(".cache", { recursive: true });
const directory = await mkdtemp(join(process.cwd(), ".cache", "interop-live-"));
const identity = createIdentities(directory);
const fingerprint = createHash("sha256")
  .update(new X509Certificate(await readFile(identity.certFile)).raw)
  .digest("hex");

const own = (...args: readonly string[]): string[] => [process.execPath, CLI, "live", ...args];
const ffmpeg = (): Promise<string> => debianProgram("ffmpeg", "ffmpeg", log);
const ffprobe = (): Promise<string> => debianProgram("ffprobe", "ffmpeg", log);
/** moq-cli with what it needs to connect. */
async function moq(url: string, draft: Draft): Promise<string[]> {
  const { directory: programs } = await crateProgram("moq-cli", MOQ_CLI, log);
  const flags = ["--connect", url, "--connect-tls-fingerprint", fingerprint];
  return [join(programs, "moq"), ...flags, "--connect-version", `moq-transport-${draft}`];
}

/** Waits until there is something in a file. */
async function untilWritten(child: Child, file: string): Promise<void> {
  await child.until(async () => ((await stat(file).catch(() => undefined))?.size ?? 0) > 0);
}

/** Pictures that a decoder finds; throws if there are too few. */
async function judge(file: string): Promise<string> {
  const { stdout } = await runChild([
    await ffprobe(),
    ...["-v", "error", "-count_frames", "-select_streams", "v", "-show_entries", "stream=codec_name,nb_read_frames"],
    ...["-of", "csv=p=0", file],
  ]);
  const pictures = Number(stdout.trim().split(",")[1]);
  if (!(pictures >= ENOUGH)) throw new Error(`${pictures} pictures, fewer than ${ENOUGH}`);
  return `${pictures} pictures`;
}

/** Our viewer, which writes a file. */
async function watch(url: string, name: string, draft: Draft): Promise<string> {
  const file = join(directory, `${name}-${draft}.mp4`);
  await runChild(
    own("watch", name, "--via", url, "-k", "--draft", draft, "-o", file, "--time", `${WATCHED}s`, "--wait", "15s"),
  );
  return judge(file);
}

/** moq-cli's viewer. It writes until it is stopped. */
async function moqWatches(url: string, name: string, draft: Draft): Promise<string> {
  const file = join(directory, `${name}-moq-${draft}.mp4`);
  const viewer = new Child([
    ...["/bin/sh", "-c", 'file=$1; shift; exec "$@" > "$file"', "sh", file],
    ...(await moq(url, draft)),
    ...["--broadcast", name, "export", "--catalog-format", "hang", "fmp4"],
  ]);
  try {
    await untilWritten(viewer, file);
    await new Promise((resolve) => setTimeout(resolve, WATCHED * 1_000));
  } finally {
    await viewer[Symbol.asyncDispose]();
  }
  return judge(file);
}

/** ffmpeg's pictures, published by moq-cli. It ends by itself. */
async function moqPublishes(url: string, name: string, draft: Draft): Promise<Child> {
  const source = [
    ...["-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30", "-t", "30"],
    ..."-c:v libx264 -preset ultrafast -tune zerolatency -g 30 -f mp4".split(" "),
    ..."-movflags cmaf+empty_moov+default_base_moof+skip_trailer -frag_duration 100000 pipe:1".split(" "),
  ];
  const quoted = [await ffmpeg(), ...source].map((each) => `'${each}'`).join(" ");
  return new Child([
    ...["/bin/sh", "-c", `${quoted} | exec "$@"`, "sh"],
    ...(await moq(url, draft)),
    ...["--broadcast", name, "import", "fmp4"],
  ]);
}

const publish = (url: string, name: string, draft: Draft): Child =>
  new Child(own("publish", name, "--via", url, "-k", "--test-source", "--draft", draft));

async function startMoqRelay(): Promise<{ readonly url: string } & AsyncDisposable> {
  const { directory: programs } = await crateProgram("moq-relay", MOQ_RELAY, log);
  const port = await freePort();
  const tls = ["--listen-tls-cert", identity.certFile, "--listen-tls-key", identity.keyFile];
  const child = new Child([
    join(programs, "moq-relay"),
    "--listen",
    `127.0.0.1:${port}`,
    ...tls,
    "--auth-public",
    "**",
  ]);
  await child.until(() => isUdpBound(port));
  return { url: `https://localhost:${port}/`, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

async function startOwnRelay(): Promise<{ readonly url: string } & AsyncDisposable> {
  const tls = ["--cert", identity.certFile, "--key", identity.keyFile];
  const child = new Child(own("relay", "--port", "0", "--host", "127.0.0.1", ...tls));
  let port: string | undefined;
  await child.until(() => {
    port = /https:\/\/\S+:(\d+)/.exec(child.stdout + child.stderr)?.[1];
    return port !== undefined;
  });
  return { url: `https://localhost:${port}/`, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

async function throughMoqRelay(): Promise<string> {
  await using relay = await startMoqRelay();
  for (const from of DRAFTS) {
    await using publisher = publish(relay.url, `clock${from}`, from);
    for (const to of DRAFTS) {
      await check(`ours in ${from} → moq-relay → ours in ${to}`, () => watch(relay.url, `clock${from}`, to));
    }
    if (!publisher.isRunning) throw new Error(`our publisher ended: ${publisher.lastLine()}`);
  }
  return `moq-relay ${MOQ_RELAY}`;
}

async function throughOwnRelay(): Promise<string> {
  await using relay = await startOwnRelay();
  {
    await using _publisher = publish(relay.url, "clock", "20");
    for (const to of DRAFTS) {
      await check(`ours in 20 → our relay → moq-cli in ${to}`, () => moqWatches(relay.url, "clock", to));
    }
  }
  for (const from of DRAFTS) {
    const name = `film${from}.hang`;
    const other = DRAFTS[DRAFTS.length - 1 - DRAFTS.indexOf(from)]!;
    await using _publisher = await moqPublishes(relay.url, name, from);
    await check(`moq-cli in ${from} → our relay → ours in ${other}`, () => watch(relay.url, name, other));
    await check(`moq-cli in ${from} → our relay → moq-cli in ${other}`, () => moqWatches(relay.url, name, other));
  }
  return `moq-cli ${MOQ_CLI}`;
}

try {
  await check("moq-relay", throughMoqRelay);
  await check("moq-cli", throughOwnRelay);
} finally {
  await rm(directory, { recursive: true, force: true });
}
