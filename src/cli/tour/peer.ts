// Peers as child processes: started with an argument list, ended by their own process id, never outliving the row.
import { type ChildProcess, spawn } from "node:child_process";
import { findProgram } from "../find-program.ts";
import { NoPeer, type RowContext } from "./row.ts";

/** Kept of a peer's output: enough to say what went wrong. */
const MAX_OUTPUT = 1 << 20;
const PATIENCE = 2_000;

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
      // A program that could not be started has no end to wait for; the signal's abort is an error too, and has one.
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

  /** Waits for its end; rejects unless it ends with 0. */
  async succeeded(): Promise<void> {
    await this.#exited;
    const { exitCode, signalCode } = this.#child;
    if (exitCode === 0) return;
    throw new Error(`${this.#name} ended with ${signalCode ?? exitCode}: ${this.lastWords()}`);
  }

  /** The last line it wrote. */
  lastWords(): string {
    const lines = (this.#stderr.trim() || this.#stdout.trim()).split("\n");
    return lines.at(-1)?.slice(0, 200) ?? "";
  }

  async stop(): Promise<void> {
    if (!this.running) return;
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), PATIENCE);
    await this.#exited;
    clearTimeout(timer);
  }
}

/** Runs a program to its end. */
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

/** Tries again until it works, the peer has ended, or the row's time is over. */
export async function untilReady<T>(context: RowContext, peer: Peer, attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!peer.running) throw new Error(`the peer ended: ${peer.lastWords()}`, { cause: error });
      context.signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
