/**
 * The servers of every site: one port for https and one for http on loopback, whose answers are bytes, so that fields may hold
 * what Node's servers refuse to send.
 */

import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { LOOPBACK } from "../loopback.ts";

export interface SiteRequest {
  readonly method: string;
  readonly host: string;
  /** The path with its query. */
  readonly target: string;
  readonly query: URLSearchParams;
  /** The field `cookie`; undefined if there is none. */
  readonly cookie: string | undefined;
  /** The field `origin`; undefined if there is none. */
  readonly origin: string | undefined;
}

export interface SiteAnswer {
  readonly status?: number;
  /** Latin-1: a character is a byte. */
  readonly fields?: readonly (readonly [name: string, value: string])[];
  readonly body?: string;
}

export type SiteHandler = (request: SiteRequest) => SiteAnswer;

export interface Sites {
  readonly https: number;
  readonly http: number;
  close(): Promise<void>;
}

export async function startSites(identity: { cert: string; key: string }, handler: SiteHandler): Promise<Sites> {
  const sockets = new Set<Socket>();
  const serve = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    answerAll(socket, handler);
  };
  const tls = createTlsServer({ ...identity, ALPNProtocols: ["http/1.1"] }, serve);
  const plain = createServer(serve);
  const listen = (server: Server): Promise<number> =>
    new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, LOOPBACK, () => resolve((server.address() as { port: number }).port));
    });
  const [https, http] = [await listen(tls), await listen(plain)];
  return {
    https,
    http,
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all([tls, plain].map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

function answerAll(socket: Socket, handler: SiteHandler): void {
  let received = "";
  socket.on("data", (bytes: Buffer) => {
    received += bytes.toString("latin1");
    for (;;) {
      const end = received.indexOf("\r\n\r\n");
      if (end < 0) return;
      const [line = "", ...fields] = received.slice(0, end).split("\r\n");
      const field = (name: string): string | undefined =>
        fields
          .find((each) => each.toLowerCase().startsWith(`${name}:`))
          ?.slice(name.length + 1)
          // Not trim(), which removes bytes beyond ASCII too.
          .replace(/^[ \t]+|[ \t]+$/g, "");
      const length = Number(field("content-length") ?? 0);
      if (received.length < end + 4 + length) return;
      received = received.slice(end + 4 + length);
      const [method = "", target = ""] = line.split(" ");
      const host = field("host") ?? "";
      const query = new URLSearchParams(target.split("?")[1] ?? "");
      const request = { method, host, target, query, cookie: field("cookie"), origin: field("origin") };
      socket.write(Buffer.from(bytesOf(handler(request)), "latin1"));
    }
  });
}

function bytesOf({ status = 200, fields = [], body = "" }: SiteAnswer): string {
  const all = [
    ...fields,
    ["content-length", String(body.length)],
    ["cache-control", "no-store"],
    ...(fields.some(([name]) => name === "content-type") ? [] : [["content-type", "text/html"]]),
  ];
  return `HTTP/1.1 ${status} OK\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}`;
}
