/**
 * Trouble for a time: a replica is killed and comes back empty, others are stopped and go on, one answers garbage, one takes
 * connections and says nothing. Clients keep what they wrote, and a checker looks at every answer: no value of another key, no
 * value that was never written, no answer later than the timeouts allow, and at the end no acknowledged write lost.
 */

import { writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Child } from "../child.ts";
import { Random } from "./generate.ts";
import { freePorts, type Programs, startBackend, startOurs, Wire } from "./processes.ts";

const CLIENTS = 8;
const KEYS = 200;
/** Seconds: of connecting and of reading. A request may fail over once, and each attempt may take both. */
const TIMEOUT = 0.5;
export const LONGEST = 1_000 * (4 * TIMEOUT + 1);

export interface Chaos {
  readonly requests: number;
  readonly failed: number;
  readonly hits: number;
  readonly troubles: number;
  /** Milliseconds. */
  readonly slowest: number;
  /** Kilobytes, at several times. */
  readonly memory: readonly number[];
  readonly wrong: readonly string[];
  readonly lost: readonly string[];
}

export async function runChaos(
  programs: Programs,
  seconds: number,
  seed: number,
  folder: string,
  report: (line: string) => void,
): Promise<Chaos> {
  const [a, b, c, odd, proxyPort] = (await freePorts(5)) as [number, number, number, number, number];
  const config = join(folder, "chaos.lua");
  writeFileSync(config, configOf(a, b, c, odd));
  const replicas: Child[] = await Promise.all([a, b, c].map((port) => startBackend(programs, port)));
  const liar = new Liar();
  await liar.listen(odd);
  const proxy = await startOurs(proxyPort, config);
  await sleep(500);
  const wrong: string[] = [];
  const acknowledged = new Map<string, number>();
  const count = { requests: 0, failed: 0, hits: 0, slowest: 0, troubles: 0 };
  const memory: number[] = [];
  const end = Date.now() + seconds * 1_000;
  const random = new Random(seed);

  const client = async (id: number): Promise<void> => {
    const own = new Random(seed * 1_000 + id);
    const written = new Map<string, number>();
    const wire = new Wire(proxyPort);
    while (Date.now() < end) {
      const route = own.pick(["all", "most", "rep", "odd", "mixed"]);
      const key = `${route}/${id}-${own.below(KEYS / CLIENTS)}`;
      const isWrite = own.chance(40) && route !== "odd";
      const next = (written.get(key) ?? 0) + 1;
      const value = `${key}=${next}`;
      const asked = isWrite ? `ms ${key} ${value.length} T0\r\n${value}\r\n` : `mg ${key} v k\r\n`;
      if (isWrite) written.set(key, next);
      const started = Date.now();
      const answer = (await wire.ask(`${asked}mn\r\n`, "MN\r\n")).replace(/MN\r\n$/, "");
      count.slowest = Math.max(count.slowest, Date.now() - started);
      count.requests += 1;
      if (/^SERVER_ERROR/.test(answer)) count.failed += 1;
      else if (isWrite) {
        if (answer === "HD\r\n") acknowledged.set(key, next);
        else wrong.push(`${asked.trim()} → ${JSON.stringify(answer)}`);
      } else if (answer !== "EN\r\n" && answer !== `EN k${key}\r\n`) {
        count.hits += 1;
        const [, length, named, stored, version] = /^VA (\d+) k(\S+)\r\n(\S+)=(\d+)\r\n$/.exec(answer) ?? [];
        const isKnown = named === key && stored === key && Number(version) <= (written.get(key) ?? 0);
        if (!isKnown || Number(length) !== `${stored}=${version}`.length)
          wrong.push(`${key}: ${JSON.stringify(answer)}`);
      }
      // Fast enough to meet every trouble, and slow enough to leave the machine to the servers.
      if (own.chance(20)) await sleep(1);
    }
    wire.close();
  };

  const trouble = async (): Promise<void> => {
    while (Date.now() < end - 3_000) {
      count.troubles += 1;
      const kind = random.below(3);
      if (kind === 0) {
        // Always the same one: of each acknowledged write, a majority keeps its memory.
        await replicas[0]![Symbol.asyncDispose]();
        await sleep(500 + random.below(1_500));
        replicas[0] = await startBackend(programs, a);
      } else if (kind === 1) {
        const { pid } = replicas[1 + random.below(2)]!;
        process.kill(pid, "SIGSTOP");
        await sleep(200 + random.below(1_500));
        process.kill(pid, "SIGCONT");
      } else liar.change();
      memory.push(await memoryOf(proxy.pid));
      await sleep(300 + random.below(1_000));
      if (count.troubles % 20 === 0)
        report(`${count.troubles} troubles, ${count.requests} requests, ${wrong.length} wrong`);
    }
  };

  try {
    await Promise.all([trouble(), ...Array.from({ length: CLIENTS }, (_, id) => client(id))]);
    await sleep(1_000);
    const lost = await lostOf([a, b, c], acknowledged);
    return { ...count, memory, wrong, lost };
  } finally {
    await proxy[Symbol.asyncDispose]();
    for (const replica of replicas) await replica[Symbol.asyncDispose]();
    liar.close();
  }
}

