/** Our server in its own process: a folder, and a few dynamic resources. Its parent sends it an order. */

import { readFileSync } from "node:fs";
import { FileService } from "../../src/edge/files/index.ts";
import { loadIdentity } from "../../src/host/certificates/index.ts";
import type { ServerExchange } from "../../src/host/http/exchange.ts";
import { createFetchHandler } from "../../src/host/http/fetch-handler.ts";
import { QuicListener } from "../../src/host/quic/listener.ts";
import type { ServerOrder, ServerReady } from "../messages.ts";

const CHUNK = new Uint8Array(64 * 1024);

let waiting: (() => void)[] = [];

/** /stream/BYTES streams that many bytes. /together/N answers once N requests are waiting. */
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

process.once("message", async ({ certFile, keyFile, directory, congestionControl, host }: ServerOrder) => {
  const files = new FileService(directory);
  const onExchange = (exchange: ServerExchange): void =>
    /^\/(stream|together)\//.test(exchange.path) ? dynamic.handle(exchange) : files.handle(exchange);
  const listener = new QuicListener({
    identities: [loadIdentity({ cert: readFileSync(certFile), key: readFileSync(keyFile) })],
    onExchange,
    quic: { congestionControl },
  });
  const { port } = await listener.listen(0, host);
  process.send!({ port } satisfies ServerReady);
});

// Calls process.exit instead of dying from the signal, so that a profiler writes its results.
process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
