/** Node's (req, res) on nagare/node and on Node's own servers: a plain listener, and Express 5. */

import { HOST } from "../interop/certificates.ts";
import type { Bench, BenchOptions } from "./bench.ts";
import type {
  FrameworkApp,
  FrameworkLoad,
  FrameworkLoadDone,
  FrameworkOrder,
  FrameworkServer,
  ServerReady,
} from "./messages.ts";
import { OwnProcess } from "./own-process.ts";
import type { Report } from "./report.ts";
import { createScratch, type Scratch } from "./scratch.ts";
import { median, rounded } from "./statistics.ts";

// Many short rounds: other load on the machine then affects only some of them.
const ROUNDS = 15;
const REQUESTS = 1_500;
/** Requests of a round that are not counted: they open the connections. */
const UNCOUNTED = 200;
const WARM_UP = 5_000;
const CONCURRENCY = 16;

const CASES = [
  { name: "plain", app: "plain", path: "/", body: undefined },
  { name: "Express GET", app: "express", path: "/users/7?full=1", body: undefined },
  { name: "Express POST", app: "express", path: "/echo", body: JSON.stringify({ name: "value", list: [1, 2, 3] }) },
] as const satisfies readonly { name: string; app: FrameworkApp; path: string; body: string | undefined }[];

type Case = (typeof CASES)[number];

/** Express does not run on node:http2. */
const SERVERS: readonly (readonly [FrameworkServer, FrameworkLoad["protocol"], readonly FrameworkApp[]])[] = [
  ["node:http", "http", ["plain", "express"]],
  ["node:https", "h1", ["plain", "express"]],
  ["node:http2", "h2", ["plain"]],
  ["nagare/node h1", "h1", ["plain", "express"]],
  ["nagare/node h2", "h2", ["plain", "express"]],
  ["nagare/node h3", "h3", ["plain", "express"]],
];

/** A ratio between two rows. */
interface RatioSpec {
  readonly name: string;
  readonly of: string;
  readonly to: string;
}

const ratio = (name: string, of: FrameworkServer, to: FrameworkServer): RatioSpec => ({
  name: `${name}, ${of.slice("nagare/node ".length)} / ${to}`,
  of: `${name}: ${of}`,
  to: `${name}: ${to}`,
});

const RATIOS: readonly RatioSpec[] = CASES.flatMap(({ name }) => [
  ratio(name, "nagare/node h1", "node:https"),
  ratio(name, "nagare/node h2", name === "plain" ? "node:http2" : "node:https"),
  ratio(name, "nagare/node h3", "node:https"),
]);

interface Row {
  readonly name: string;
  readonly server: OwnProcess;
  readonly load: FrameworkLoad;
  readonly cpu: number[];
  readonly seconds: number[];
}

export const frameworks: Bench = async (options) => {
  using scratch = createScratch(1);
  const open: OwnProcess[] = [];
  try {
    return await measureAll(options, scratch, open);
  } finally {
    for (const each of open) await each[Symbol.asyncDispose]();
  }
};

/** Adds the processes it starts to `open`. */
async function measureAll(
  { rounds = ROUNDS, only = "", log }: BenchOptions,
  scratch: Scratch,
  open: OwnProcess[],
): Promise<Report> {
  const client = new OwnProcess("framework-client");
  open.push(client);
  await client.next();
  const rows = await startRows(scratch, only, open);
  for (const row of rows) {
    log(`warming up ${row.name}`);
    await run(client, { ...row.load, requests: WARM_UP });
  }
  const ciphers = new Set<string>();
  for (let round = 1; round <= rounds; round += 1) {
    log(`round ${round} of ${rounds}`);
    // Reverses every other round, so that no row always runs after the same one.
    for (const row of round % 2 === 0 ? rows.toReversed() : rows) {
      const { cipher } = await measure(client, row);
      if (row.load.protocol === "h1") ciphers.add(cipher!);
    }
  }
  if (ciphers.size > 1) throw new Error(`the servers negotiated different ciphers: ${[...ciphers].join(", ")}`);
  const costs = rows.map(({ name, cpu, seconds }) => ({ name, cpu: median(cpu), seconds: median(seconds) }));
  return {
    rows: costs.map(({ name, cpu, seconds }) => ({
      name,
      figures: {
        "server µs/request": Math.round(cpu / (REQUESTS / 10)) / 10,
        "requests/s": Math.round(REQUESTS / seconds),
      },
    })),
    ratios: ratiosWithinRounds(rows),
    targets: CASES.map(({ name }) => ({ of: `${name}, h1 / node:https`, atMost: 1.15 })),
    remarks: [],
  };
}

/** The median of each ratio over all rounds. Both sides of a ratio were measured within a few seconds. */
function ratiosWithinRounds(rows: readonly Row[]): Record<string, number> {
  const ratios: Record<string, number> = {};
  for (const { name, of, to } of RATIOS) {
    const [above, below] = [of, to].map((row) => rows.find((each) => each.name === row));
    if (above === undefined || below === undefined) continue;
    ratios[name] = rounded(median(above.cpu.map((cpu, round) => cpu / below.cpu[round]!)));
  }
  return ratios;
}

/** Starts one server process for each server and app. */
async function startRows(scratch: Scratch, only: string, open: OwnProcess[]): Promise<readonly Row[]> {
  const started = new Map<string, { process: OwnProcess; port: number }>();
  const { certFile, keyFile, ca } = scratch.identity;
  const rows: Row[] = [];
  for (const each of CASES) {
    for (const [server, protocol, apps] of SERVERS) {
      const name = `${each.name}: ${server}`;
      if (!(apps as readonly string[]).includes(each.app) || !name.includes(only)) continue;
      const key = `${each.app} ${server}`;
      let running = started.get(key);
      if (running === undefined) {
        const process = new OwnProcess("framework-server");
        open.push(process);
        const order: FrameworkOrder = { certFile, keyFile, server, app: each.app };
        running = { process, port: (await process.request<ServerReady>(order)).port };
        started.set(key, running);
      }
      rows.push({
        name,
        server: running.process,
        load: loadOf(each, protocol, running.port, ca),
        cpu: [],
        seconds: [],
      });
    }
  }
  return rows;
}

const loadOf = (
  { path, body }: Case,
  protocol: FrameworkLoad["protocol"],
  port: number,
  ca: string,
): FrameworkLoad => ({
  ...{ protocol, port, ca, path, body },
  host: HOST,
  requests: REQUESTS,
  concurrency: CONCURRENCY,
});

async function measure(client: OwnProcess, row: Row): Promise<FrameworkLoadDone> {
  await run(client, { ...row.load, requests: UNCOUNTED, keep: true });
  const before = await row.server.request<number>("cpu");
  const done = await run(client, row.load);
  row.cpu.push((await row.server.request<number>("cpu")) - before);
  row.seconds.push(done.milliseconds / 1000);
  return done;
}

async function run(client: OwnProcess, load: FrameworkLoad): Promise<FrameworkLoadDone> {
  const done = await client.request<FrameworkLoadDone>(load);
  if (done.error !== undefined) throw new Error(`the client: ${done.error}`);
  return done;
}
