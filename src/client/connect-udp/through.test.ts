/** Our own HTTP/3 through a UDP proxy, over each version of HTTP. */

import { createHash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createUdpProxy } from "../../edge/connect-udp/index.ts";
import { type Server, serve } from "../../edge/index.ts";
import { createHttp3Connector } from "../../host/client/h3-connector.ts";
import { systemClock } from "../../host/clock.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { systemEnvironment } from "../../host/quic/environment.ts";
import { createClient } from "../index.ts";
import { tunnelSockets } from "./sockets.ts";

const VERSIONS = ["http/1.1", "h2", "h3"] as const;
const BODY = Buffer.alloc(1_000_000, "0123456789abcdef-nagare-");
const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

let target: Server;
let proxy: Server;
let seen: string[] = [];

beforeAll(async () => {
  target = await serve({ port: 0, host: "127.0.0.1", tls: localhostIdentity }, async (request, context) =>
    request.method === "POST"
      ? new Response(digest(new Uint8Array(await request.arrayBuffer())))
      : new Response(BODY, { headers: { "x-protocol": context.protocol } }),
  );
  const udp = createUdpProxy({ allow: [`127.0.0.1:${target.port}`] });
  proxy = await serve({ port: 0, host: "127.0.0.1", tls: localhostIdentity }, (request, context) => {
    seen.push(`${context.protocol} ${request.headers.get("x-token")}`);
    return udp.fetch(request, context);
  });
});

afterAll(async () => {
  await target.close({ timeout: 0 });
  await proxy.close({ timeout: 0 });
});

const clientOver = (protocol: (typeof VERSIONS)[number], url = `https://127.0.0.1:${proxy.port}`) =>
  createClient({
    rejectUnauthorized: false,
    udpVia: { url, headers: { "x-token": "t" }, client: { protocols: [protocol], rejectUnauthorized: false } },
  });

describe.each(VERSIONS)("HTTP/3 through %s", (protocol) => {
  test("a response and a request of a megabyte are byte-identical", async () => {
    seen = [];
    const client = clientOver(protocol);
    const url = `https://127.0.0.1:${target.port}/`;
    const response = await client.fetch(url);
    expect(response.headers.get("x-protocol")).toBe("h3");
    expect(digest(new Uint8Array(await response.arrayBuffer()))).toBe(digest(BODY));
    const posted = await client.fetch(url, { method: "POST", body: BODY });
    expect(await posted.text()).toBe(digest(BODY));
    expect(seen).toEqual([`${protocol} t`]);
    await client.close();
  });

  test("a target that the proxy refuses is an error with its reason", async () => {
    const client = clientOver(protocol);
    await expect(client.fetch("https://127.0.0.1:1/")).rejects.toMatchObject({
      code: "TUNNEL_REFUSED",
      message: expect.stringContaining("http_request_denied"),
    });
    await client.destroy();
  });
});

test("a first datagram of QUIC fits into the smallest packets of IPv6: 1,200 bytes into 1,232", async () => {
  const http3 = createHttp3Connector(systemEnvironment, { maxDatagramSize: 1232 });
  const small = createClient({ http3, protocols: ["h3"], rejectUnauthorized: false });
  const via = `https://127.0.0.1:${proxy.port}`;
  const socket = await small.connectUdp(`127.0.0.1:${target.port}`, { via });
  await vi.waitUntil(() => socket.maxMessageSize >= 1_200, { interval: 1, timeout: 10_000 });
  expect(socket.maxMessageSize).toBeLessThan(1_205);
  socket.close();
  await small.destroy();
  const client = createClient({
    rejectUnauthorized: false,
    udpVia: { url: via, client: { http3, protocols: ["h3"], rejectUnauthorized: false } },
  });
  const response = await client.fetch(`https://127.0.0.1:${target.port}/`);
  expect(digest(new Uint8Array(await response.arrayBuffer()))).toBe(digest(BODY));
  await client.destroy();
});

const ENDED = { code: "CONNECTION_LOST", message: "the UDP proxy ended the tunnel" };

test("a tunnel that ends before a first datagram fits into it is an error at once", async () => {
  const ending = await serve({ port: 0, host: "127.0.0.1", tls: localhostIdentity }, (_, { tunnel }) => {
    const { writable, response } = tunnel!.accept();
    void writable.close();
    return response;
  });
  // Nothing ever fits into packets as small as the inner ones.
  const http3 = createHttp3Connector(systemEnvironment, { maxDatagramSize: 1200 });
  const client = createClient({
    rejectUnauthorized: false,
    connectTimeout: 0,
    udpVia: {
      url: `https://127.0.0.1:${ending.port}`,
      client: { http3, protocols: ["h3"], rejectUnauthorized: false },
    },
  });
  await expect(client.fetch("https://127.0.0.1:1/")).rejects.toMatchObject(ENDED);
  await client.destroy();
  await ending.close({ timeout: 0 });
});

test("a tunnel that ends together with the response that opens it is an error at once", async () => {
  const head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: connect-udp\r\n\r\n";
  // The capsule is a datagram without a Context ID.
  const ending = createServer((socket) => {
    socket.once("data", () => socket.end(`${head}\0\0`));
    socket.on("error", () => undefined); // the client resets it
  });
  await once(ending.listen(0, "127.0.0.1"), "listening");
  const { port } = ending.address() as AddressInfo;
  const client = createClient({
    rejectUnauthorized: false,
    connectTimeout: 0,
    udpVia: { url: `http://127.0.0.1:${port}`, client: { protocols: ["http/1.1"] } },
  });
  await expect(client.fetch("https://127.0.0.1:1/")).rejects.toMatchObject(ENDED);
  await client.destroy();
  ending.close();
});

test("an invalid template leaves no connections behind", () => {
  const create = vi.fn();
  expect(() => tunnelSockets({ udpVia: "nothing" }, systemClock, create)).toThrow(/is not a template of a proxy/);
  expect(create).not.toHaveBeenCalled();
});

test("a proxy that does not exist is named in the error", async () => {
  const client = clientOver("h2", "https://127.0.0.1:1");
  await expect(client.fetch(`https://127.0.0.1:${target.port}/`)).rejects.toThrow(
    "nothing is listening at 127.0.0.1 (127.0.0.1) port 1",
  );
  await client.destroy();
});

test.each([
  [{ udpVia: "https://a.test", protocols: ["h3", "h2"] as const }, /udpVia and the protocol "h2"/],
  [{ udpVia: "https://a.test/{x}" }, /lacks the variable \{target_host\}/],
  [{ udpVia: "nothing" }, /is not a template of a proxy/],
  [{ udpVia: "https://a.test", happyEyeballs: true as const }, /nothing to race/],
])("%j is refused", (options, message) => {
  expect(() => createClient(options)).toThrow(message);
});
