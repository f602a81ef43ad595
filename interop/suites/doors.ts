/**
 * A suite's client speaks plain HTTP/1.1 to the port of its server. Our server has TLS, so each server gets a "front
 * door": a port of its own, to which `preload.ts` redirects the connections of clients.
 *
 * - A tunnel passes the bytes of a connection through TLS, so that client and server speak HTTP/1.1 with each other.
 * - A gateway sends each request through a dispatcher, as a reverse proxy does: over HTTP/3, with nagare/undici.
 */
import { createServer as createPlainServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { createServer as createTcpServer, type Server as TcpServer } from "node:net";
import { connect } from "node:tls";
import { Agent as UndiciAgent } from "undici";
import { Agent } from "../../src/undici/index.ts";
import { forward, type Sender } from "./gateway.ts";
import type { Certificate } from "./settings.ts";
import type { Version } from "./suite.ts";

export interface Doors {
  /** Where connections without TLS go. */
  readonly plain: number;
  /** Where connections with TLS go; undefined for the server itself. */
  readonly secure: number | undefined;
  close(): void;
}

/** Marks the options of connections that no door takes. */
export const DIRECT = Symbol("nagare.direct");

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** A tunnel: `plain` bytes go to the server over TLS, with the protocol that ALPN names. */
export function openTunnel({ host, port }: Target, { ca, isForeign }: Certificate): Doors {
  const tls = { ca, servername: "localhost", ALPNProtocols: ["http/1.1"], rejectUnauthorized: isForeign !== true };
  const door = createTcpServer({ allowHalfOpen: true }, (client) => {
    const server = connect({ host, port, ...tls });
    client.pipe(server);
    server.pipe(client);
    client.on("error", () => server.destroy());
    server.on("error", () => client.destroy());
    client.on("close", () => server.destroy());
    server.on("close", () => {
      if (!client.writableEnded) client.destroy();
    });
  });
  return { plain: listen(door), secure: undefined, close: () => void door.close() };
}

/** A gateway. Over h1, which serves for comparison, the dispatcher is undici's own. */
export function openGateway({ host, port }: Target, version: Version, certificate: Certificate): Doors {
  const { ca, cert, key, isForeign } = certificate;
  const origin = `https://${host}:${port}`;
  const trust = { ca, rejectUnauthorized: isForeign !== true };
  const dispatcher: Sender =
    version === "h3"
      ? new Agent({ protocols: ["h3"], ...trust })
      : new UndiciAgent({ connect: { ...trust, [DIRECT]: true } as object });
  const listener = (request: IncomingMessage, response: ServerResponse): void =>
    forward(request, response, origin, dispatcher);
  // Limits are the server's business.
  const options = { keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 };
  const plain = createPlainServer(options, listener);
  const secure = createSecureServer({ ...options, cert, key }, listener);
  const ports = { plain: listen(plain), secure: listen(secure) };
  const close = (): void => {
    for (const door of [plain, secure] as Server[]) {
      door.close();
      door.closeIdleConnections();
    }
    dispatcher.close().catch(() => {});
  };
  return { ...ports, close };
}

/** Binds at once, since no name is looked up. Suites end without closing all of their servers. */
function listen(door: TcpServer): number {
  door.listen(0).unref();
  return (door.address() as { port: number }).port;
}
