import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { afterEach, describe, expect, test, vi } from "vitest";
import { loadIdentity } from "../certificates/identity.ts";
import type { ServerExchange } from "./exchange.ts";
import { TcpListener } from "./tcp-listener.ts";
import { localhostIdentity } from "./testing/identities.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function open(onExchange: (exchange: ServerExchange) => void): Promise<TLSSocket> {
  const listener = new TcpListener({ identities: [loadIdentity(localhostIdentity)], onExchange });
  closers.push(() => listener.close(0));
  const { port } = await listener.listen(0, "127.0.0.1");
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  closers.push(() => socket.destroy());
  return socket;
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

const answer = (exchange: ServerExchange): void => {
  exchange.respond(200, []);
  exchange.end(new TextEncoder().encode(exchange.path));
};

describe("pipelined requests", () => {
  test("begin one at a time, even if one read brings many", async () => {
    const begun: ServerExchange[] = [];
    const socket = await open((exchange) => begun.push(exchange));
    socket.write(Array.from({ length: 1_500 }, (_, i) => get(`/${i}`)).join(""));
    for (let i = 0; i < 20; i++) {
      await vi.waitUntil(() => begun.length > i);
      expect(begun.length).toBe(i + 1);
      answer(begun[i]!);
    }
  });

  test("are all answered in order", async () => {
    const socket = await open((exchange) => setImmediate(answer, exchange));
    let received = "";
    socket.on("data", (data) => {
      received += data;
    });
    const paths = Array.from({ length: 2_000 }, (_, i) => `/${i}`);
    socket.write(`${paths.map(get).join("").slice(0, -2)}Connection: close\r\n\r\n`);
    await once(socket, "close");
    expect(received.match(/\/\d+(?=HTTP|$)/g)).toEqual(paths);
  });

  test("are not read while one is in progress", async () => {
    const begun: ServerExchange[] = [];
    const socket = await open((exchange) => begun.push(exchange));
    // More than the buffers on both sides hold.
    const block = get(`/${"x".repeat(8_000)}`).repeat(100);
    let taken = true;
    for (let sent = 0; sent < 64 && taken; sent++) {
      taken = await Promise.race([
        new Promise<boolean>((resolve) => socket.write(block, () => resolve(true))),
        new Promise<boolean>((resolve) => setTimeout(resolve, 500, false)),
      ]);
    }
    expect([taken, begun.length]).toEqual([false, 1]);
  });

  test("with content are read completely, one after the other", async () => {
    const bodies: number[] = [];
    const socket = await open((exchange) => {
      let length = 0;
      const read = (): void => {
        for (let chunk = exchange.body.read(); chunk !== undefined; chunk = exchange.body.read())
          length += chunk.length;
        if (exchange.body.state === "open") return;
        bodies.push(length);
        answer(exchange);
      };
      exchange.body.onReadable = read;
      setImmediate(read);
    });
    let received = "";
    socket.on("data", (data) => {
      received += data;
    });
    const post = (length: number): string =>
      `POST /${length} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${"b".repeat(length)}`;
    const lengths = [10, 300_000, 0, 70_000, 1];
    socket.write(lengths.map(post).join("") + get("/last"));
    await vi.waitUntil(() => received.endsWith("/last"), { timeout: 10_000 });
    expect(bodies).toEqual([...lengths, 0]);
  });

  test("after an invalid one do not begin", async () => {
    const begun: string[] = [];
    const socket = await open((exchange) => {
      begun.push(exchange.path);
      setImmediate(answer, exchange);
    });
    let received = "";
    socket.on("data", (data) => {
      received += data;
    });
    socket.write(`${get("/first")}GET /bad HTTP/1.1\r\n\r\n${get("/third")}`);
    await once(socket, "close");
    expect(begun).toEqual(["/first"]);
    expect(received.match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 400"]);
  });

  test("are reset if a later one requests a tunnel", async () => {
    const begun: string[] = [];
    const listener = new TcpListener({
      identities: [loadIdentity(localhostIdentity)],
      acceptsTunnels: true,
      onExchange: (exchange) => begun.push(exchange.path),
    });
    closers.push(() => listener.close(0));
    const { port } = await listener.listen(0, "127.0.0.1");
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
    socket.on("error", () => undefined);
    socket.resume();
    socket.write(`${get("/first")}CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n`);
    await once(socket, "close");
    expect(begun).toEqual(["/first"]);
  });
});
