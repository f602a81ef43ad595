/**
 * The memcached proxy beside memcached's own: CPU time for a request, and latency. The CPU time is that of the proxy alone, so that it
 * does not matter whether the load generator, the backends or the proxy is the bound.
 *
 * The environment variable MEMCACHED names a memcached 1.6.38 that has the proxy, if that on the path has none.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Child } from "../interop/child.ts";
import {
  freePorts,
  type Programs,
  startBackend,
  startOurs,
  startTheirs,
  Wire,
} from "../interop/memcached/processes.ts";
import type { Bench } from "./bench.ts";
import { parseStat } from "./proc.ts";
import type { Report } from "./report.ts";
import { median, percentile, rounded } from "./statistics.ts";

const ROUNDS = 5;
const CLIENTS = 8;
const KEYS = 1_000;
const VALUE = "x".repeat(100);
/** Milliseconds of warming up, and of measuring. */
const WARM_UP = 700;
const DURATION = 2_000;

const CASES = { "depth 1": 1, "depth 50": 50, "multiget 100": 100 } as const;
type Case = keyof typeof CASES;

interface Measured {
  /** Microseconds for each key. */
  readonly cpu: number;
  readonly rate: number;
  /** Microseconds. */
  readonly p99: number;
}

export const memcache: Bench = async ({ rounds = ROUNDS, only = "", log }) => {
  const programs: Programs = { memcached: process.env.MEMCACHED ?? "memcached" };
  const help = spawnSync(programs.memcached, ["-h"], { encoding: "utf8" });
  if (!help.stdout?.includes("proxy_config")) {
    const remark = `${programs.memcached} has no proxy: set MEMCACHED to one configured with --enable-proxy`;
    return { rows: [], ratios: {}, targets: [], remarks: [remark] };
  }
  const folder = mkdtempSync(join(tmpdir(), "nagare-bench-"));
  const ports = await freePorts(6);
  const [a, b, ours, pair, one, two] = ports as [number, number, number, number, number, number];
  const config = join(folder, "proxy.lua");
  writeFileSync(
    config,
    `pools{ all = { backends = { "127.0.0.1:${a}", "127.0.0.1:${b}" } } } routes{ default = route_direct{ child = "all" } }`,
  );
  const children: Child[] = [];
  const start = async (starting: Promise<Child>): Promise<Child> => {
    const child = await starting;
    children.push(child);
    return child;
  };
  try {
    const backends = [await start(startBackend(programs, a)), await start(startBackend(programs, b))];
    const contestants = {
      ours: { port: ours, child: await start(startOurs(ours, config)) },
      "ours, 2 workers": { port: pair, child: await start(startOurs(pair, config, ["--workers", "2"])) },
      "memcached -t 1": { port: one, child: await start(startTheirs(programs, one, config, 1)) },
      "memcached -t 2": { port: two, child: await start(startTheirs(programs, two, config, 2)) },
      direct: { port: a, child: backends[0]! },
    };
    await sleep(500);
    for (const port of [ours, a]) await fill(port);
    const measured = new Map<string, Measured[]>();
    for (let round = 1; round <= rounds; round += 1) {
      log(`round ${round} of ${rounds}`);
      for (const name of Object.keys(CASES).filter((each) => each.includes(only)) as Case[]) {
        for (const [contestant, { port, child }] of Object.entries(contestants)) {
          const row = `${name}, ${contestant}`;
          measured.set(row, [...(measured.get(row) ?? []), await measure(name, port, child.pid)]);
        }
      }
    }
    return report(measured);
  } finally {
    for (const child of children) await child[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }
};

const key = (index: number): string => `key-${String(index).padStart(6, "0")}`;

async function fill(port: number): Promise<void> {
  const wire = new Wire(port);
  for (let i = 0; i < KEYS; i += 1) await wire.ask(`set ${key(i)} 0 0 ${VALUE.length}\r\n${VALUE}\r\n`, "STORED\r\n");
  wire.close();
}

async function measure(name: Case, port: number, pid: number): Promise<Measured> {
  const latencies: number[] = [];
  const clients = Array.from({ length: CLIENTS }, (_, id) => new LoadClient(name, port, id));
  await Promise.all(clients.map((client) => client.run(WARM_UP, [])));
  const cpu = cpuOf(pid);
  const started = performance.now();
  const batches = await Promise.all(clients.map((client) => client.run(DURATION, latencies)));
  const seconds = (performance.now() - started) / 1_000;
  const keys = batches.reduce((sum, each) => sum + each, 0) * CASES[name];
  for (const client of clients) client.close();
  return { cpu: (cpuOf(pid) - cpu) / keys, rate: keys / seconds, p99: percentile(latencies, 0.99) * 1_000 };
}

/** The CPU time of a process and its children. */
function cpuOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ").filter(Boolean).map(Number);
  const own = parseStat(readFileSync(`/proc/${pid}/stat`, "latin1")).own;
  return children.reduce((sum, child) => sum + cpuOf(child), own);
}