const configOf = (a: number, b: number, c: number, odd: number): string => `
settings{ backend_connect_timeout = ${TIMEOUT}, backend_read_timeout = ${TIMEOUT}, backend_retry_waittime = 0.5, backend_failure_limit = 1 }
pools{
  a = { backends = { "127.0.0.1:${a}" } }, b = { backends = { "127.0.0.1:${b}" } },
  c = { backends = { "127.0.0.1:${c}" } }, odd = { backends = { "127.0.0.1:${odd}" } },
}
routes{ map = {
  all = cmdmap{ ms = route_allsync{ children = { "b", "c" } }, all = route_failover{ children = { "b", "c" }, miss = true } },
  most = cmdmap{ ms = route_majority{ children = { "a", "b", "c" } }, all = route_allfastest{ children = { "a", "b", "c" }, miss = true } },
  rep = route_replicated{ children = { "a", "b", "c" } },
  odd = route_direct{ child = "odd" },
  mixed = cmdmap{ ms = route_direct{ child = "b" }, all = route_failover{ children = { "odd", "b" }, miss = true } },
} }
`;

/** Acknowledged writes that no replica has any more: neither the newest acknowledged value nor a later one. */
async function lostOf(ports: readonly number[], acknowledged: ReadonlyMap<string, number>): Promise<string[]> {
  const wires = ports.map((port) => new Wire(port));
  const lost: string[] = [];
  for (const [key, version] of acknowledged) {
    const answers = await Promise.all(wires.map((wire) => wire.ask(`mg ${key} v\r\nmn\r\n`, "MN\r\n")));
    const newest = Math.max(...answers.map((answer) => Number(/=(\d+)\r\n/.exec(answer)?.[1] ?? 0)));
    if (newest < version) lost.push(`${key}: ${version} was acknowledged, ${newest} is stored`);
  }
  for (const wire of wires) wire.close();
  return lost;
}

async function memoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "latin1");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
}

/** A server that misses everything, says nothing, answers twice, or answers garbage. */
class Liar {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #mood = 0;

  constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
      socket.setEncoding("latin1").on("data", (lines: string) => {
        for (const line of lines.split("\r\n").slice(0, -1)) this.#answer(socket, line);
      });
    });
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
  }

  change(): void {
    this.#mood = (this.#mood + 1) % 6;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #answer(socket: Socket, line: string): void {
    if (line === "version") {
      if (this.#mood !== 1) socket.write("VERSION 1.6.38\r\n");
      return;
    }
    const moods = [
      "EN\r\n",
      "",
      "\0\xffgarbage\r\n",
      "EN\r\nEN\r\n",
      "VA 1000 v\r\nshort",
      "VALUE other 0 1\r\nx\r\nEND\r\n",
    ];
    socket.write(moods[this.#mood]!, "latin1");
    if (this.#mood === 4) socket.end();
  }
}
