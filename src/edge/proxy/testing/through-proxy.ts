/** What the tests of the proxy share: raw origins, and a client in front of a proxy. */

import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { loadIdentity } from "../../../host/certificates/identity.ts";
import { localhostIdentity } from "../../../host/http/testing/identities.ts";
import { startServer } from "../../server.ts";
import type { TestClient } from "../../testing/test-client.ts";
import type { ProxyOptions } from "../options.ts";
import { createProxy, type ProxyService } from "../service.ts";

/** Called in reverse order when the test ends. */
export type Closers = (() => unknown)[];

/** Starts an origin whose raw responses the test writes. Returns its host and port. */
export async function rawOrigin(closers: Closers, onData: (socket: Socket, data: string) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (data: Buffer) => onData(socket, data.toString("latin1")));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Starts a proxy and opens a client to it. */
export async function throughProxy(
  closers: Closers,
  open: (url: URL) => Promise<TestClient>,
  origins: readonly string[],
  options: ProxyOptions,
): Promise<TestClient> {
  return serveProxy(closers, open, await createProxy(origins, options));
}

/** Opens a client to a proxy, whose port is that of the client. */
export async function serveProxy(
  closers: Closers,
  open: (url: URL) => Promise<TestClient>,
  proxy: ProxyService,
): Promise<TestClient & { readonly port: number }> {
  const server = await startServer(
    { port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)] },
    proxy,
  );
  closers.push(() => server.close({ timeout: 0 }));
  const client = await open(server.url);
  closers.push(() => client.close());
  return { ...client, port: server.port };
}
