/** Two responses over HTTP/2 that wait for each other, and a listener that reads PRIORITY_UPDATE frames. */

import { startServer } from "../../src/edge/server.ts";
import { createFetchHandler } from "../../src/host/http/fetch-handler.ts";
import { all, closers, identities, log, openClient } from "./world.ts";

const contention = async (http2PriorityUpdate: boolean): Promise<void> => {
  const service = createFetchHandler(() => new Response(new Uint8Array(1_000_000)), { log });
  const options = {
    port: 0,
    host: "127.0.0.1",
    identities,
    log,
    protocols: ["h2", "http/1.1"],
    http2PriorityUpdate,
  } as const;
  const server = await startServer(options, service);
  closers.push(() => server.close({ timeout: 0 }));
  const { client, get } = openClient(server, "h2");
  await all(get("/"), get("/"));
  await all(client.close());
};

const tapped = { run: () => contention(true) };

export const HTTP2_TRAFFIC = {
  "http2 look": { run: () => contention(false) },
  "http2 tap": tapped,
  "http2 tap data": tapped,
  "http2 tap end": tapped,
  "http2 tap close": tapped,
};
