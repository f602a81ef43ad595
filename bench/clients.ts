/** The clients that put load on a server, and their costs. */

import { readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { HOST } from "../interop/certificates.ts";
import { Child } from "../interop/child.ts";
import { sha256Of } from "../interop/digest.ts";
import { debianProgram } from "../interop/install/debian.ts";
import { trixieCommand } from "../interop/install/trixie.ts";
import { type HandshakeMode, LoadProgram } from "./load-program.ts";
import type { DatapathOrder, LoadDone, LoadOrder } from "./messages.ts";
import { OwnProcess } from "./own-process.ts";
import type { Place } from "./place.ts";
import { cpuOf, cpuOfEndedChildren, memoryOf } from "./proc.ts";
import type { Scratch } from "./scratch.ts";
import { percentile } from "./statistics.ts";

/** "before" is our client from another checkout. */
export type ClientName =
  | "ours"
  | "before"
  | "gtlsclient"
  | "gtlsclient-new"
  | "quinn"
  | "datapath"
  | "curl"
  | "h2load"
  | "h2load-h1";

export interface Load {
  readonly port: number;
  readonly path: string;
  readonly requests: number;
  readonly concurrency: number;
  /** Total bytes of all contents, or of the uploads. */
  readonly bytes: number;
  /** Only "quinn": kept open between rounds; `concurrency` is that of each. One by default. */
  readonly connections?: number;
  /** Only "quinn": a new connection for each request, with what this says of an earlier session. */
  readonly handshake?: HandshakeMode;
  /** Only "quinn": milliseconds before each request. */
  readonly pause?: number;
  /** Only "datapath": the size of each datagram. */
  readonly datagramSize?: number;
  /** Posts this file of the site to `path`. */
  readonly upload?: string;
}

export interface LoadCost {
  /** Microseconds. */
  readonly cpu: number;
  readonly seconds: number;
  /** Peak resident memory in bytes. */
  readonly peak: number;
  /** Percentiles of the latency in microseconds, if the client tells. */
  readonly p50?: number;
  readonly p99?: number;
  /** The mean size of the datagrams that arrived, if the client tells. */
  readonly datagramSize?: number | undefined;
}

export interface LoadClient extends AsyncDisposable {
  /** Runs once before the measurements: warms everything up, and checks the content if the client can save it. */
  warmUp(load: Load): Promise<LoadCost | undefined>;
  run(load: Load): Promise<LoadCost>;
}

/** Connections without a ticket, for each that is open at once: the first ones, and those that found all tickets in use. */
const TICKETLESS = 5;

type Log = (line: string) => void;

const url = ({ port, path }: Load): string => `https://${HOST}:${port}${path}`;

/** Throws a `Skip` if the program is not available. */
export async function createLoadClient(
  name: ClientName,
  scratch: Scratch,
  log: Log,
  before?: string,
): Promise<LoadClient> {
  switch (name) {
    case "ours":
      return OwnLoadClient.start(scratch);
    case "before":
      return OwnLoadClient.start(scratch, before);
    case "gtlsclient":
      return gtlsClient([await debianProgram("gtlsclient", "ngtcp2-client", log)], scratch);
    case "gtlsclient-new":
      return gtlsClient(await trixieCommand("usr/bin/gtlsclient", log), scratch);
    case "quinn":
      return new QuinnClient(scratch, log);
    case "datapath":
      return DatapathClient.start(scratch.place);
    case "curl": {
      const curl = await trixieCommand("usr/bin/curl", log);
      const options = (load: Load): string[] => [
        ...scratch.place.exec,
        ...curl,
        ...["--silent", "--show-error", "--fail", "--http2", "--cacert", scratch.identity.caFile],
        ...["--resolve", `${HOST}:${load.port}:${scratch.place.host}`, "--output"],
      ];
      return programClient(
        (load) => [...options(load), "/dev/null", url(load)],
        (load) => [...options(load), join(scratch.directory, load.path), url(load)],
        scratch,
      );
    }
    case "h2load-h1":
      return latencyClient([...scratch.place.exec, await debianProgram("h2load", "nghttp2-client", log)], scratch);
    case "h2load": {
      const path = await debianProgram("h2load", "nghttp2-client", log);
      const command = (load: Load): string[] => [
        ...scratch.place.exec,
        path,
        ...[
          `-n${load.requests}`,
          "-c1",
          `-m${load.concurrency}`,
          `https://${scratch.place.host}:${load.port}${load.path}`,
        ],
      ];
      return programClient(command, undefined, scratch);
    }
  }
}

/** h2load over HTTP/1.1, with as many connections as requests at once. Its log has a line for each request. */
function latencyClient(program: readonly string[], scratch: Scratch): LoadClient {
  const file = join(scratch.directory, "h2load.log");
  const command = (load: Load): string[] => [
    ...program,
    ...["--h1", `-n${load.requests}`, `-c${load.concurrency}`, `--log-file=${file}`],
    // By name: Caddy answers 200 without content to a host that it does not serve.
    ...[`--connect-to=${scratch.place.host}:${load.port}`, url(load)],
  ];
  const client = programClient(command, undefined, scratch);
  return {
    ...client,
    async run(load) {
      await rm(file, { force: true });
      const cost = await client.run(load);
      const bytes = Number(/^traffic: .*\((\d+)\) data$/m.exec(cost.stdout)?.[1]);
      if (bytes !== load.bytes) throw new Error(`${bytes} bytes arrived instead of ${load.bytes}`);
      // Start in microseconds, status, duration in microseconds.
      const lines = (await readFile(file, "latin1"))
        .trim()
        .split("\n")
        .map((line) => line.split("\t"));
      const failed = lines.filter(([, status]) => status !== "200").length;
      if (lines.length !== load.requests || failed > 0) {
        throw new Error(`of ${load.requests} requests ${lines.length} ended, ${failed} of them with another status`);
      }
      const times = lines.map(([, , duration]) => Number(duration));
      return { ...cost, p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
    },
  };
}

function gtlsClient(program: readonly string[], scratch: Scratch): LoadClient {
  const command = (load: Load, ...options: string[]): string[] => [
    ...[
      ...scratch.place.exec,
      ...program,
      "--quiet",
      "--exit-on-all-streams-close",
      "--timeout=60s",
      `--sni=${HOST}`,
      ...options,
    ],
    ...(load.upload === undefined ? [] : ["--http-method=POST", `--data=${join(scratch.site.directory, load.upload)}`]),
    ...[scratch.place.host, `${load.port}`, url(load)],
  ];
  return programClient(
    (load) => command(load, `--nstreams=${load.requests}`),
    (load) => command(load, `--download=${scratch.directory}`),
    scratch,
  );
}

interface ProgramClient extends LoadClient {
  run(load: Load): Promise<LoadCost & { readonly stdout: string }>;
}

/** A program that is started for each round; its CPU time covers its whole life. */
const programClient = (
  command: (load: Load) => string[],
  download: ((load: Load) => string[]) | undefined,
  scratch: Scratch,
): ProgramClient => ({
  async warmUp(load) {
    await new Child(command(load)).succeeded();
    if (download === undefined) return undefined;
    await new Child(download(load)).succeeded();
    const file = join(scratch.directory, basename(load.path));
    if (load.upload !== undefined) {
      const answer = await readFile(file, "latin1");
      if (answer !== `${load.bytes}`) throw new Error(`of ${load.bytes} bytes the server got ${answer}`);
      return undefined;
    }
    const digest = await sha256Of(file);
    if (digest !== scratch.site.sha256.get(load.path)) throw new Error(`${load.path} arrived with different content`);
    return undefined;
  },
  async run(load) {
    const cpuBefore = cpuOfEndedChildren();
    const started = performance.now();
    const child = new Child(command(load));
    let peak = 0;
    const watch = setInterval(() => {
      try {
        peak = memoryOf(child.pid).peak;
      } catch {
        // The process has just ended.
      }
    }, 20);
    try {
      await child.succeeded();
    } finally {
      clearInterval(watch);
    }
    const seconds = (performance.now() - started) / 1000;
    return { cpu: cpuOfEndedChildren() - cpuBefore, seconds, peak, stdout: child.stdout };
  },
  async [Symbol.asyncDispose]() {},
});

/** The load generator keeps running between rounds, with its connections; its CPU time covers the round. */
class QuinnClient implements LoadClient {
  readonly #scratch: Scratch;
  readonly #log: Log;
  #program: LoadProgram | undefined;

  constructor(scratch: Scratch, log: Log) {
    this.#scratch = scratch;
    this.#log = log;
  }

  async warmUp(load: Load): Promise<LoadCost> {
    this.#program ??= await LoadProgram.start(load.port, this.#scratch, this.#log);
    if (load.handshake === undefined) await this.#program.connect(load.connections ?? 1);
    return this.run(load);
  }

  async run({ requests, concurrency, path, bytes, handshake, pause, connections = 1 }: Load): Promise<LoadCost> {
    const program = this.#program!;
    // Servers limit the requests of a connection.
    if (pause !== undefined) await program.connect(connections);
    const before = cpuOf(program.pid);
    const done =
      handshake === undefined
        ? await program.requests(requests, concurrency, path, pause)
        : await program.handshakes(requests, concurrency, path, handshake);
    const { sessions, early } = done;
    const expected = requests - TICKETLESS * concurrency;
    if (handshake === "session" && sessions < expected) throw new Error(`${sessions} of ${requests} sessions resumed`);
    if (handshake === "early" && early < expected) throw new Error(`early data of ${early} of ${requests} accepted`);
    if (done.bytes !== bytes) throw new Error(`${done.bytes} bytes arrived instead of ${bytes}`);
    const { seconds, p50, p99 } = done;
    return { cpu: cpuOf(program.pid) - before, seconds, peak: memoryOf(program.pid).peak, p50, p99 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program?.[Symbol.asyncDispose]();
  }
}

/** Our client keeps running between rounds, with a new connection for each; its CPU time covers the round. */
class OwnLoadClient implements LoadClient {
  readonly #process: OwnProcess;
  readonly #scratch: Scratch;

  private constructor(process: OwnProcess, scratch: Scratch) {
    this.#process = process;
    this.#scratch = scratch;
  }

  static async start(scratch: Scratch, checkout?: string): Promise<OwnLoadClient> {
    const process = new OwnProcess("own-client", { checkout, exec: scratch.place.exec });
    await process.next();
    return new OwnLoadClient(process, scratch);
  }

  warmUp(load: Load): Promise<LoadCost> {
    return this.run(load);
  }

  async run(load: Load): Promise<LoadCost> {
    const { pid } = this.#process;
    const order: LoadOrder = {
      url: `https://${HOST}:${load.port}${load.path}`,
      host: this.#scratch.place.host,
      ca: this.#scratch.identity.ca,
      requests: load.requests,
      concurrency: load.concurrency,
    };
    const before = cpuOf(pid);
    const done = await this.#process.request<LoadDone>(order);
    if (done.error !== undefined) throw new Error(`our client: ${done.error}`);
    if (done.bytes !== load.bytes) throw new Error(`our client received ${done.bytes} bytes instead of ${load.bytes}`);
    const { milliseconds, datagramSize } = done;
    return { cpu: cpuOf(pid) - before, seconds: milliseconds / 1000, peak: memoryOf(pid).peak, datagramSize };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}

/** Datagrams that fit into Ethernet's MTU, unless a connection is known to have larger ones. */
const USUAL_DATAGRAM = 1_452;

/** The receiver of the raw data path. */
class DatapathClient implements LoadClient {
  readonly #process: OwnProcess;
  readonly #host: string;

  private constructor(process: OwnProcess, host: string) {
    this.#process = process;
    this.#host = host;
  }

  static async start({ host, exec }: Place): Promise<DatapathClient> {
    const process = new OwnProcess("datapath-receiver", { exec });
    await process.next();
    return new DatapathClient(process, host);
  }

  warmUp(load: Load): Promise<LoadCost> {
    return this.run(load);
  }

  async run({ port, bytes, datagramSize = USUAL_DATAGRAM }: Load): Promise<LoadCost> {
    const { pid } = this.#process;
    const before = cpuOf(pid);
    const order: DatapathOrder = { host: this.#host, port, bytes, size: Math.round(datagramSize) };
    const { error, milliseconds } = await this.#process.request<LoadDone>(order);
    if (error !== undefined) throw new Error(`the raw data path: ${error}`);
    return { cpu: cpuOf(pid) - before, seconds: milliseconds / 1000, peak: memoryOf(pid).peak };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}
