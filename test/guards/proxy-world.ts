/** Traffic through proxies that reaches each of their entries. */

import { once } from "node:events";
import { createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { startServer } from "../../src/edge/server.ts";
import { OriginPool } from "../../src/host/client/origin-pool.ts";
import type { Session } from "../../src/host/client/session.ts";
import { describeFault, type Entry } from "../../src/host/guard.ts";
import { TUNNEL_KINDS } from "../../src/host/http/testing/tunnel-clients.ts";
import {
  all,
  closers,
  identities,
  log,
  openClient,
  openServer,
  originUrl,
  reproxy,
  tcpServer,
  viaProxy,
} from "./world.ts";

/** A tunnel whose client ends it after the first bytes. */
async function viaTunnel(tunnelTimeout: number): Promise<void> {
  const target = await tcpServer((socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nhello");
    socket.on("end", () => socket.end()).resume();
  });
  await reproxy([`127.0.0.1:${target}`], { tunnelTimeout });
  const { port } = await openServer();
  const [, { open }] = TUNNEL_KINDS.find(([, kind]) => kind.version === "http/1.1" && kind.protocol !== undefined)!;
  const opened = await open({
    port,
    protocol: "echo",
    path: "/proxy/echo",
    onClose: (close) => void closers.push(close),
  });
  const closed = new Promise((resolve) => {
    if (opened.stream.closed) resolve(undefined);
    else opened.stream.once("close", resolve);
  });
  if (tunnelTimeout > 1) opened.stream.end();
  // Node sends FIN before RST, so the reset of a tunnel may look like an end, after which this side is still open.
  opened.stream.once("end", () => opened.stream.end()).resume();
  await closed;
}

/** A pool on its own: one request on a connection of its own, or two with a name that moves in between. */
async function viaPool(preface: Uint8Array | undefined): Promise<void> {
  const addresses = ["127.0.0.1", "127.0.0.9"];
  const pool = new OriginPool(new URL(originUrl().replace("127.0.0.1", "moving.test")), {
    protocol: "http/1.1",
    connectTimeout: 1_000,
    lookupInterval: 0,
    lookUp: async () => [addresses.length > 1 ? addresses.shift()! : addresses[0]!],
    maxConnections: 1,
    maxWaiting: 10,
    ca: undefined,
    rejectUnauthorized: true,
    onFault: (fault) => log(describeFault(fault)),
  });
  closers.push(() => pool.destroy());
  const request = (): Promise<unknown> =>
    new Promise((resolve) => {
      const start = (session: Session): void => {
        const head = { method: "GET", scheme: "http", authority: "moving.test", path: "/", fields: [] } as const;
        session.request(head, undefined, {
          onRequestSent: () => undefined,
          onInformational: () => undefined,
          onHead: () => undefined,
          onData: () => undefined,
          onEnd: resolve,
          onError: resolve,
        });
      };
      pool.enqueue({ preface, start, fail: resolve });
    });
  await request();
  await request();
}

/** A POST to an origin over HTTP/2 without TLS. */
async function viaHttp2(): Promise<void> {
  const server = createHttp2Server((request, response) => request.resume().on("end", () => response.end("ok")));
  server.on("session", (session) => closers.push(() => session.destroy()));
  await once(server.listen(0, "127.0.0.1"), "listening");
  closers.push(() => server.close());
  await reproxy([`h2c://127.0.0.1:${(server.address() as AddressInfo).port}`]);
  await all(openClient(await openServer(), "h2").get("/proxy/", { method: "POST", body: "body" }));
}

/** A client behind a load balancer, whose header arrives, or only a part of it. */
async function balanced(header: "whole" | "half"): Promise<void> {
  const server = await startServer(
    {
      port: 0,
      host: "127.0.0.1",
      identities,
      protocols: ["h2", "http/1.1"],
      log,
      proxyProtocol: { trusted: ["::/0", "0.0.0.0/0"] },
    },
    { handle: (exchange) => exchange.respond(204, [], { endStream: true }) },
  );
  closers.push(() => server.close({ timeout: 0 }));
  const socket = connectTcp(server.port, "127.0.0.1");
  const closed = new Promise((resolve) => socket.on("error", () => undefined).once("close", resolve));
  socket.write(header === "whole" ? "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" : "PROXY");
  if (header === "half") socket.end();
  else {
    const secured = connectTls({ socket, rejectUnauthorized: false }, () => secured.end());
    secured.on("error", () => undefined).resume();
  }
  socket.resume();
  await closed;
}

const at = (run: () => Promise<unknown>): { readonly run: () => Promise<unknown> } => ({ run });

type ProxyEntry = Extract<Entry, `proxy ${string}`> | "client h2 wants trailers";

export const PROXY_TRAFFIC: Record<ProxyEntry, { readonly run: () => Promise<unknown> }> = {
  "proxy pump": at(() => viaProxy("/hello")),
  "proxy dialled": at(() => viaProxy("/hello")),
  "proxy own dialled": at(() => viaPool(new TextEncoder().encode("\r\n"))),
  "proxy lookup": at(() => viaPool(undefined)),
  "proxy left address": at(() => viaPool(undefined)),
  "proxy timeout": at(async () => {
    await reproxy([originUrl()], { headersTimeout: 1 });
    await viaProxy("/silent");
  }),
  "proxy deadline": at(async () => {
    await reproxy([originUrl()], { timeout: 1 });
    await viaProxy("/silent");
  }),
  "proxy retry": at(async () => {
    await reproxy([originUrl(), originUrl()]);
    await viaProxy("/reset");
  }),
  "proxy health check": at(() => reproxy([originUrl()], { healthCheck: { path: "/", interval: 1 } })),
  "proxy late health check": at(() =>
    reproxy([originUrl()], { healthCheck: { path: "/silent", interval: 1, timeout: 1 } }),
  ),
  "proxy protocol connection": at(() => balanced("whole")),
  "proxy protocol data": at(() => balanced("whole")),
  "proxy protocol gone": at(() => balanced("whole")),
  "proxy protocol closed": at(() => balanced("whole")),
  "proxy protocol late": at(() => balanced("half")),
  "proxy tunnel idle": at(() => viaTunnel(1)),
  "proxy tunnel content": at(() => viaTunnel(60_000)),
  "client h2 wants trailers": at(viaHttp2),
};
