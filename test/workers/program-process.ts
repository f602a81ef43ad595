/** Starts the program with workers, and gives it commands. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import type { BuiltProgram } from "../built-program.ts";
import type { Answer, Command, Settings } from "./program.ts";

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

let built: Promise<BuiltProgram> | undefined;

/** The benchmarks compile this file and the program; tests bundle the program when they first start it. */
async function programPath(): Promise<string> {
  if (!import.meta.url.endsWith(".ts")) return pathOf("program.js");
  built ??= import("../built-program.ts").then(({ buildProgram }) => buildProgram("test/workers/program.ts"));
  return (await built).path;
}

/** For the end of a test file. */
export async function removeProgram(): Promise<void> {
  (await built)?.remove();
  built = undefined;
}

export class Program {
  stderr = "";
  readonly #folder: string;
  readonly #child: ChildProcess;
  #settings: Settings;
  #facts: Answer | undefined;
  #commands = 0;

  private constructor(program: string, settings: Settings, env: NodeJS.ProcessEnv) {
    this.#folder = mkdtempSync(join(tmpdir(), "nagare-program-"));
    this.#settings = settings;
    this.configure({});
    this.#child = spawn(process.execPath, [program, this.#path], {
      env: { ...process.env, XDG_CACHE_HOME: this.#folder, ...env },
      stdio: ["ignore", "inherit", "pipe", "ipc"],
    });
    this.#child.stderr!.on("data", (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
  }

  static async start(changes: Partial<Settings> = {}, env: NodeJS.ProcessEnv = {}): Promise<Program> {
    const { cert, key } = localhostIdentity;
    const program = new Program(
      await programPath(),
      { version: "1", workers: 2, cert: String(cert), key: String(key), ...changes },
      env,
    );
    await program.#answer(0);
    return program;
  }

  get #path(): string {
    return join(this.#folder, "settings.json");
  }

  /** Changes what the next generation reads. */
  configure(changes: Partial<Settings>): void {
    this.#settings = { ...this.#settings, ...changes };
    writeFileSync(this.#path, JSON.stringify(this.#settings));
  }

  get url(): string {
    return `https://localhost:${this.#facts!.port}`;
  }

  get port(): number {
    return this.#facts!.port;
  }

  async workers(): Promise<readonly number[]> {
    return (await this.run("facts")).workers;
  }

  /** Rejects with the program's error. */
  async run(name: Command["name"], tls?: Command["tls"]): Promise<Answer> {
    this.#commands += 1;
    const id = this.#commands;
    this.#child.send({ id, name, ...(tls === undefined ? {} : { tls }) } satisfies Command);
    return this.#answer(id);
  }

  #answer(id: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error(`the program ended: ${this.stderr}`));
      const listen = (answer: Answer): void => {
        if (answer.id !== id) return;
        this.#child.off("message", listen).off("exit", ended);
        this.#facts = answer;
        if (answer.error === undefined) resolve(answer);
        else reject(new Error(answer.error));
      };
      this.#child.on("message", listen).once("exit", ended);
    });
  }

  async close(): Promise<void> {
    try {
      if (this.#child.exitCode !== null) return;
      const exited = once(this.#child, "exit");
      await this.run("close");
      await exited;
    } finally {
      this.#child.kill("SIGKILL");
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }
}
