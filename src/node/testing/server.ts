/** A server that closes after each test, and its clients. */
import { once } from "node:events";
import { createServer as createHttpsServer } from "node:https";
import { afterEach } from "vitest";
import type { OpenTestClient, TestClient } from "../../edge/testing/test-client.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import type { Listener } from "../../host/node/index.ts";
import { createServer, type Server, type ServerOptions } from "../server.ts";

export const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** The members that both servers have. */
export type AnyServer = Pick<Server, "on" | "once" | "address" | "closeAllConnections"> & {
  listen(port: number, host: string): unknown;
  close(callback: () => void): unknown;
};

/** Makes a server listen, and returns its port. */
export async function listening(server: AnyServer): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server as never, "listening");
  closers.push(
    () =>
      new Promise<void>((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  );
  return (server.address() as { port: number }).port;
}

/** Collects the log in `lines` instead of writing it to standard error. */
export function ownServer(listener?: Listener, options: ServerOptions = {}): { server: Server; lines: string[] } {
  const lines: string[] = [];
  const server = createServer({ ...localhostIdentity, log: (line) => lines.push(line), ...options }, listener);
  return { server, lines };
}

export const httpsServer = (listener: Listener, options: object = {}): AnyServer =>
  createHttpsServer({ ...localhostIdentity, ...options } as object, listener) as unknown as AnyServer;

export async function connect(open: OpenTestClient, port: number): Promise<TestClient> {
  const client = await open(new URL(`https://127.0.0.1:${port}`));
  closers.push(() => client.close());
  return client;
}
