/** A plain HTTP port whose only answer is where the same thing is to be had over https. */
import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { guard, reportFault } from "../host/guard.ts";
import { isAuthority } from "../host/http/request-head.ts";
import { addressesOf } from "./bind.ts";
import { listenError } from "./errors.ts";

const HEAD_TIMEOUT = 10_000;

export interface RedirectServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Answers every request with 308, which unlike 301 keeps its method (RFC 9110 §15.4.9). */
export async function startRedirect(port: number, host: string, httpsPort: number): Promise<RedirectServer> {
  const servers: HttpServer[] = [];
  try {
    for (const address of await addressesOf(host)) {
      servers.push(await listen(servers.length === 0 ? port : portOf(servers[0]!), address, httpsPort));
    }
  } catch (error) {
    await Promise.all(servers.map(close));
    throw error;
  }
  return {
    port: portOf(servers[0]!),
    close: async () => {
      await Promise.all(servers.map(close));
    },
  };
}

const portOf = (server: HttpServer): number => (server.address() as AddressInfo).port;

function listen(port: number, host: string, httpsPort: number): Promise<HttpServer> {
  const server = createServer({ headersTimeout: HEAD_TIMEOUT, requestTimeout: HEAD_TIMEOUT }, redirectTo(httpsPort));
  return new Promise((resolve, reject) => {
    const refused = guard("redirect refused", reportFault, (error: Error) =>
      reject(listenError(error, "tcp", host, port)),
    );
    server.once("error", refused);
    server.listen({ port, host }, () => {
      server.off("error", refused);
      // A connection that the system could not hand over (EMFILE): the next one may do better.
      server.on(
        "error",
        guard("redirect error", reportFault, (error: Error) => reportFault({ entry: "redirect error", error })),
      );
      resolve(server);
    });
  });
}

const redirectTo = (httpsPort: number): RequestListener =>
  guard(
    "redirect request",
    (fault, _request, response: ServerResponse) => {
      reportFault(fault);
      response.destroy();
    },
    (request: IncomingMessage, response: ServerResponse) => {
      const { host = "" } = request.headers;
      const name = host.replace(/:[0-9]*$/, "");
      const path = request.url ?? "/";
      response.shouldKeepAlive = false;
      if (name === "" || !isAuthority(host) || !path.startsWith("/")) {
        response.writeHead(400).end();
        return;
      }
      const location = `https://${name}${httpsPort === 443 ? "" : `:${httpsPort}`}${path}`;
      response.writeHead(308, { location, "content-length": "0" }).end();
    },
  );

function close(server: HttpServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
