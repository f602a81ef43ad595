/** A peer as a child process: an argument list without a shell, bounded output, ended by process ID. */

import { type ChildProcess, spawn } from "node:child_process";

/** The limit on kept output per stream. Verbose peers write a line per packet. */
const MAX_OUTPUT = 32 << 20;
/** Milliseconds for an orderly exit before it is killed. */
const PATIENCE = 3_000;

export interface ChildOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Aborting kills the process. */
  readonly signal?: AbortSignal | undefined;
}

export class Child implements AsyncDisposable {
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  #stdout = "";
  #stderr = "";
  #failure: Error | undefined;

  /** The first element is the path of the program. */
  constructor(command: readonly string[], options: ChildOptions = {}) {
    const [path, ...args] = command;
    this.#name = path!.split("/").at(-1)!;
    this.#process = spawn(path!, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      killSignal: "SIGKILL",
    });
    const { stdout, stderr } = this.#process;
    stdout!.setEncoding("utf8").on("data", (text: string) => {
      if (this.#stdout.length < MAX_OUTPUT) this.#stdout += text;
    });
    stderr!.setEncoding("utf8").on("data", (text: string) => {
      if (this.#stderr.length < MAX_OUTPUT) this.#stderr += text;
    });
    this.#ended = new Promise((resolve) => {
      this.#process.on("error", (error) => {
        this.#failure ??= error;
        if (this.#process.pid === undefined) resolve(); // Never started, so there is no "close".
      });
      this.#process.on("close", () => resolve());
    });
  }

  get pid(): number {
    return this.#process.pid!;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get isRunning(): boolean {
    return this.#process.pid !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Waits for the exit; throws unless its code is 0. */
  async succeeded(): Promise<this> {
    await this.#ended;
    const { exitCode, signalCode } = this.#process;
    if (exitCode === 0) return this;
    if (this.#failure !== undefined) throw new Error(`${this.#name}: ${this.#failure.message}`);
    throw new Error(`${this.#name} exited with ${signalCode ?? exitCode}: ${this.lastLine()}`);
  }

  /** The last line of its output. */
  lastLine(): string {
    const text = this.#stderr.trim() || this.#stdout.trim();
    return text.slice(text.lastIndexOf("\n") + 1).slice(0, 300);
  }

  /** Polls until `isReady` returns true; throws if the process ends before. */
  async until(isReady: () => Promise<boolean> | boolean, signal?: AbortSignal): Promise<void> {
    while (!(await isReady())) {
      if (!this.isRunning) throw new Error(`${this.#name} exited early: ${this.lastLine()}`);
      signal?.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) {
      this.#process.kill("SIGTERM");
      const timer = setTimeout(() => this.#process.kill("SIGKILL"), PATIENCE);
      await this.#ended;
      clearTimeout(timer);
    }
  }
}

/** Runs a program to its end; throws unless it succeeds. */
export const runChild = (command: readonly string[], options: ChildOptions = {}): Promise<Child> =>
  new Child(command, options).succeeded();
