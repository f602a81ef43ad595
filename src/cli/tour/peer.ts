// Peers as child processes: started with an argument list, stopped by process id, and never running longer than their row.
import { type ChildProcess, spawn } from "node:child_process";
import { findProgram } from "../find-program.ts";
import { NoPeer, type RowContext } from "./row.ts";

/** Characters of a peer's output that are kept, enough to show what went wrong. */
const MAX_OUTPUT = 1 << 20;
/** Milliseconds between SIGTERM and SIGKILL. */
const KILL_DELAY = 2_000;

export async function peerPath(context: RowContext, ...names: string[]): Promise<string> {
  const path = await findProgram(names, context.env);
  if (path === undefined) throw new NoPeer(`${names[0]} is not on PATH`);
  return path;
}

export interface PeerOptions {
  readonly env?: Readonly<Record<string, string>>;
}

export class Peer {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #stdout = "";
  #stderr = "";

  constructor(context: RowContext, path: string, args: readonly string[], options: PeerOptions = {}) {
    this.#name = path.split("/").at(-1)!;
    this.#child = spawn(path, args, {
      cwd: context.directory,
      env: { ...context.env, HOME: context.directory, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
      signal: context.signal,
      killSignal: "SIGKILL",
    });
    this.#child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      if (this.#stdout.length < MAX_OUTPUT) this.#stdout += text;
    });
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      if (this.#stderr.length < MAX_OUTPUT) this.#stderr += text;
    });
    this.#exited = new Promise((resolve) => {
      this.#child.on("close", resolve);
      // A program that could not be started never closes. An abort is also an error, but then the program closes.
      this.#child.on("error", () => this.#child.pid === undefined && resolve(undefined));
    });
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits until the program ends. Rejects unless it exits with 0. */
  async succeeded(): Promise<void> {
    await this.#exited;
    const { exitCode, signalCode } = this.#child;
    if (exitCode === 0) return;
    throw new Error(`${this.#name} exited with ${signalCode ?? exitCode}: ${this.lastLine()}`);
  }

  /** The last line of its output. */
  lastLine(): string {
    const lines = (this.#stderr.trim() || this.#stdout.trim()).split("\n");
    return lines.at(-1)?.slice(0, 200) ?? "";
  }

  async stop(): Promise<void> {
    if (!this.running) return;
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), KILL_DELAY);
    await this.#exited;
    clearTimeout(timer);
  }
}

/** Runs a program until it ends. */
export async function runPeer(
  context: RowContext,
  path: string,
  args: readonly string[],
  options?: PeerOptions,
): Promise<Peer> {
  const peer = new Peer(context, path, args, options);
  await peer.succeeded();
  return peer;
}

/** Retries until it works, the peer has exited, or the row's time is up. */
export async function untilReady<T>(context: RowContext, peer: Peer, attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!peer.running) throw new Error(`the peer exited: ${peer.lastLine()}`, { cause: error });
      context.signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
