/**
 * `npm run replay -- [--clients 20] [--size 200] [--origins 3] [--pause 30000] [--grace 30000] [--only with|without]`: uploads of SIZE MB each through
 * an edge, while its origins, processes of their own, restart in a rolling loop; first with Partial POST Replay, then without it.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import type { Protocol } from "../../src/host/client/session.ts";
import { type Edge, type Restartable, rollingRestart } from "./rolling.ts";

const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "20" },
    size: { type: "string", default: "200" },
    origins: { type: "string", default: "3" },
    pause: { type: "string", default: "30000" },
    grace: { type: "string", default: "30000" },
    protocols: { type: "string", default: "http/1.1,h2,h3" },
    only: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});
const [clients, size, count, pause, grace] = [
  values.clients,
  values.size,
  values.origins,
  values.pause,
  values.grace,
].map(Number) as [number, number, number, number, number];
const folder = await mkdtemp(join(tmpdir(), "nagare-replay-"));
const env = { ...process.env, XDG_CACHE_HOME: folder };

/** Resolves with the process and its first line. */
async function start(args: readonly string[]): Promise<{ readonly child: ChildProcess; readonly line: string }> {
  const child = spawn(process.execPath, args, {
    env,
    stdio: ["ignore", "pipe", values.verbose ? "inherit" : "ignore"],
  });
  const [line] = (await once(createInterface({ input: child.stdout! }), "line")) as [string];
  return { child, line };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}

class OriginProcess implements Restartable {
  port = 0;
  readonly #replay: string;
  #child: ChildProcess | undefined;

  constructor(replay: string) {
    this.#replay = replay;
  }

  async start(): Promise<this> {
    const program = new URL("origin.js", import.meta.url).pathname;
    const { child, line } = await start([program, String(this.port), this.#replay, String(grace)]);
    this.#child = child;
    this.port = Number(line);
    return this;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async stop(): Promise<void> {
    if (this.#child !== undefined) await end(this.#child);
  }
}

async function startEdge(origins: readonly Restartable[], isEnabled: boolean): Promise<Edge> {
  const proxy = {
    origins: origins.map(({ port }) => `https://127.0.0.1:${port}`),
    rejectUnauthorized: false,
    ...(isEnabled ? { partialPostReplay: { maxReplays: 50 } } : {}),
  };
  const config = {
    listen: { port: 0, host: "127.0.0.1" },
    sites: { "*": { tls: "development", routes: [{ path: "/*", proxy }] } },
  };
  const file = join(folder, `edge-${isEnabled}.json`);
  await writeFile(file, JSON.stringify(config));
  const cli = new URL("../../../dist/cli/main.js", import.meta.url).pathname;
  const { child, line } = await start([cli, "serve", "--config", file]);
  return { url: line, stop: () => end(child) };
}

let isFailed = false;
try {
  for (const mode of ["with", "without"]) {
    if (values.only !== undefined && values.only !== mode) continue;
    const isEnabled = mode === "with";
    const origins = await Promise.all(
      Array.from({ length: count }, () => new OriginProcess(isEnabled ? "on" : "off").start()),
    );
    const edge = await startEdge(origins, isEnabled);
    const result = await rollingRestart({
      clients,
      bytes: size * 1e6,
      origins,
      edge,
      pause,
      protocols: values.protocols.split(",") as Protocol[],
      log: values.verbose ? console.error : () => {},
    });
    await edge.stop();
    await Promise.all(origins.map((origin) => origin.stop()));
    const seconds = (result.milliseconds / 1_000).toFixed(1);
    console.log(
      `${mode} Partial POST Replay: ${result.uploads} uploads of ${size} MB over ${values.protocols} in ${seconds} s, ${result.restarts} restarts: ${result.failures.length} failed, ${(result.failures.length / Math.max(result.restarts, 1)).toFixed(1)} per restart`,
    );
    for (const failure of new Set(result.failures)) console.log(`  ${failure}`);
    if (isEnabled && result.failures.length > 0) isFailed = true;
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = isFailed ? 1 : 0;
