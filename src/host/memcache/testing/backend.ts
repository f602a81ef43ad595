/** A memcached on loopback, for tests: its item `where` has a value by which it is known. */

import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { FakeBackend } from "../../../memcache/testing/fake-backend.ts";

export interface BackendServer {
  readonly port: number;
  /** Stops listening, and cuts its connections. */
  stop(): void;
}

export async function backendServer(where: string): Promise<BackendServer> {
  const store = new FakeBackend();
  store.handle(Buffer.from(`set where 0 0 ${where.length}\r\n${where}\r\n`));
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    socket.on("data", (bytes) => socket.write(store.handle(bytes)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
