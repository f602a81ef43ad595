/** A server with a small heap and many clients of all versions: results without and with hostile clients. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { HOST } from "../interop/certificates.ts";
import type { Bench } from "./bench.ts";
import type { HostileOrder, SoakFigures, SoakOrder } from "./messages.ts";
import { OwnProcess } from "./own-process.ts";
import { memoryOf } from "./proc.ts";
import type { Row } from "./report.ts";
import { createScratch, type Scratch } from "./scratch.ts";
import { percentile, rounded } from "./statistics.ts";

const MB = 1_000_000;
const HEAP_MB = 256;
const MINUTES = 10;
const CLIENTS = 200;
const CLIENT_PROCESSES = 2;
/** Shares of the total time: until all clients are connected, and without hostile clients. */
const WARM_UP = 0.05;
const ALONE = 0.3;
/** The share of the time with hostile clients until all of them have connected. */
const ARRIVAL = 0.6;
const LARGE = "/files/large.bin";
const SIZES = [
  ["small", 16 * 1024],
  ["medium", 256 * 1024],
  ["large", 20 * MB],
] as const;

/** A file of the built library. */
const built = (path: string): URL => new URL(`../../dist/${path}`, import.meta.url);

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

export const soak: Bench = async ({ minutes = MINUTES, clients = CLIENTS, log }) => {
  using place = createScratch(MB);
  await using server = await SoakServer.start(place);
  await using load = new SoakClients(place, server.url, clients);
  const span = minutes * 60_000;
  log("clients connect");
  await pause(span * WARM_UP);
  await load.report();
  log("alone");
  await pause(span * ALONE);
  const before = await load.report();
  const residentBefore = server.peak;
  log("with hostile clients");
  const withHostile = span * (1 - WARM_UP - ALONE);
  await using hostile = new OwnProcess("soak-hostile");
  const port = Number(new URL(server.url).port);
  const order: HostileOrder = { port, serverName: HOST, large: LARGE, span: withHostile * ARRIVAL };
  hostile.send(order);
  await Promise.race([pause(withHostile), server.ended]);
  const after = await load.report();
  const attackers = await hostile.request<number>("count");

  const rows = before.map((alone, i) => rowOf(alone, after[i]!));
  const { cutOff, refused, hasEnded, peak } = server;
  rows.push({
    name: "server",
    figures: {
      "peak MB alone": Math.round(residentBefore / MB),
      "peak MB": Math.round(peak / MB),
      "hostile connections": attackers,
      "cut off": cutOff,
      "files refused": refused,
      ended: hasEnded ? 1 : 0,
    },
  });
  const protocols = before.map(({ protocol }) => protocol);
  return {
    rows,
    ratios: {},
    targets: [
      ...protocols.flatMap((protocol) => [
        { of: `${protocol}: p99 ratio`, atMost: 3 },
        { of: `${protocol}: failures`, atMost: 0 },
      ]),
      { of: "server: ended", atMost: 0 },
    ],
    remarks: [...describeFailures(before), ...describeFailures(after)],
  };
};

function rowOf(alone: SoakFigures, later: SoakFigures): Row {
  const [before, after] = [percentile(alone.latencies, 0.99), percentile(later.latencies, 0.99)];
  return {
    name: alone.protocol,
    figures: {
      requests: alone.requests + later.requests,
      failures: countFailures(alone) + countFailures(later),
      "p50 alone ms": rounded(percentile(alone.latencies, 0.5)),
      "p50 ms": rounded(percentile(later.latencies, 0.5)),
      "p99 alone ms": rounded(before),
      "p99 ms": rounded(after),
      "p99 ratio": rounded(after / before),
    },
  };
}

const countFailures = ({ failures }: SoakFigures): number => Object.values(failures).reduce((sum, n) => sum + n, 0);

const describeFailures = (figures: readonly SoakFigures[]): string[] =>
  figures.flatMap(({ protocol, failures }) =>
    Object.entries(failures).map(([message, count]) => `${protocol}: ${count} × ${message}`),
  );

