/** The load generator on quinn (`interop/peers/quinn`): commands on its standard input, a line of JSON for each. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { HOST } from "../interop/certificates.ts";
import { rustProgram } from "../interop/install/rust.ts";
import type { Scratch } from "./scratch.ts";

/** Seconds. Bun ends connections that are idle for ten. */
const KEEP_ALIVE = 5;

export type HandshakeMode = "full" | "session" | "early";

export interface LoadResult {
  readonly seconds: number;
  /** Of all contents. */
  readonly bytes: number;
  /** Of `handshakes`: the connections that resumed a session, and those whose early data the server accepted. */
  readonly sessions: number;
  readonly early: number;
  /** Of `requests`: percentiles of the latency in microseconds. */
  readonly p50: number;
  readonly p99: number;
}

export class LoadProgram implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  #stderr = "";

  private constructor(path: string, port: number, { identity, place: { host, exec } }: Scratch) {
    const options = {
      address: `${host}:${port}`,
      name: HOST,
      ca: identity.caFile,
      idle: "290",
      "keep-alive": `${KEEP_ALIVE}`,
    };
    const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
    const [command, ...rest] = [...exec, path, "--role=load", ...args];
    this.#child = spawn(command!, rest, { stdio: ["pipe", "pipe", "pipe"] });
    this.#lines = createInterface({ input: this.#child.stdout! });
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-1_000);
    });
  }

  /** Throws a `Skip` if it cannot be built. */
  static async start(port: number, scratch: Scratch, log: (line: string) => void): Promise<LoadProgram> {
    const { path } = await rustProgram("quinn", ["h3-files"], log);
    return new LoadProgram(path, port, scratch);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  connect(count: number): Promise<LoadResult> {
    return this.#command(`connect ${count}`);
  }

  /** `pause` is in milliseconds, before each request. */
  requests(count: number, streams: number, path: string, pause = 0): Promise<LoadResult> {
    return this.#command(`requests ${count} ${streams} ${path} ${pause}`);
  }

  handshakes(count: number, atOnce: number, path: string, mode: HandshakeMode): Promise<LoadResult> {
    return this.#command(`handshakes ${count} ${atOnce} ${path} ${mode}`);
  }

  async #command(line: string): Promise<LoadResult> {
    const ended = new AbortController();
    try {
      const answer = once(this.#lines, "line", ended).then(([text]) => JSON.parse(text as string) as LoadResult);
      const exit = once(this.#child, "exit", ended).then(() => {
        throw new Error(`the load generator ended at "${line}": ${this.#stderr.trim()}`);
      });
      this.#child.stdin!.write(`${line}\n`);
      return await Promise.race([answer, exit]);
    } finally {
      ended.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.stdin!.end();
    this.#child.kill("SIGTERM");
    await exited;
  }
}