/** Sends prepared batches, and counts the bytes that come back, whose number is known. */
class LoadClient {
  readonly #socket: Socket;
  readonly #batches: readonly Buffer[];
  readonly #expected: number;
  #missing = 0;
  #done: (() => void) | undefined;

  constructor(name: Case, port: number, id: number) {
    const count = CASES[name];
    const isMultiget = name.startsWith("multiget");
    this.#batches = Array.from({ length: 16 }, (_, batch) => {
      const keys = Array.from({ length: count }, (_item, i) => key((id * 131 + batch * 17 + i * 7) % KEYS));
      return Buffer.from(isMultiget ? `get ${keys.join(" ")}\r\n` : keys.map((each) => `mg ${each} v\r\n`).join(""));
    });
    const one = isMultiget ? `VALUE ${key(0)} 0 ${VALUE.length}\r\n` : `VA ${VALUE.length}\r\n`;
    this.#expected = count * (one.length + VALUE.length + 2) + (isMultiget ? "END\r\n".length : 0);
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.setNoDelay(true);
    this.#socket.on("data", (bytes: Buffer) => {
      this.#missing -= bytes.length;
      if (this.#missing === 0) this.#done?.();
      else if (this.#missing < 0) throw new Error("more bytes than expected");
    });
  }

  /** Returns the number of batches. */
  async run(milliseconds: number, latencies: number[]): Promise<number> {
    const end = performance.now() + milliseconds;
    let count = 0;
    for (let now = performance.now(); now < end; count += 1) {
      this.#missing = this.#expected;
      const answered = new Promise<void>((resolve) => {
        this.#done = resolve;
      });
      this.#socket.write(this.#batches[count % this.#batches.length]!);
      await answered;
      const before = now;
      now = performance.now();
      latencies.push(now - before);
    }
    return count;
  }

  close(): void {
    this.#socket.destroy();
  }
}

function report(measured: ReadonlyMap<string, readonly Measured[]>): Report {
  const middle = (row: string, figure: keyof Measured): number | undefined => {
    const rounds = measured.get(row);
    return rounds === undefined ? undefined : median(rounds.map((round) => round[figure]));
  };
  const rows = Array.from(measured.keys(), (name) => ({
    name,
    figures: {
      "CPU µs a key": rounded(middle(name, "cpu")!),
      "keys a second": Math.round(middle(name, "rate")!),
      "p99 µs": Math.round(middle(name, "p99")!),
    },
  }));
  const ratios: Record<string, number> = {};
  for (const name of Object.keys(CASES)) {
    for (const [label, ours, theirs] of [
      ["ours / memcached", "ours", "memcached -t 1"],
      ["2 workers / 2 threads", "ours, 2 workers", "memcached -t 2"],
    ] as const) {
      const [mine, other] = [`${name}, ${ours}`, `${name}, ${theirs}`];
      if (!measured.has(mine) || !measured.has(other)) continue;
      ratios[`${name}: CPU, ${label}`] = rounded(middle(mine, "cpu")! / middle(other, "cpu")!);
      ratios[`${name}: p99, ${label}`] = rounded(middle(mine, "p99")! / middle(other, "p99")!);
    }
  }
  const targets = [
    { of: "depth 50: CPU, ours / memcached", atMost: 2 },
    { of: "depth 1: p99, ours / memcached", atMost: 1.3 },
  ].filter(({ of }) => ratios[of] !== undefined);
  return { rows, ratios, targets, remarks: ["direct is one of the two backends"] };
}
