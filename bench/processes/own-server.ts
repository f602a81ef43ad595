/** Our server in a process of its own: a folder, and a few resources that are no files. Told what to do by its parent. */

import { readFileSync } from "node:fs";
import { FileService } from "../../src/edge/files/index.ts";
import { loadIdentity } from "../../src/host/certificates/index.ts";
import type { ServerExchange } from "../../src/host/http/exchange.ts";
import { createFetchHandler } from "../../src/host/http/fetch-handler.ts";
import { QuicListener } from "../../src/host/quic/listener.ts";
import type { ServerOrder, ServerReady } from "../messages.ts";

const CHUNK = new Uint8Array(64 * 1024);

let waiting: (() => void)[] = [];

/** /stream/BYTES: so many, from a stream. /together/N: answers when N requests wait for it. */
const dynamic = createFetchHandler(async (request) => {
  const [, kind, number] = new URL(request.url).pathname.split("/");
  if (kind === "together") {
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      if (waiting.length < Number(number)) return;
      for (const each of waiting) each();
      waiting = [];
    });
    return new Response("all here");
  }
  let left = Number(number);
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const size = Math.min(left, CHUNK.length);
      if (size > 0) controller.enqueue(CHUNK.slice(0, size));
      left -= size;
      if (left === 0) controller.close();
    },
  });
  return new Response(body);
});

process.once("message", async ({ certFile, keyFile, directory }: ServerOrder) => {
  const files = new FileService(directory);
  const onExchange = (exchange: ServerExchange): void =>
    /^\/(stream|together)\//.test(exchange.path) ? dynamic.handle(exchange) : files.handle(exchange);
  const listener = new QuicListener({
    identities: [loadIdentity({ cert: readFileSync(certFile), key: readFileSync(keyFile) })],
    onExchange,
  });
  const { port } = await listener.listen(0, "127.0.0.1");
  process.send!({ port } satisfies ServerReady);
});

// By process.exit and not by the signal alone, so that a profiler writes what it has seen.
process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