/** The client processes. Reports have the sums of their results. */
class SoakClients implements AsyncDisposable {
  readonly #processes: readonly OwnProcess[];

  constructor({ identity }: Scratch, url: string, clients: number) {
    this.#processes = Array.from({ length: CLIENT_PROCESSES }, (_, i) => {
      const process = new OwnProcess("soak-client");
      const share = Math.floor((clients + i) / CLIENT_PROCESSES);
      process.send({ url, ca: identity.ca, serverName: HOST, clients: share } satisfies SoakOrder);
      return process;
    });
  }

  async report(): Promise<SoakFigures[]> {
    const reports = await Promise.all(this.#processes.map((process) => process.request<SoakFigures[]>("report")));
    return reports.reduce((a, b) => a.map((figures, i) => add(figures, b[i]!)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((process) => process[Symbol.asyncDispose]()));
  }
}

function add(a: SoakFigures, b: SoakFigures): SoakFigures {
  const failures = { ...a.failures };
  for (const [message, count] of Object.entries(b.failures)) failures[message] = (failures[message] ?? 0) + count;
  return {
    protocol: a.protocol,
    requests: a.requests + b.requests,
    failures,
    latencies: [...a.latencies, ...b.latencies],
  };
}

const handlerModule = (library: string, folder: string): string => `
import { serveFiles } from ${JSON.stringify(library)};
const files = serveFiles(${JSON.stringify(folder)});
const encoder = new TextEncoder();
export default {
  async fetch(request, context) {
    const url = new URL(request.url);
    const [, kind, number] = url.pathname.split("/");
    if (kind === "json") return Response.json({ hello: "world" });
    if (kind === "echo") return new Response(request.body);
    if (kind === "events") {
      let left = Number(number);
      const pull = async (controller) => {
        await new Promise((resolve) => setTimeout(resolve, 100));
        controller.enqueue(encoder.encode("data: " + left + "\\n\\n"));
        if (--left === 0) controller.close();
      };
      return new Response(new ReadableStream({ pull }), { headers: { "content-type": "text/event-stream" } });
    }
    return files(request, context, context);
  },
};
`;

/** `nagare serve` with a module, and its log counts and memory. */
class SoakServer implements AsyncDisposable {
  readonly url: string;
  readonly ended: Promise<unknown>;
  hasEnded = false;
  /** Peak resident memory in bytes. */
  peak = 0;
  cutOff = 0;
  refused = 0;
  readonly #child: ChildProcess;
  readonly #watch: NodeJS.Timeout;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
    this.ended = once(child, "exit").then(() => {
      this.hasEnded = true;
    });
    this.#watch = setInterval(() => {
      if (!this.hasEnded) this.peak = memoryOf(child.pid!).peak;
    }, 500);
    createInterface({ input: child.stderr! }).on("line", (line) => {
      const counts = /(\d+) connections cut off, (\d+) files not opened/.exec(line);
      if (counts === null) process.stderr.write(`server: ${line}\n`);
      this.cutOff += Number(counts?.[1] ?? 0);
      this.refused += Number(counts?.[2] ?? 0);
    });
  }

  static async start({ directory, identity }: Scratch): Promise<SoakServer> {
    const folder = join(directory, "www");
    mkdirSync(join(folder, "files"), { recursive: true });
    for (const [name, size] of SIZES) writeFileSync(join(folder, "files", `${name}.bin`), new Uint8Array(size));
    const module = join(directory, "soak-handler.mjs");
    writeFileSync(module, handlerModule(built("edge/index.js").href, folder));
    const given = [module, "-p", "0", "-H", "127.0.0.1", "--cert", identity.certFile, "--key", identity.keyFile];
    const command = [`--max-old-space-size=${HEAP_MB}`, fileURLToPath(built("cli/main.js")), "serve", ...given];
    const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "pipe"] });
    const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    return new SoakServer(child, line);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#watch);
    if (this.hasEnded) return;
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}
