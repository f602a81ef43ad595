/**
 * WebTransport: datagrams and streams that a server sends back, and what streams and sessions leave in its memory, beside
 * webtransport-go, whose client is that of both.
 */

import { HOST } from "../interop/certificates.ts";
import { Child } from "../interop/child.ts";
import { goProgram } from "../interop/install/go.ts";
import { isUdpBound } from "../interop/port.ts";
import { freePort } from "../src/host/udp/free-port.ts";
import type { Bench } from "./bench.ts";
import type { ServerReady, WebTransportServerOrder } from "./messages.ts";
import { OwnProcess } from "./own-process.ts";
import { cpuOf, memoryOf } from "./proc.ts";
import type { Row } from "./report.ts";
import { createScratch, type Scratch } from "./scratch.ts";
import { median, medianRatio, rounded } from "./statistics.ts";

const ROUNDS = 5;
/** Loads before the first round: the compilers of Node get warm, as in a server that has run for half a minute. */
const WARM_UP = 6;
const MEBIBYTE = 2 ** 20;

const SERVERS = ["ours", "ours, portable", "webtransport-go"] as const;
type ServerName = (typeof SERVERS)[number];

const LOADS = {
  "1,000 datagrams/s": ["--load=datagrams", "--rate=1000", "--seconds=4", "--size=100"],
  "datagrams, saturated": ["--load=datagrams", "--window=64", "--seconds=4", "--size=1000"],
  "streams of 1 kB": ["--load=streams", "--window=16", "--count=8000", "--size=1000"],
} as const;
type LoadName = keyof typeof LOADS;

interface Done {
  readonly sent: number;
  readonly received: number;
  readonly seconds: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** `cpu`: microseconds of the server for each datagram or stream that came back. */
interface Round extends Done {
  readonly cpu: number;
}

interface Server extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
}

async function start(name: ServerName, go: string, { identity }: Scratch): Promise<Server> {
  const { certFile, keyFile } = identity;
  if (name === "webtransport-go") {
    const port = await freePort();
    const files = [`--cert=${certFile}`, `--key=${keyFile}`];
    const child = new Child([go, "--role=server", `--address=127.0.0.1:${port}`, "--webtransport=server", ...files]);
    await child.until(() => isUdpBound(port));
    return { port, pid: child.pid, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
  }
  const process = new OwnProcess("webtransport-server");
  const engine = name === "ours" ? "auto" : "portable";
  const { port } = await process.request<ServerReady>({ certFile, keyFile, engine } satisfies WebTransportServerOrder);
  return { port, pid: process.pid, [Symbol.asyncDispose]: () => process[Symbol.asyncDispose]() };
}

/** Runs the client, and measures while its sessions are still open. */
async function run<T>(
  { port }: Server,
  go: string,
  { identity }: Scratch,
  load: readonly string[],
  measure: (done: Done) => T,
): Promise<T> {
  const target = [`--address=127.0.0.1:${port}`, `--name=${HOST}`, `--ca=${identity.caFile}`];
  await using client = new Child([go, "--role=client", ...target, ...load]);
  await client.until(() => client.stdout.includes("\n") || client.stderr !== "");
  if (client.stderr !== "") throw new Error(client.lastLine());
  return measure(JSON.parse(client.stdout) as Done);
}

const rowOf = (name: string, rounds: readonly Round[]): Row => {
  const of = (figure: (round: Round) => number): number => rounded(median(rounds.map(figure)));
  return {
    name,
    figures: {
      "server µs each": of(({ cpu }) => cpu),
      "p50 µs": of(({ p50 }) => p50),
      "p99 µs": of(({ p99 }) => p99),
      "came back/s": of(({ received, seconds }) => received / seconds),
      "came back %": of(({ received, sent }) => (100 * received) / sent),
    },
  };
};

/** Megabytes of resident memory after a load, above those after a first part of it. */
async function growth(
  go: string,
  scratch: Scratch,
  first: readonly string[],
  then: readonly string[],
): Promise<number> {
  await using server = await start("ours", go, scratch);
  const resident = (): number => memoryOf(server.pid).resident / MEBIBYTE;
  const before = await run(server, go, scratch, first, resident);
  const after = await run(server, go, scratch, then, resident);
  return rounded(after - before);
}

export const webtransport: Bench = async ({ rounds = ROUNDS, only = "", log }) => {
  const { path: go } = await goProgram("webtransport-go", "github.com/quic-go/webtransport-go", log);
  using scratch = createScratch(1_000);
  const measured = new Map<string, Round[]>();
  const nameOf = (load: LoadName, server: ServerName): string => `${load}: ${server}`;
  const loads = (Object.keys(LOADS) as LoadName[]).filter((each) => each.includes(only));
  for (const load of loads) {
    const servers: Server[] = [];
    try {
      for (const name of SERVERS) {
        const server = await start(name, go, scratch);
        servers.push(server);
        log(`${nameOf(load, name)}: warms up`);
        for (let n = 0; n < WARM_UP; n += 1) await run(server, go, scratch, LOADS[load], () => undefined);
      }
      for (let n = 0; n < rounds; n += 1) {
        for (const [index, name] of SERVERS.entries()) {
          log(`round ${n + 1}: ${nameOf(load, name)}`);
          const { pid } = servers[index]!;
          const before = cpuOf(pid);
          const round = await run(servers[index]!, go, scratch, LOADS[load], (done) => ({
            ...done,
            cpu: (cpuOf(pid) - before) / Math.max(1, done.received),
          }));
          measured.set(nameOf(load, name), [...(measured.get(nameOf(load, name)) ?? []), round]);
        }
      }
    } finally {
      for (const server of servers) await server[Symbol.asyncDispose]();
    }
  }
  const ratios: Record<string, number> = {};
  const intervals: Record<string, readonly [number, number]> = {};
  const targets: { of: string; atMost: number }[] = [];
  for (const load of loads) {
    const theirs = measured.get(nameOf(load, "webtransport-go"))!.map(({ cpu }) => cpu);
    for (const [name, atMost] of [
      ["ours", 1],
      ["ours, portable", 2.5],
    ] as const) {
      const { ratio, low, high } = medianRatio(
        measured.get(nameOf(load, name))!.map(({ cpu }) => cpu),
        theirs,
      );
      const of = `CPU, ${nameOf(load, name)}`;
      ratios[of] = rounded(ratio);
      intervals[of] = [rounded(low), rounded(high)];
      targets.push({ of, atMost });
    }
  }
  const rows = [...measured].map(([name, all]) => rowOf(name, all));
  if ("memory".includes(only)) {
    log("memory: 200,000 streams, 5,000 sessions");
    const streams = (count: number): readonly string[] => [
      "--load=streams",
      "--window=16",
      `--count=${count}`,
      "--size=100",
    ];
    const sessions = (count: number): readonly string[] => [
      "--load=sessions",
      "--window=16",
      `--count=${count}`,
      "--size=100",
    ];
    const grown = await growth(go, scratch, streams(20_000), streams(200_000));
    rows.push({ name: "memory", figures: { "MiB after 200,000 streams": grown } });
    targets.push({ of: "memory: MiB after 200,000 streams", atMost: 30 });
    const held = await growth(go, scratch, sessions(100), sessions(5_000));
    rows.push({
      name: "sessions",
      figures: { "MiB of 5,000 open ones": held, "KiB each": rounded((held * 1024) / 5_000) },
    });
  }
  return { rows, ratios, intervals, targets, remarks: [] };
};
