/** Two responses over HTTP/2 that wait for each other. */

import { startServer } from "../../src/edge/server.ts";
import { createFetchHandler } from "../../src/host/http/fetch-handler.ts";
import { all, closers, identities, log, openClient } from "./world.ts";

const contention = async (): Promise<void> => {
  const service = createFetchHandler(() => new Response(new Uint8Array(1_000_000)), { log });
  const server = await startServer({ port: 0, host: "127.0.0.1", identities, log, protocols: ["h2"] }, service);
  closers.push(() => server.close({ timeout: 0 }));
  const client = openClient(server, "h2");
  await all(client.get("/"), client.get("/"));
};

export const HTTP2_TRAFFIC = { "http2 look": { run: contention } };
