/**
 * Origins that die at random under mixed requests: no request fails that RFC 9110 §9.2.2 lets a gateway repeat, and none is
 * acted on twice that it does not. `interop/proxy/` does the same with 10,000 requests and real servers.
 */

import { once } from "node:events";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttp2Server, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import type { AddressInfo, Server, Socket } from "node:net";
import { afterAll, expect, test } from "vitest";
import { SeededRng } from "../../base/rng.ts";
import { VERSIONS } from "../testing/client.ts";
import type { OpenTestClient, TestClient } from "../testing/test-client.ts";
import { createProxy } from "./service.ts";
import { serveProxy } from "./testing/through-proxy.ts";

const closers: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** How often each POST was acted on. */
const acted = new Map<string, number>();

function answer(request: IncomingMessage, response: ServerResponse): void {
  request.on("error", () => undefined);
  response.on("error", () => undefined);
  let received = 0;
  request.on("data", (chunk: Buffer) => {
    received += chunk.byteLength;
  });
  request.on("end", () => {
    const id = String(request.headers["x-id"]);
    if (request.method === "POST") acted.set(id, (acted.get(id) ?? 0) + 1);
    // Some answers take longer, so that there is something to lose.
    const send = (): void => void response.end(`${id} ${received}`);
    if (id.endsWith("7")) setTimeout(send, 3);
    else send();
  });
}

/** A server that dies with all its connections, and comes back on the same port. */
class Mortal {
  port = 0;
  readonly #create: () => Server;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  constructor(create: () => Server) {
    this.#create = create;
  }

  get isAlive(): boolean {
    return this.#server !== undefined;
  }

  async start(): Promise<void> {
    const server = this.#create();
    this.#server = server;
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => undefined).once("close", () => this.#sockets.delete(socket));
    });
    await once(server.listen(this.port, "127.0.0.1"), "listening");
    this.port = (server.address() as AddressInfo).port;
  }

  async kill(): Promise<void> {
    const server = this.#server!;
    this.#server = undefined;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await closed;
  }
}

const answerHttp2 = answer as unknown as (request: Http2ServerRequest, response: Http2ServerResponse) => void;
const METHODS = ["GET", "GET", "HEAD", "PUT", "DELETE", "POST"] as const;
const REQUESTS = 400;
/** Clients of each version. */
const AT_ONCE = 4;

test("no request is lost that may be repeated, and no POST acted on twice", async () => {
  const rng = new SeededRng(11);
  const mortals = [
    new Mortal(() => createHttpServer(answer)),
    new Mortal(() => createHttpServer(answer)),
    new Mortal(() => createHttp2Server(answerHttp2)),
  ];
  for (const each of mortals) await each.start();
  const urls = mortals.map(({ port }, i) => `${i === 2 ? "h2c" : "http"}://127.0.0.1:${port}`);
  const proxy = await createProxy(urls, {
    log: () => undefined,
    passiveHealth: { backoff: 5, maxBackoff: 20 },
    retry: { attempts: 10, budget: 1 },
  });
  const [, openHttp2] = VERSIONS[1]!;
  const { port } = await serveProxy(closers, openHttp2, proxy);
  const connect = async (open: OpenTestClient): Promise<TestClient> => {
    const client = await open(new URL(`https://127.0.0.1:${port}`));
    closers.push(() => client.close());
    return client;
  };

  let isDone = false;
  const reaper = (async () => {
    while (!isDone) {
      const alive = mortals.filter((each) => each.isAlive);
      const dead = mortals.filter((each) => !each.isAlive);
      // One is always alive.
      if (alive.length > 1 && rng.uint32() % 2 === 0) await alive[rng.uint32() % alive.length]!.kill();
      else if (dead.length > 0) await dead[0]!.start();
      await new Promise((resolve) => setTimeout(resolve, 10 + (rng.uint32() % 20)));
    }
  })();

  const failed: string[] = [];
  let next = 0;
  const work = async (open: OpenTestClient): Promise<void> => {
    let client = await connect(open);
    while (next < REQUESTS) {
      const id = String(next++);
      const method = METHODS[rng.uint32() % METHODS.length]!;
      const body = method === "PUT" || method === "POST" ? "x".repeat(rng.uint32() % 5_000) : undefined;
      const { response } = client.request({ method, headers: { "x-id": id }, ...(body === undefined ? {} : { body }) });
      const { status, text } = await response;
      // A response that was cut off after its head cannot be repeated.
      const content = await text().catch(() => "cut off");
      // In HTTP/1.1, the connection ends with it, and after some other answers too.
      if (client.protocol === "http/1.1") {
        client.close();
        client = await connect(open);
      }
      if (status !== 200) failed.push(`${method} ${status}`);
      else if (method !== "HEAD" && content !== "cut off") expect(content).toBe(`${id} ${body?.length ?? 0}`);
    }
  };
  await Promise.all(VERSIONS.flatMap(([, open]) => Array.from({ length: AT_ONCE }, () => work(open))));
  isDone = true;
  await reaper;
  closers.push(...mortals.filter((each) => each.isAlive).map((each) => () => each.kill()));

  expect(failed.filter((each) => !each.startsWith("POST"))).toEqual([]);
  expect(failed.every((each) => each === "POST 502")).toBe(true);
  expect([...acted.values()].filter((count) => count > 1)).toEqual([]);
  const { origins, retries } = proxy.status();
  expect(retries.made).toBeGreaterThan(0);
  expect(origins.every(({ active, requests }) => active === 0 && requests > 0)).toBe(true);
});
