/** A plain HTTP port that redirects every request to https, except the questions of an authority (RFC 8555 §8.3). */

import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { isAuthority } from "../../http/index.ts";
import { detach, type Fault, guard, reportFault } from "../guard.ts";
import type { Bindable, BoundAddress } from "./listener.ts";

const HEAD_TIMEOUT = 10_000;
const CHALLENGES = "/.well-known/acme-challenge/";

/** The body for a path under `/.well-known/acme-challenge/`; undefined to redirect it like others. */
export type AnswerChallenge = (path: string) => Promise<string | undefined>;

export class RedirectListener implements Bindable {
  readonly #servers: HttpServer[] = [];
  readonly #httpsPort: number;
  readonly #answerChallenge: AnswerChallenge | undefined;

  constructor(httpsPort: number, answerChallenge?: AnswerChallenge) {
    this.#httpsPort = httpsPort;
    this.#answerChallenge = answerChallenge;
  }

  listen(port: number, host: string, descriptor?: number): Promise<BoundAddress> {
    const limits = { headersTimeout: HEAD_TIMEOUT, requestTimeout: HEAD_TIMEOUT };
    const server = createServer(limits, redirectTo(this.#httpsPort, this.#answerChallenge));
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

const redirectTo = (httpsPort: number, answerChallenge: AnswerChallenge | undefined): RequestListener =>
  guard(
    "redirect request",
    (fault, _request, response: ServerResponse) => {
      reportFault(fault);
      response.destroy();
    },
    (request: IncomingMessage, response: ServerResponse) => {
      response.shouldKeepAlive = false;
      if (answerChallenge === undefined || request.url?.startsWith(CHALLENGES) !== true) {
        redirect(request, response, httpsPort);
        return;
      }
      const onFault = (fault: Fault): void => {
        reportFault(fault);
        response.destroy();
      };
      detach("redirect challenge", onFault, answerOr(answerChallenge, request, response, httpsPort));
    },
  );

async function answerOr(
  answerChallenge: AnswerChallenge,
  request: IncomingMessage,
  response: ServerResponse,
  httpsPort: number,
): Promise<void> {
  const body = await answerChallenge(request.url!);
  if (body === undefined) redirect(request, response, httpsPort);
  else response.writeHead(200, { "content-type": "application/octet-stream" }).end(body);
}

/** Redirects with 308, which, unlike 301, preserves the method (RFC 9110 §15.4.9). */
function redirect(request: IncomingMessage, response: ServerResponse, httpsPort: number): void {
  const { host = "" } = request.headers;
  const name = host.replace(/:[0-9]*$/, "");
  const path = request.url ?? "/";
  if (name === "" || !isAuthority(host) || !path.startsWith("/")) {
    response.writeHead(400).end();
    return;
  }
  const location = `https://${name}${httpsPort === 443 ? "" : `:${httpsPort}`}${path}`;
  response.writeHead(308, { location, "content-length": "0" }).end();
}

function close(server: HttpServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
