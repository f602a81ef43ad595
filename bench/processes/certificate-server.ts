/** Our server in its own process, with certificates that the benchmark replaces on disk. */

import { readdirSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { serve } from "../../src/edge/serve.ts";
import type { CertificateServerOrder, Resources } from "../certificates/messages.ts";
import type { ServerReady } from "../messages.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const kept: string[] = [];
let onKept = (): void => undefined;

function log(line: string): void {
  if (line.includes("the previous certificate stays in use")) {
    kept.push(line);
    onKept();
  } else if (!line.includes("new certificate for")) process.stderr.write(`${line}\n`);
}

async function resources(): Promise<Resources> {
  // Finalizers run between collections, and free what the next one collects.
  for (let i = 0; i < 5; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { heapUsed, rss } = process.memoryUsage();
  return { heap: heapUsed, resident: rss, descriptors: readdirSync("/proc/self/fd").length };
}

async function handle(order: CertificateServerOrder): Promise<unknown> {
  switch (order.type) {
    case "start": {
      const server = await serve({ port: 0, host: "127.0.0.1", tls: order.tls, log }, () => new Response("ok"));
      return { port: server.port } satisfies ServerReady;
    }
    case "kept":
      while (kept.length < order.count) {
        await new Promise<void>((resolve) => {
          onKept = resolve;
        });
      }
      return kept;
    case "resources":
      return resources();
  }
}

process.on("message", async (order: CertificateServerOrder) => process.send!(await handle(order)));
process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
