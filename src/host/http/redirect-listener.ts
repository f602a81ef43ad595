/** A plain HTTP port that redirects every request to https. */

import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { isAuthority } from "../../http/index.ts";
import { guard, reportFault } from "../guard.ts";
import type { Bindable, BoundAddress } from "./listener.ts";

const HEAD_TIMEOUT = 10_000;

export class RedirectListener implements Bindable {
  readonly #servers: HttpServer[] = [];
  readonly #httpsPort: number;

  constructor(httpsPort: number) {
    this.#httpsPort = httpsPort;
  }

  listen(port: number, host: string, descriptor?: number): Promise<BoundAddress> {
    const limits = { headersTimeout: HEAD_TIMEOUT, requestTimeout: HEAD_TIMEOUT };
    const server = createServer(limits, redirectTo(this.#httpsPort));
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(descriptor === undefined ? { port, host } : { fd: descriptor }, () => {
        server.off("error", reject);
        // The system could not accept a connection (EMFILE). Keep listening, since the next attempt may succeed.
        const report = guard("redirect error", reportFault, (error: Error) =>
          reportFault({ entry: "redirect error", error }),
        );
        server.on("error", report);
        this.#servers.push(server);
        const { address, family, port: bound } = server.address() as AddressInfo;
        resolve({ transport: "tcp", address, family: family === "IPv6" ? "IPv6" : "IPv4", port: bound });
      });
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map(close));
  }
}

/** Redirects every request with 308, which, unlike 301, preserves the method (RFC 9110 §15.4.9). */
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
