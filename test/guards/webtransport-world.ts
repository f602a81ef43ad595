/** A WebTransport session with more datagrams than its queue holds, over HTTP/3 and over a WebSocket. */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { WebSocket } from "ws";
import { WebTransport } from "../../src/client/webtransport/index.ts";
import { startServer } from "../../src/edge/server.ts";
import { createFetchHandler } from "../../src/host/http/fetch-handler.ts";
import { all, closers, identities, log } from "./world.ts";

/** Without HTTP/3, something that does not answer has the port, and the attempt goes on until the WebSocket is open. */
const start = async (protocols?: readonly ["http/1.1"]) => {
  const service = createFetchHandler((_request, context) => context.webtransport!.accept().response, { log });
  const options = { port: 0, host: "127.0.0.1", identities, log };
  const server = await startServer({ ...options, ...(protocols && { protocols }) }, service);
  closers.push(() => server.close({ timeout: 0 }));
  if (protocols === undefined) return server;
  const silent = createSocket("udp4");
  closers.push(() => silent.close());
  silent.bind(server.port, "127.0.0.1");
  await once(silent, "listening");
  return server;
};

const session = async (protocols?: readonly ["http/1.1"]): Promise<void> => {
  const server = await start(protocols);
  const transport = new WebTransport(server.url, { client: { rejectUnauthorized: false } });
  closers.push(() => transport.close());
  await all(transport.ready);
  if (transport.reliability === "pending") return;
  const send = async (): Promise<void> => {
    await transport.datagrams.createWritable().getWriter().write(new Uint8Array(1000));
  };
  await all(...Array.from({ length: 400 }, send));
  transport.close();
  await all(transport.closed);
};

/** The server closes the session, and the client does not read its Close frame. */
const unanswered = async (): Promise<void> => {
  const server = await start();
  const socket = new WebSocket(server.url.href.replace("https", "wss"), "qmux-02", {
    rejectUnauthorized: false,
  });
  closers.push(() => socket.terminate());
  await once(socket, "open");
  socket.pause();
  socket.send(Uint8Array.of(0x01));
};

export const WEBTRANSPORT_TRAFFIC = {
  "client webtransport abort": { run: () => session(["http/1.1"]) },
  "client webtransport closed": { run: () => session() },
  "client webtransport connect": { run: () => session() },
  "client webtransport turn": { run: () => session() },
  "webtransport flush": { run: () => session(["http/1.1"]) },
  "websocket close timeout": { run: unanswered },
};
