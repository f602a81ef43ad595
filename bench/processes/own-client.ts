/** Our client in its own process, as a load generator. Its parent sends it orders. */

import { type Client, createClient } from "../../src/client/index.ts";
import type { LoadDone, LoadOrder } from "../messages.ts";

let clients: Client[] = [];

async function load(order: LoadOrder): Promise<LoadDone> {
  await Promise.all(clients.map((client) => client.close()));
  const started = performance.now();
  clients = Array.from({ length: order.connections ?? 1 }, () =>
    createClient({
      protocols: ["h3"],
      ca: order.ca,
      resolve: () => [order.host ?? "127.0.0.1"],
      connectTimeout: 60_000,
    }),
  );
  let bytes = 0;
  let begun = 0;
  const worker = async (): Promise<void> => {
    while (begun < order.requests) {
      const client = clients[begun++ % clients.length]!;
      const response = await client.fetch(order.url);
      if (response.status !== 200) throw new Error(`status ${response.status}`);
      for await (const chunk of response.body!) bytes += chunk.length;
    }
  };
  await Promise.all(Array.from({ length: order.concurrency }, worker));
  const milliseconds = performance.now() - started;
  const { bytesReceived = 0, packetsReceived = 0 } = clients.at(-1)?.connections()[0]?.stats ?? {};
  return { bytes, milliseconds, ...(packetsReceived > 0 ? { datagramSize: bytesReceived / packetsReceived } : {}) };
}

process.on("message", (order: LoadOrder) => {
  load(order)
    .catch((error: Error): LoadDone => ({ bytes: 0, milliseconds: 0, error: error.message }))
    .then((done) => process.send!(done));
});

process.send!("ready");
process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
