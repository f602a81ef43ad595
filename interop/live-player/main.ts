/**
 * `<nagare-live>` in Chromium, on the page of our relay: `npm run interop-player`. Plays the built-in source and ffmpeg's pictures in
 * drafts 18 and 20, by WebCodecs and by Media Source Extensions, over HTTP/3 and, without UDP, over a WebSocket. Each frame has its
 * number burnt in, which is read back from the page. Prints latency from the encoder's clock to the screen, and sound that was missing.
 * `--seconds N` measures each for that long.
 */

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Browser, chromium } from "playwright-core";
import { CHROMIUM, findProgram } from "../../src/cli/find-program.ts";
import { check } from "../check.ts";
import { Child, runChild } from "../child.ts";
import { debianProgram } from "../install/debian.ts";
import { isPlaying, type Measured, measure } from "./measure.ts";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "8" } } });
const SECONDS = Number(values.seconds);
/** Milliseconds from the encoder to the screen. */
const MOST_LATENCY = 500;
/** Of the frames that were read back: the others fell between two pictures. */
const ENOUGH = 0.95;
/** Milliseconds for a player to settle. */
const SETTLING = 4_000;

await mkdir(".cache", { recursive: true });
const directory = await mkdtemp(join(process.cwd(), ".cache", "interop-player-"));
const CLI = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));
const log = (line: string): void => console.error(line);
const own = (...args: readonly string[]): string[] => [process.execPath, CLI, "live", ...args];

interface Relay extends AsyncDisposable {
  readonly url: string;
}

async function startRelay(...args: readonly string[]): Promise<Relay> {
  const child = new Child(own("relay", "--port", "0", "--host", "127.0.0.1", "--test-source", ...args));
  let url: string | undefined;
  await child.until(() => {
    url = /^https:\S+/m.exec(child.stdout)?.[0];
    return url !== undefined;
  });
  return { url: url!, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

/** Bits of a frame's number, as white boxes of 40 pixels along the top. */
const BITS = 12;
const BOX = 40;

/** 640 × 360 with 30 frames and one group in a second, and a tone. */
async function publishFilm(relay: Relay): Promise<AsyncDisposable> {
  const boxes = Array.from({ length: BITS }, (_, bit) => {
    const isSet = `gte(mod(n\\,${2 ** (bit + 1)})\\,${2 ** bit})`;
    return `drawbox=x=${bit * BOX}:y=0:w=${BOX}:h=${BOX}:color=white:t=fill:enable='${isSet}'`;
  });
  const paper = `drawbox=x=0:y=0:w=${BITS * BOX}:h=${BOX}:color=black:t=fill`;
  const film = [
    ...["-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30"],
    ...["-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"],
    ...["-vf", [paper, ...boxes].join(",")],
    ..."-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g 30 -b:v 1M -c:a aac -b:a 96k".split(" "),
    ..."-f mp4 -write_prft wallclock -movflags +cmaf+frag_every_frame+skip_trailer pipe:1".split(" "),
  ];
  // A pipe of a shell would outlive it.
  const pipe = join(directory, `film-${new URL(relay.url).port}`);
  await runChild(["mkfifo", pipe]);
  const encoder = new Child(["/bin/sh", "-c", 'exec "$@" > "$0"', pipe, await debianProgram("ffmpeg", "ffmpeg", log), ...film]);
  const publisher = new Child(["/bin/sh", "-c", 'exec "$@" < "$0"', pipe, ...own("publish", "film", "--via", relay.url, "-k")]);
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all([encoder[Symbol.asyncDispose](), publisher[Symbol.asyncDispose]()]);
    },
  };
}

interface Case {
  readonly name: "clock" | "film";
  readonly dialect: "moqt-18" | "moqt-20";
  readonly engine: "webcodecs" | "mse";
}

async function play(browser: Browser, relay: Relay, { name, dialect, engine }: Case): Promise<Measured> {
  const page = await browser.newPage({ ignoreHTTPSErrors: true });
  try {
    await page.goto(`${relay.url}#${name}`);
    await page.selectOption("#engine", engine);
    await page.locator(`#dialect option[value="${dialect}"]`).waitFor({ state: "attached" });
    await page.selectOption("#dialect", dialect);
    await page.waitForFunction(isPlaying, { dialect, engine }, { timeout: 20_000 });
    await page.waitForTimeout(SETTLING);
    return await page.evaluate(measure, { seconds: SECONDS, film: name === "film", bits: BITS, box: BOX });
  } finally {
    await page.close();
  }
}

function judge({ latencies, frames, readBack, silent, skipped, path, shown }: Measured): string {
  if (shown < SECONDS * 20) throw new Error(`${shown} frames in ${SECONDS} s`);
  if (readBack < ENOUGH * frames) throw new Error(`${readBack} of ${frames} frames have the number of their time`);
  const sorted = [...latencies].sort((a, b) => a - b);
  const [p50, p95] = [0.5, 0.95].map((share) => Math.round(sorted[Math.floor(share * sorted.length)] ?? Number.NaN));
  const text = `${shown} frames over ${path}, latency p50 ${p50} ms, p95 ${p95} ms, ${Math.round(silent)} ms of sound missing, ${Math.round(skipped)} ms of pictures skipped; ${readBack} of ${frames} frame numbers read back`;
  if (!(p95! <= MOST_LATENCY)) throw new Error(`${text}; p95 is above ${MOST_LATENCY} ms`);
  return text;
}

async function all(browser: Browser, relay: Relay, over: string, cases: readonly Case[]): Promise<void> {
  for (const each of cases) {
    const title = `${each.name} in ${each.dialect} by ${each.engine} over ${over}`;
    await check(title, async () => judge(await play(browser, relay, each)));
  }
}

const CASES: readonly Case[] = (["clock", "film"] as const).flatMap((name) =>
  (["moqt-18", "moqt-20"] as const).flatMap((dialect) =>
    (["webcodecs", "mse"] as const).map((engine) => ({ name, dialect, engine })),
  ),
);

async function run(): Promise<string> {
  const executablePath =
    (await findProgram(CHROMIUM, process.env)) ?? (await debianProgram("chromium", "chromium", log));
  // A certificate for development, as a browser takes it after a click; sessions go by its hash.
  const args = ["--no-sandbox", "--ignore-certificate-errors", "--autoplay-policy=no-user-gesture-required"];
  await using browser = await chromium.launch({ executablePath, args });
  {
    await using relay = await startRelay();
    await using _film = await publishFilm(relay);
    await all(browser, relay, "HTTP/3", CASES);
  }
  await using relay = await startRelay("--no-h3");
  await using _film = await publishFilm(relay);
  await all(
    browser,
    relay,
    "a WebSocket",
    CASES.filter(({ dialect }) => dialect === "moqt-20"),
  );
  return browser.version();
}

try {
  await check("Chromium", run);
} finally {
  await rm(directory, { recursive: true, force: true });
}
