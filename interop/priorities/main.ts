/**
 * `npm run interop-priorities`: a capture of Chromium that loads a page from our server over HTTP/3, as tshark decrypts it: what the browser
 * asks for, how it changes its mind (PRIORITY_UPDATE), and in which order responses then leave. Exits with 1 if a response left
 * in front of a more urgent one that was ready.
 */

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { CHROMIUM, findProgram } from "../../src/cli/find-program.ts";
import { serve } from "../../src/edge/index.ts";
import { captureRelay } from "../../src/host/udp/capturing-relay.ts";
import { completePriority, emitPriority, type Priority, parsePriority } from "../../src/http/priority/index.ts";
import { createIdentities } from "../certificates.ts";
import { runChild } from "../child.ts";

const SIZE = 200_000;
const PICTURES = ["/1.jpg", "/2.jpg", "/3.jpg"];
const TYPES: Readonly<Record<string, string>> = { css: "text/css", js: "text/javascript", jpg: "image/jpeg" };
/** All are asked for at once, and answered when all requests have arrived. */
const RESOURCES = ["/style.css", "/late.js", "/prefetched.js", ...PICTURES];
const PAGE = `<!doctype html><title>priorities</title><link rel="icon" href="data:,">
<link rel="prefetch" href="/prefetched.js"><link rel="stylesheet" href="/style.css"><script async src="/late.js"></script>
${PICTURES.map((path) => `<img src="${path}" width="300" height="200">`).join("")}
<script>addEventListener("load", () => fetch("/done"))</script>`;

/** The beginning of a JPEG that is all comments: Chromium drops a picture that is none. */
const COMMENTS = new Uint8Array(SIZE);
COMMENTS.set([0xff, 0xd8]);
const SEGMENT = 50_000;
for (let at = 2; at < SIZE; at += SEGMENT) COMMENTS.set([0xff, 0xfe, (SEGMENT - 2) >> 8, (SEGMENT - 2) & 255], at);

interface Packet {
  /** Seconds since the capture began. */
  readonly time: number;
  readonly streams: readonly number[];
  /** Of the datagram. */
  readonly bytes: number;
  readonly updates: readonly string[];
  readonly elements: readonly number[];
}

async function program(names: readonly string[]): Promise<string> {
  const found = await findProgram(names, process.env);
  if (found === undefined) throw new Error(`${names[0]} is not installed`);
  return found;
}

/** The paths of streams: QPACK hides them from tshark 4.0, but not from our own recording. */
async function pathsIn(folder: string): Promise<ReadonlyMap<number, string>> {
  const paths = new Map<number, string>();
  for (const name of await readdir(folder)) {
    for (const text of (await readFile(join(folder, name), "utf8")).split("\u001e").slice(2)) {
      const { name: event, data } = JSON.parse(text);
      if (event !== "http3:frame_parsed" || data.frame.frame_type !== "headers") continue;
      const path = data.frame.headers.find((line: { readonly name: string }) => line.name === ":path")?.value;
      if (path !== undefined) paths.set(data.stream_id, path);
    }
  }
  return paths;
}

/** Packets in one direction. */
async function packetsOf(
  tshark: string,
  capture: string,
  keys: string,
  filter: string,
  port: number,
): Promise<Packet[]> {
  const names = [
    "frame.time_relative",
    "quic.stream.stream_id",
    "udp.length",
    "http3.priority_update_field_value",
    "http3.priority_update_element_id",
  ];
  const { stdout } = await runChild([
    tshark,
    ...["-r", capture, "-o", `tls.keylog_file:${keys}`, "-d", `udp.port==${port},quic`, "-Y", filter],
    ...["-T", "fields", "-E", "separator=|", "-E", "aggregator=;", ...names.flatMap((name) => ["-e", name])],
  ]);
  const list = (text: string | undefined): string[] => (text === undefined || text === "" ? [] : text.split(";"));
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [time, streams, length, updates, elements] = line.split("|");
      return {
        time: Number(time),
        streams: list(streams).map(Number),
        bytes: Number(length),
        updates: list(updates),
        elements: list(elements).map(Number),
      };
    });
}

