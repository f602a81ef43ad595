/**
 * A program with workers, for tests. The supervisor takes commands over its channel, and tells its port and workers. Settings
 * come from a file, which each new generation reads again.
 */

import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { serve } from "../../src/edge/index.ts";

export interface Settings {
  readonly version: string;
  readonly workers: number;
  readonly cert: string;
  readonly key: string;
  readonly drainTimeout?: number;
  /** True to count, on a port that the system chooses. */
  readonly metrics?: boolean;
}

export interface Command {
  readonly id: number;
  readonly name: "reload" | "certificates" | "facts" | "close";
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface Answer {
  readonly id: number;
  readonly error?: string;
  readonly port: number;
  readonly workers: readonly number[];
  readonly metricsUrl?: string;
}

const settings = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as Settings;
const { version, workers, cert, key, drainTimeout, metrics } = settings;
if (version === "broken") throw new Error("this version is broken");

/** The number of pauses of 20 ms in a slow download. */
const pauses = (url: URL): number => Number(url.searchParams.get("pauses") ?? 20);

async function* slowly(count: number) {
  for (let i = 0; i < count; i += 1) {
    await setTimeout(20);
    yield new Uint8Array(1_000);
  }
}

const server = await serve(
  {
    ...{ port: 0, host: "127.0.0.1", workers, cert, key },
    ...(drainTimeout === undefined ? {} : { drainTimeout }),
    ...(metrics === true ? { metrics: { port: 0 } } : {}),
  },
  async (request) => {
    const url = new URL(request.url);
    if (url.pathname === "/slow") return new Response(slowly(pauses(url)) as unknown as ReadableStream);
    let length = 0;
    if (request.body !== null) for await (const chunk of request.body) length += chunk.length;
    return Response.json({ version, pid: process.pid, length });
  },
);

if (server.workers.length > 0) {
  const send = (answer: Omit<Answer, "port" | "workers" | "metricsUrl">): void => {
    const { port, workers, metricsUrl } = server;
    const facts = { port, workers, ...(metricsUrl === undefined ? {} : { metricsUrl: metricsUrl.href }) };
    process.send!({ ...answer, ...facts } satisfies Answer);
  };
  const run = async ({ id, name, tls }: Command): Promise<void> => {
    try {
      if (name === "reload") await server.reload();
      if (name === "certificates") await server.reload({ tls: tls! });
      send({ id });
      if (name === "close") {
        await server.close({ timeout: 2_000 });
        process.disconnect();
      }
    } catch (error) {
      send({ id, error: (error as Error).message });
    }
  };
  process.on("message", (command) => void run(command as Command));
  send({ id: 0 });
}
