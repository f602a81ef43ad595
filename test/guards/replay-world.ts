/** Traffic of a server that hands requests back when it closes. */

import { serve } from "../../src/edge/serve.ts";
import { openHttp2 } from "../../src/edge/testing/client.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { closers, log } from "./world.ts";

/** A part of an upload arrives, is kept on disk, and goes back. */
async function handedBack(): Promise<void> {
  let arrived: (() => void) | undefined;
  const reading = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const handBack = { trusted: ["127.0.0.0/8"], memory: 0 };
  const server = await serve({ port: 0, host: "127.0.0.1", tls: localhostIdentity, handBack, log }, async (request) => {
    for await (const _chunk of request.body!) arrived?.();
    return new Response();
  });
  closers.push(() => server.close({ timeout: 0 }));
  const client = await openHttp2(server.url);
  closers.push(() => client.close());
  const request = client.request({ method: "POST", path: "/", streaming: true });
  request.response.catch(() => undefined);
  await request.send("part");
  await reading;
  await server.close({ timeout: 50 });
}

export const REPLAY_TRAFFIC = {
  "hand back": { run: handedBack },
  "spool write": { run: handedBack },
};
