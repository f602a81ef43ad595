// `nagare serve --config` as a process of its own, for rows whose system is a configuration.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { RowContext } from "./row.ts";

export class ConfiguredServer {
  readonly #context: RowContext;
  #child: ChildProcess | undefined;
  #log: Interface | undefined;

  constructor(context: RowContext) {
    this.#context = context;
  }

  /** Starts the server in the row's folder. Returns its URL. */
  async start(config: object): Promise<string> {
    const { directory, env, signal } = this.#context;
    const file = await this.#write(config);
    const args = [...process.execArgv, process.argv[1]!, "serve", "--config", file];
    const child = spawn(process.execPath, args, {
      env: { ...env, XDG_CACHE_HOME: directory },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.#log = createInterface({ input: child.stderr! });
    const [url] = (await once(createInterface({ input: child.stdout! }), "line", { signal })) as [string];
    return url;
  }

  /** Replaces the configuration while the server runs, and waits until the new one is in use. */
  async change(config: object): Promise<void> {
    await this.#write(config);
    for await (const [line] of lines(this.#log!, this.#context.signal)) if (line.endsWith("is in use")) return;
  }

  async #write(config: object): Promise<string> {
    const file = join(this.#context.directory, "nagare.config.json");
    await writeFile(file, JSON.stringify(config));
    return file;
  }

  async stop(): Promise<void> {
    this.#child?.kill("SIGTERM");
    if (this.#child?.exitCode === null) await once(this.#child, "exit");
  }
}

async function* lines(log: Interface, signal: AbortSignal): AsyncGenerator<[string]> {
  for (;;) yield (await once(log, "line", { signal })) as [string];
}
