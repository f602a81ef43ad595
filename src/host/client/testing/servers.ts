// Real servers on loopback for the client's tests: node:http, node:https and node:http2, on a port chosen by the
// system.
import { createServer, type RequestListener } from "node:http";
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type SecureServerOptions,
} from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Server, Socket } from "node:net";
import { type Authority, type Issued, makeAuthority } from "./certificates.ts";

export interface TestServer {
  readonly port: number;
  /** Ends with a slash. */
  readonly url: string;
  /** Connections accepted so far. */
  readonly connections: () => number;
  /** Closes all connections, like a restarting server. */
  dropConnections(): void;
  close(): Promise<void>;
}

let shared: { readonly authority: Authority; readonly issued: Issued } | undefined;

/** One authority and one valid certificate for a whole test file. */
export function testCertificate(): { readonly authority: Authority; readonly issued: Issued } {
  if (shared === undefined) {
    const authority = makeAuthority();
    shared = { authority, issued: authority.issue() };
  }
  return shared;
}

export function serveHttp(listener: RequestListener): Promise<TestServer> {
  return listen(createServer(listener), "http");
}

export async function serveHttps(listener: RequestListener, issued?: Issued): Promise<TestServer> {
  return listen(createHttpsServer(issued ?? testCertificate().issued, listener), "https");
}

export type Http2Listener = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

export async function serveHttp2(
  listener: Http2Listener,
  options: SecureServerOptions = {},
  configure: (server: Http2SecureServer) => void = () => {},
): Promise<TestServer> {
  const server = createSecureServer({ ...testCertificate().issued, ...options }, listener);
  configure(server);
  return listen(server, "https");
}

function listen(server: Server, scheme: "http" | "https"): Promise<TestServer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on("connection", (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const dropConnections = () => {
    for (const socket of sockets) socket.destroy();
  };
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      resolve({
        port,
        url: `${scheme}://localhost:${port}/`,
        connections: () => connections,
        dropConnections,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            dropConnections();
          }),
      });
    });
  });
}
