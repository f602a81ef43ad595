/** A WebTransport session with more datagrams than its queue holds. */

import { WebTransport } from "../../src/client/webtransport/index.ts";
import { startServer } from "../../src/edge/server.ts";
import { createFetchHandler } from "../../src/host/http/fetch-handler.ts";
import { all, closers, identities, log } from "./world.ts";

const session = async (): Promise<void> => {
  const service = createFetchHandler((_request, context) => context.webtransport!.accept().response, { log });
  const server = await startServer({ port: 0, host: "127.0.0.1", identities, log }, service);
  closers.push(() => server.close({ timeout: 0 }));
  const transport = new WebTransport(server.url, { client: { rejectUnauthorized: false } });
  closers.push(() => transport.close());
  await all(transport.ready);
  if (transport.reliability === "pending") return;
  const writers = Array.from({ length: 400 }, () => transport.datagrams.createWritable().getWriter());
  await all(...writers.map((writer) => writer.write(new Uint8Array(1000))));
  transport.close();
  await all(transport.closed);
};

export const WEBTRANSPORT_TRAFFIC = {
  "client webtransport closed": { run: session },
  "client webtransport connect": { run: session },
  "client webtransport turn": { run: session },
};
