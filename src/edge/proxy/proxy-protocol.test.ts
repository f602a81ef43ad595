/** The PROXY protocol in front of this server, and towards origins. */

import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { emitLocalHeader, emitProxyHeader, parseProxyHeader } from "../../http/index.ts";
import { type ListenOptions, type Server, startServer } from "../server.ts";
import { VERSIONS } from "../testing/client.ts";
import { get } from "../testing/test-client.ts";
import { createProxy } from "./service.ts";
import { rawOrigin, serveProxy } from "./testing/through-proxy.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const CLIENT = { source: { address: "192.0.2.7", port: 4711 }, destination: { address: "198.51.100.2", port: 443 } };

async function start(proxyProtocol: ListenOptions["proxyProtocol"]): Promise<Server> {
  const server = await startServer(
    { port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)], proxyProtocol },
    {
      handle: (exchange) => {
        const { remoteAddress, localAddress } = exchange;
        exchange.respond(200, []);
        exchange.end(Buffer.from(`${remoteAddress.address} ${remoteAddress.port} ${localAddress.address}`));
      },
    },
  );
  closers.push(() => server.close({ timeout: 0 }));
  return server;
}

/** TLS on a connection that begins with `header`, in pieces of `size`. */
async function secured(port: number, header: Uint8Array, size: number, alpn: string): Promise<TLSSocket> {
  const socket = connectTcp(port, "127.0.0.1");
  socket.setNoDelay(true).on("error", () => undefined);
  closers.push(() => socket.destroy());
  await once(socket, "connect");
  for (let at = 0; at < header.length; at += size) {
    socket.write(header.subarray(at, at + size));
    if (size < header.length) await new Promise((resolve) => setImmediate(resolve));
  }
  const options: ConnectionOptions = { socket, rejectUnauthorized: false, ALPNProtocols: [alpn] };
  const tls = connectTls(options);
  tls.on("error", () => undefined);
  return tls;
}

async function askHttp1(tls: TLSSocket): Promise<string> {
  tls.write("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
  return String(Buffer.concat(await tls.toArray())).split("\r\n\r\n")[1]!;
}

async function askHttp2(tls: TLSSocket): Promise<string> {
  const session = connectHttp2("https://localhost", { createConnection: () => tls });
  session.on("error", () => undefined);
  closers.push(() => session.destroy());
  return String(Buffer.concat(await session.request({ ":path": "/" }).toArray()));
}

describe("from load balancers", () => {
  test.each([
    ["version 1", emitProxyHeader(1, CLIENT), 1_000],
    ["version 2", emitProxyHeader(2, CLIENT), 1_000],
    ["version 1 in pieces", emitProxyHeader(1, CLIENT), 5],
    ["version 2 in pieces", emitProxyHeader(2, CLIENT), 5],
  ])("%s: the client's address is what the header says", async (_which, header, size) => {
    const { port } = await start({ trusted: ["127.0.0.0/8"] });
    const expected = "192.0.2.7 4711 198.51.100.2";
    expect(await askHttp1(await secured(port, header, size, "http/1.1"))).toBe(expected);
    expect(await askHttp2(await secured(port, header, size, "h2"))).toBe(expected);
  });

  test.each([1, 2] as const)("a connection of its own, in version %i, has its own address", async (version) => {
    const { port } = await start({ trusted: ["127.0.0.1"] });
    const tls = await secured(port, emitLocalHeader(version), 1_000, "http/1.1");
    expect(await askHttp1(tls)).toMatch(/^127\.0\.0\.1 \d+ 127\.0\.0\.1$/);
  });

  test("those of others neither need a header nor may have one", async () => {
    const { port } = await start({ trusted: ["10.0.0.0/8"] });
    const tls = await secured(port, new Uint8Array(), 1, "http/1.1");
    expect(await askHttp1(tls)).toMatch(/^127\.0\.0\.1 /);
    const lying = await secured(port, emitProxyHeader(1, CLIENT), 1_000, "http/1.1");
    await new Promise((resolve) => lying.once("close", resolve));
    expect(lying.authorized).toBe(false);
  });

  test.each([
    ["no header", "\x16\x03\x01"],
    ["an endless line", `PROXY UNKNOWN ${"x".repeat(200)}`],
    ["an invalid header", "PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n"],
  ])("%s closes the connection", async (_what, bytes) => {
    const { port } = await start({ trusted: ["127.0.0.1"] });
    const socket = connectTcp(port, "127.0.0.1").on("error", () => undefined);
    socket.write(Buffer.from(bytes, "latin1"));
    await new Promise((resolve) => socket.once("close", resolve).resume());
  });

  test("a header must arrive in time, and a server closes without waiting for it", async () => {
    const { port } = await start({ trusted: ["127.0.0.1"], timeout: 10 });
    const late = connectTcp(port, "127.0.0.1").on("error", () => undefined);
    await new Promise((resolve) => late.once("close", resolve).resume());
    const server = await start({ trusted: ["127.0.0.1"], timeout: 1_000_000 });
    const silent = connectTcp(server.port, "127.0.0.1").on("error", () => undefined);
    await once(silent, "connect");
    await server.close({ timeout: 0 });
  });

  test("an invalid option is refused before anything is bound", async () => {
    await expect(start({ trusted: ["10.0.0.0/40"] })).rejects.toMatchObject({
      code: "OPTION_INVALID",
      message: expect.stringContaining('proxyProtocol.trusted: "10.0.0.0/40" is not an address'),
    });
  });
});

describe("towards origins", () => {
  test.each(VERSIONS)("each request over %s has a connection with the client's address", async (_version, open) => {
    const headers: string[] = [];
    let requests = "";
    const onData = (socket: Socket, data: string): void => {
      const header = parseProxyHeader(Buffer.from(data, "latin1"));
      if (header === "more") throw new Error("in pieces");
      headers.push(`${header.connection?.source.address} ${header.connection?.destination.address}`);
      requests += data.slice(header.length, header.length + 5);
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    };
    for (const proxyProtocol of [1, 2] as const) {
      const url = `http://${await rawOrigin(closers, onData)}`;
      const trustedProxies = ["127.0.0.1"];
      const proxy = await createProxy([{ url, proxyProtocol }], { trustedProxies, log: () => undefined });
      const client = await serveProxy(closers, open, proxy);
      for (let i = 0; i < 2; i += 1) {
        const response = await get(client, "/", { "x-forwarded-for": `192.0.2.${i}` });
        expect([response.status, await response.text()]).toEqual([200, "ok"]);
      }
      // Versions 1 and 2 need addresses of one family.
      expect(headers.splice(0)).toEqual(["192.0.2.0 127.0.0.1", "192.0.2.1 127.0.0.1"]);
      expect(requests.slice(-10)).toBe("GET /GET /");
    }
  });

  test("not over QUIC", async () => {
    await expect(createProxy([{ url: "h3://a", proxyProtocol: 2 }])).rejects.toThrow("QUIC has none");
  });
});