const folder = await mkdtemp(join(tmpdir(), "nagare-priorities-"));
try {
  const [browserPath, tshark] = [await program(CHROMIUM), await program(["tshark"])];
  const identity = createIdentities(folder);
  const [keys, capture, recordings] = ["keys", "capture.pcap", "recordings"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  let missing = RESOURCES.length;
  let open!: () => void;
  const allArrived = new Promise<void>((resolve) => {
    open = resolve;
  });
  let done!: () => void;
  const loaded = new Promise<void>((resolve) => {
    done = resolve;
  });
  const asked = new Map<string, Priority>();
  const tls = { certFile: identity.certFile, keyFile: identity.keyFile };
  const server = await serve(
    { port: 0, host: "127.0.0.1", tls, log: () => {}, qlog: recordings },
    async (request, own) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/done") done();
      if (!RESOURCES.includes(pathname)) return new Response(PAGE, { headers: { "content-type": "text/html" } });
      asked.set(pathname, own.priority);
      missing -= 1;
      if (missing === 0) open();
      await Promise.race([allArrived, new Promise((resolve) => setTimeout(resolve, 2_000))]);
      const type = TYPES[pathname.split(".").at(-1)!]!;
      const content = type === "image/jpeg" ? COMMENTS : " ".repeat(SIZE);
      return new Response(content, { headers: { "content-type": type } });
    },
  );
  const port = server.port!;
  const relay = await captureRelay(port, capture);
  const browser = await chromium.launch({
    executablePath: browserPath,
    env: { ...process.env, SSLKEYLOGFILE: keys } as Record<string, string>,
    args: [
      "--no-sandbox",
      `--origin-to-force-quic-on=localhost:${relay.port}`,
      `--ignore-certificate-errors-spki-list=${identity.spkiHash}`,
      "--host-resolver-rules=MAP * 127.0.0.1",
    ],
  });
  const page = await browser.newPage({ ignoreHTTPSErrors: true });
  await page.goto(`https://localhost:${relay.port}/`);
  await loaded;
  console.log(
    `Chromium ${browser.version()} loads a page of ${RESOURCES.length} resources of ${SIZE / 1_000} kB each over HTTP/3.\n`,
  );
  await browser.close();
  await relay[Symbol.asyncDispose]();
  await server.close({ timeout: 0 });

  const paths = await pathsIn(recordings);
  const toServer = await packetsOf(tshark, capture, keys, "http3.priority_update_field_value", port).then((packets) =>
    packets.flatMap(({ time, elements, updates }) =>
      elements.map((id, index) => ({ time, id, value: updates[index] ?? "" })),
    ),
  );
  console.log("What it asked for, in the field of its request, and PRIORITY_UPDATE frames in the capture:\n");
  const latest = new Map(asked);
  for (const [id, path] of [...paths].sort(([a], [b]) => a - b)) {
    const priority = asked.get(path);
    if (priority === undefined) continue;
    const updates = toServer.filter((update) => update.id === id);
    for (const { value } of updates) latest.set(path, completePriority(parsePriority(value) ?? {}));
    const told = updates.map(({ time, value }) => `"${value}" after ${(time * 1_000).toFixed(0)} ms`).join(", ");
    console.log(`  stream ${String(id).padStart(3)}  ${path.padEnd(15)} ${emitPriority(priority).padEnd(10)} ${told}`);
  }

  /** Runs of packets with content of the same response. */
  const runs: { readonly path: string; readonly from: number; packets: number; bytes: number }[] = [];
  const begun = new Set<string>();
  const filter = `udp.srcport==${port} && quic.stream.stream_id`;
  for (const { time, streams, bytes } of await packetsOf(tshark, capture, keys, filter, port)) {
    for (const path of streams.map((id) => paths.get(id))) {
      if (path === undefined || !RESOURCES.includes(path)) continue;
      // The first packet of each, with its head, goes ahead.
      const isFirst = !begun.has(path);
      begun.add(path);
      if (isFirst) continue;
      const last = runs.at(-1);
      if (last?.path === path) {
        last.packets += 1;
        last.bytes += bytes;
      } else runs.push({ path, from: time, packets: 1, bytes });
    }
  }
  console.log("\nThe order on the wire after the first packet of each response, by urgency, in the capture:\n");
  for (let at = 0; at < runs.length; ) {
    const { urgency } = latest.get(runs[at]!.path)!;
    const next = runs.findIndex(({ path }, index) => index > at && latest.get(path)!.urgency !== urgency);
    const group = runs.slice(at, next < 0 ? runs.length : next);
    const names = [...new Set(group.map(({ path }) => path))];
    const packets = group.reduce((sum, run) => sum + run.packets, 0);
    const how = names.length === 1 ? "" : `, ${group.length} changes between them`;
    const time = `${(runs[at]!.from * 1_000).toFixed(0).padStart(5)} ms`;
    console.log(`  ${time}  u=${urgency}  ${names.join(" ")}: ${packets} packets${how}`);
    at += group.length;
  }
  const ends = new Map(RESOURCES.map((path) => [path, runs.findLastIndex((run) => run.path === path)]));
  const starts = new Map(RESOURCES.map((path) => [path, runs.findIndex((run) => run.path === path)]));
  const wrong = RESOURCES.flatMap((path) =>
    RESOURCES.filter(
      (other) => latest.get(other)!.urgency > latest.get(path)!.urgency && starts.get(other)! < ends.get(path)!,
    ).map((other) => `${other} left before ${path} had ended`),
  );
  if (runs.length === 0) throw new Error("tshark has decrypted no content");
  console.log(wrong.length === 0 ? "\nEach urgency left before the next one." : `\n${wrong.join("\n")}`);
  if (wrong.length > 0) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
