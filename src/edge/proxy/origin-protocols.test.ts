/** Origins that speak each version of HTTP, on TCP, QUIC and UNIX domain sockets, for clients of each version. */

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import {
  createServer as createHttp2Server,
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadIdentity } from "../../host/certificates/identity.ts";
import type { ServerExchange } from "../../host/http/exchange.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { startServer } from "../server.ts";
import { deferred } from "../testing/async.ts";
import { VERSIONS } from "../testing/client.ts";
import { get, type TestClient } from "../testing/test-client.ts";
import { createProxy } from "./service.ts";
import { serveProxy } from "./testing/through-proxy.ts";

const closers: (() => unknown)[] = [];
const folder = mkdtempSync(join(tmpdir(), "nagare-origins-"));
afterAll(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true });
});

/** Continues a stream of events, whichever origin sends it. */
let goOn = deferred<void>();

/** The same origin on Node's servers for HTTP/1.1 and HTTP/2. */
const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  request.on("error", () => undefined);
  switch (request.url) {
    case "/events":
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: first\n\n");
      await goOn.promise;
      response.end("data: last\n\n");
      break;
    case "/hints":
      response.writeEarlyHints({ link: "</a.css>; rel=preload" });
      response.end("hinted");
      break;
    case "/big":
      response.writeHead(200, { "content-length": 1 << 18 });
      response.end(Buffer.alloc(1 << 18, 1));
      break;
    default: {
      const parts = await request.toArray().catch(() => []);
      response.writeHead(200, { trailer: "x-sum", "x-version": request.httpVersion });
      response.write(Buffer.concat(parts as Buffer[]));
      response.addTrailers({ "x-sum": String(request.trailers["x-sum"] ?? "none") });
      response.end();
    }
  }
};

/** The same origin on our own HTTP/3. */
function answerExchange(exchange: ServerExchange): void {
  switch (exchange.path) {
    case "/events":
      exchange.respond(200, [["content-type", "text/event-stream"]]);
      exchange.write(Buffer.from("data: first\n\n"));
      void goOn.promise.then(() => exchange.end(Buffer.from("data: last\n\n")));
      return;
    case "/hints":
      exchange.inform(103, [["link", "</a.css>; rel=preload"]]);
      exchange.respond(200, []);
      exchange.end(Buffer.from("hinted"));
      return;
    case "/big":
      exchange.respond(200, [["content-length", String(1 << 18)]]);
      exchange.end(Buffer.alloc(1 << 18, 1));
      return;
  }
  const parts: Uint8Array[] = [];
  const read = (): void => {
    for (let part = exchange.body.read(); part !== undefined; part = exchange.body.read()) parts.push(part);
    if (exchange.body.state === "open") {
      exchange.body.onReadable = read;
      return;
    }
    exchange.respond(200, [["x-version", "3.0"]], { trailers: true });
    exchange.write(Buffer.concat(parts));
    const sum = exchange.body.trailers.find(([name]) => name === "x-sum")?.[1] ?? "none";
    exchange.end(undefined, [["x-sum", sum]]);
  };
  read();
}

async function listening(server: Server, place: { port: number; host: string } | { path: string }): Promise<void> {
  server.on("session", (session: { destroy(): void }) => closers.push(() => session.destroy()));
  await once(server.listen(place), "listening");
  closers.push(() => server.close());
}

const tcp = { port: 0, host: "127.0.0.1" };
const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const pair = { cert: localhostIdentity.cert as string, key: localhostIdentity.key as string };
/** Node's classes for HTTP/2 look the same. */
const answerHttp2 = answer as unknown as (request: Http2ServerRequest, response: Http2ServerResponse) => void;

const ORIGINS: Readonly<Record<string, () => Promise<string>>> = {
  async "http://"() {
    const server = createHttpServer(answer);
    await listening(server, tcp);
    return `http://127.0.0.1:${portOf(server)}`;
  },
  async "unix:"() {
    const path = join(folder, "app.sock");
    await listening(createHttpServer(answer), { path });
    return `unix:${path}`;
  },
  async "https:// that selects HTTP/2"() {
    const server = createSecureServer(pair, answerHttp2);
    await listening(server, tcp);
    return `https://localhost:${portOf(server)}`;
  },
  async "h2c://"() {
    const server = createHttp2Server(answerHttp2);
    await listening(server, tcp);
    return `h2c://127.0.0.1:${portOf(server)}`;
  },
  async "h3://"() {
    const server = await startServer(
      { ...tcp, identities: [loadIdentity(localhostIdentity)], protocols: ["h3"] },
      { handle: answerExchange },
    );
    closers.push(() => server.close({ timeout: 0 }));
    return `h3://localhost:${server.port}`;
  },
};

const VERSION: Readonly<Record<string, string>> = {
  "https:// that selects HTTP/2": "2.0",
  "h2c://": "2.0",
  "h3://": "3.0",
};

describe.each(Object.entries(ORIGINS))("an origin at %s", (name, start) => {
  let origin: string;
  beforeAll(async () => {
    origin = await start();
  });

  describe.each(VERSIONS)("over %s", (_version, open) => {
    let client: TestClient;
    beforeAll(async () => {
      client = await serveProxy(closers, open, await createProxy([origin], { rejectUnauthorized: false }));
    });

    test("content and trailers both ways", async () => {
      const exchange = client.request({ method: "POST", streaming: true, headers: { trailer: "x-sum, host" } });
      await exchange.send("one ");
      await exchange.send("two");
      exchange.finish({ "x-sum": "7" });
      const response = await exchange.response;
      expect([response.status, response.headers["x-version"]]).toEqual([200, VERSION[name] ?? "1.1"]);
      expect(await response.text()).toBe("one two");
      expect(response.trailers()).toEqual({ "x-sum": client.sendsTrailers ? "7" : "none" });
    });

    test("many requests, one after another", async () => {
      for (let i = 0; i < 3; i += 1) expect((await (await get(client, "/big")).bytes()).byteLength).toBe(1 << 18);
    });

    test("103 is passed on", async () => {
      const exchange = client.request({ path: "/hints" });
      expect(await (await exchange.response).text()).toBe("hinted");
      expect(exchange.informational).toEqual([{ status: 103, headers: { link: "</a.css>; rel=preload" } }]);
    });

    test("events are passed on as they come", async () => {
      goOn = deferred<void>();
      const response = await get(client, "/events");
      const first = (await once(response.content, "readable").then(() => response.content.read())) as Buffer;
      expect(String(first)).toBe("data: first\n\n");
      goOn.resolve();
      expect(await response.text()).toBe("data: last\n\n");
    });
  });

  test("its health checks pass, over its own protocol", async () => {
    const checked = await createProxy([origin], {
      rejectUnauthorized: false,
      healthCheck: { path: "/", interval: 1, unhealthyAfter: 1 },
      log: () => undefined,
    });
    while (checked.status().origins[0]!.checks < 3) await new Promise((resolve) => setImmediate(resolve));
    expect(checked.status().origins[0]).toMatchObject({ failedChecks: 0, health: "up" });
    await checked.close();
  });
});
