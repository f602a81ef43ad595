/** Over HTTP/2: two responses that wait for each other, a listener that reads PRIORITY_UPDATE frames, and a flood. */

import { startServer } from "../../src/edge/server.ts";
import { createFetchHandler } from "../../src/host/http/fetch-handler.ts";
import { frame, PING } from "../../src/host/http/testing/http2-frames.ts";
import { RawHttp2 } from "../../src/host/http/testing/raw-http2.ts";
import { all, closers, identities, log, openClient, openServer } from "./world.ts";

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

/** More PINGs than a client may send. */
const flood = async (): Promise<void> => {
  const server = await openServer(["h2"]);
  const client = await RawHttp2.open(server.port);
  closers.push(() => client.close());
  client.sendFrame(Buffer.concat(Array.from({ length: 1_500 }, () => frame(PING, 0, 0, new Uint8Array(8)))));
  await client.whenOver();
};

const tapped = { run: () => contention(true) };

export const HTTP2_TRAFFIC = {
  "http2 cut off": { run: flood },
  "http2 reset": { run: flood },
  "http2 look": { run: () => contention(false) },
  "http2 tap": tapped,
  "http2 tap data": tapped,
  "http2 tap end": tapped,
  "http2 tap close": tapped,
};
