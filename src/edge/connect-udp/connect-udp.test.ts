/** A UDP proxy, asked over every version of HTTP. */

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Client, createClient, type UdpTunnelSocket } from "../../client/index.ts";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { ClientError, type TunnelRefusedError } from "../../host/client/errors.ts";
import { systemClock } from "../../host/clock.ts";
import type { ServerExchange } from "../../host/http/exchange.ts";
import type { Context } from "../../host/http/fetch-context.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { ContextTunnel } from "../../host/http/tunnel-streams.ts";
import { parseUdpTarget } from "../../http/connect-udp/index.ts";
import { serve } from "../serve.ts";
import { type Server, startServer } from "../server.ts";
import { createUdpProxy } from "./index.ts";
import { systemUdpProxyHost, type UdpProxyHost } from "./options.ts";
import { UdpProxy } from "./service.ts";

const VERSIONS = ["http/1.1", "h2", "h3"] as const;

/** A target that echoes. */
let echo: Socket;
let echoPort = 0;
/** The answers of the fake resolver; the last one stays. */
const names: Record<string, (readonly string[])[]> = {};
const opened: string[] = [];
let idle: (() => void) | undefined;

const host: UdpProxyHost = {
  ...systemUdpProxyHost,
  async lookUp(name) {
    const answers = names[name];
    if (answers === undefined) throw new ClientError("NAME_NOT_FOUND", `${name} has no address`);
    return answers.length > 1 ? answers.shift()! : answers[0]!;
  },
  open(peer) {
    opened.push(peer.host);
    return systemUdpProxyHost.open(peer);
  },
  clock: {
    ...systemClock,
    startTimer(callback, milliseconds) {
      // The idle rule: never by itself.
      if (milliseconds !== 120_000) return systemClock.startTimer(callback, milliseconds);
      idle = callback;
      return systemClock.startTimer(() => undefined, milliseconds);
    },
  },
};

let proxy: UdpProxy;
let server: Server;
const clients = new Map<string, Client>();
const clientFor = (protocol: (typeof VERSIONS)[number]): Client => clients.get(protocol)!;
const lines: string[] = [];

beforeAll(async () => {
  echo = createSocket("udp4");
  echo.on("message", (message, from) => echo.send(message, from.port, from.address));
  echo.bind(0, "127.0.0.1");
  await once(echo, "listening");
  echoPort = echo.address().port;
  const options = {
    allow: ["*:*", `127.0.0.1:${echoPort}`],
    maxSockets: 6,
    maxSocketsPerClient: 5,
    authorize: ({ headers }: { headers: Headers }) => headers.get("x-stranger") === null,
    log: (line: string) => lines.push(line),
  };
  proxy = new UdpProxy(options, host);
  const identities = [loadIdentity(localhostIdentity)] as const;
  server = await startServer({ port: 0, host: "127.0.0.1", identities }, proxy);
  for (const protocol of VERSIONS) {
    clients.set(protocol, createClient({ protocols: [protocol], rejectUnauthorized: false }));
  }
});

afterAll(async () => {
  for (const client of clients.values()) await client.destroy();
  await server.close({ timeout: 0 });
  echo.close();
  expect(lines).toEqual([]);
});

/** Waits until the proxy has closed all its sockets. */
const unused = (of: UdpProxy): Promise<unknown> =>
  vi.waitUntil(() => of.sockets === 0, { interval: 1, timeout: 10_000 });

const via = () => `https://127.0.0.1:${server.port}`;

const connect = (protocol: (typeof VERSIONS)[number], target: string, headers = {}): Promise<UdpTunnelSocket> =>
  clientFor(protocol).connectUdp(target, { via: via(), headers });

async function exchanged(socket: UdpTunnelSocket, message: string): Promise<string> {
  const received = once(socket, "message");
  socket.send(message);
  return String(((await received) as [Buffer])[0]);
}

const closed = async (socket: UdpTunnelSocket): Promise<void> => {
  socket.close();
  await unused(proxy);
};

describe.each(VERSIONS)("CONNECT-UDP over %s", (protocol) => {
  test("datagrams go both ways, with their boundaries", async () => {
    const socket = await connect(protocol, `127.0.0.1:${echoPort}`);
    expect(socket.protocol).toBe(protocol);
    expect(await exchanged(socket, "one")).toBe("one");
    expect(await exchanged(socket, "")).toBe("");
    const large = "x".repeat(1_000);
    const received = once(socket, "message");
    socket.send(large);
    const [message, from] = (await received) as [Buffer, object];
    expect(String(message)).toBe(large);
    expect(from).toEqual({ address: "127.0.0.1", family: "IPv4", port: echoPort, size: 1_000 });
    await closed(socket);
  });

  test("the response says that the stream has capsules (RFC 9297 §3.4)", async () => {
    const path = `/.well-known/masque/udp/127.0.0.1/${echoPort}/`;
    const tunnel = await clientFor(protocol).connect(via() + path, { protocol: "connect-udp" });
    expect(tunnel.status).toBe(protocol === "http/1.1" ? 101 : 200);
    expect(tunnel.headers.get("capsule-protocol")).toBe("?1");
    await tunnel.writable.abort();
    await unused(proxy);
  });

  test.each([
    ["127.0.0.1:22", 502, 'destination_ip_prohibited; details="the target has an address of kind \\"loopback\\""'],
    ["[::1]:22", 502, "destination_ip_prohibited"],
    ["10.0.0.1:53", 502, "destination_ip_prohibited"],
    ["[::ffff:10.0.0.1]:53", 502, "destination_ip_prohibited"],
    ["[::ffff:7f00:1]:53", 502, "destination_ip_prohibited"],
    ["[64:ff9b::a00:1]:53", 502, "destination_ip_prohibited"],
    ["169.254.169.254:80", 502, "destination_ip_prohibited"],
    ["224.0.0.251:5353", 502, "destination_ip_prohibited"],
    ["255.255.255.255:9", 502, "destination_ip_prohibited"],
    ["nowhere.test:53", 502, 'dns_error; rcode="NXDOMAIN"'],
  ])("%s is refused with %i", async (target, status, why) => {
    await expect(connect(protocol, target)).rejects.toMatchObject({
      code: "TUNNEL_REFUSED",
      status,
      message: expect.stringContaining(`nagare; error=${why}`),
    });
  });

  test("a name that resolves to a private address is refused", async () => {
    names["internal.test"] = [["192.168.1.1"]];
    await expect(connect(protocol, "internal.test:53")).rejects.toMatchObject({ status: 502 });
  });

  test("a name with a public and a private address is refused", async () => {
    names["mixed.test"] = [["198.41.0.4", "10.0.0.1"]];
    opened.length = 0;
    await expect(connect(protocol, "mixed.test:53")).rejects.toMatchObject({ status: 502 });
    expect(opened).toEqual([]);
  });

  test("a rebinding name, public and then private, reaches only what was checked", async () => {
    names["rebinding.test"] = [["198.41.0.4"], ["127.0.0.1"]];
    opened.length = 0;
    const socket = await connect(protocol, "rebinding.test:53");
    // The name now has another address, and the tunnel still the one that was checked.
    expect(opened).toEqual(["198.41.0.4"]);
    await expect(connect(protocol, "rebinding.test:53")).rejects.toMatchObject({
      status: 502,
      message: expect.stringContaining("destination_ip_prohibited"),
    });
    expect(opened).toEqual(["198.41.0.4"]);
    await closed(socket);
  });

  test.each([
    ["a path that does not match the template", "/udp/a/1/", "connect-udp", 400],
    ["an invalid port", "/.well-known/masque/udp/a.test/70000/", "connect-udp", 400],
    ["an IPv6 zone", "/.well-known/masque/udp/fe80%3A%3A1%25lo/53/", "connect-udp", 400],
    ["another protocol", "/.well-known/masque/udp/a.test/53/", "connect-ip", 501],
  ])("%s is refused", async (_, path, name, status) => {
    await expect(clientFor(protocol).connect(via() + path, { protocol: name })).rejects.toMatchObject({ status });
  });

  test("a request that asks for no tunnel is malformed", async () => {
    const response = await clientFor(protocol).fetch(`${via()}/.well-known/masque/udp/a.test/53/`);
    expect([response.status, response.headers.get("proxy-status")]).toEqual([
      400,
      expect.stringContaining("http_request_error"),
    ]);
    await response.text();
  });

  test("`authorize` decides before a name is looked up", async () => {
    const error = await connect(protocol, "nowhere.test:53", { "x-stranger": "1" }).catch(
      (reason: TunnelRefusedError) => reason,
    );
    expect(error).toMatchObject({ status: 403, message: expect.stringContaining("http_request_denied") });
  });

  test("a target that answers with ICMP errors ends the tunnel", async () => {
    const gone = createSocket("udp4").bind(0, "127.0.0.1");
    await once(gone, "listening");
    const { port } = gone.address();
    gone.close();
    await once(gone, "close");
    const narrow = new UdpProxy({ allow: [`127.0.0.1:${port}`] });
    const other = await startServer(
      { port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)] },
      narrow,
    );
    const socket = await clientFor(protocol).connectUdp(`127.0.0.1:${port}`, {
      via: `https://127.0.0.1:${other.port}`,
    });
    const end = once(socket, "error");
    socket.send("anyone?");
    expect((await end)[0]).toMatchObject({ code: "CONNECTION_LOST" });
    await unused(narrow);
    await other.close({ timeout: 0 });
  });

  test("sessions without end: the sockets of a client and of all are bounded", async () => {
    const open = () => connect(protocol, `127.0.0.1:${echoPort}`);
    const sockets = await Promise.all([open(), open(), open(), open(), open()]);
    await expect(open()).rejects.toMatchObject({
      status: 429,
      message: expect.stringContaining("connection_limit_reached"),
    });
    for (const socket of sockets) socket.close();
    await unused(proxy);
    const again = await open();
    expect(await exchanged(again, "again")).toBe("again");
    await closed(again);
  });

  test("an idle tunnel ends after two minutes, in an orderly way", async () => {
    const socket = await connect(protocol, `127.0.0.1:${echoPort}`);
    const end = once(socket, "close");
    const errors: Error[] = [];
    socket.on("error", (error) => errors.push(error));
    idle!();
    await end;
    expect(errors).toEqual([]);
    await unused(proxy);
  });
});

describe.each(VERSIONS)("from a handler, over %s", (protocol) => {
  test("a proxy answers requests for tunnels", async () => {
    const udp = createUdpProxy({ allow: [`127.0.0.1:${echoPort}`], template: "/udp{?target_host,target_port}" });
    const handled = await serve({ port: 0, host: "127.0.0.1", tls: localhostIdentity }, (request, context) =>
      udp.fetch(request, context),
    );
    const template = `https://127.0.0.1:${handled.port}/udp{?target_host,target_port}`;
    const socket = await clientFor(protocol).connectUdp(`127.0.0.1:${echoPort}`, { via: template });
    expect(await exchanged(socket, "hello")).toBe("hello");
    socket.close();
    await expect(clientFor(protocol).connectUdp("a.test:53", { via: template })).rejects.toMatchObject({ status: 403 });
    await udp.close();
    await handled.close({ timeout: 0 });
  });
});

describe("from a handler, the client", () => {
  test.each(VERSIONS)("is the one that a trusted proxy names, over %s", async (protocol) => {
    const seen: string[] = [];
    const udp = createUdpProxy({
      allow: [`127.0.0.1:${echoPort}`],
      trustedProxies: ["127.0.0.1"],
      maxSocketsPerClient: 1,
      authorize: ({ remoteAddress }) => seen.push(remoteAddress) > 0,
    });
    const handled = await serve({ port: 0, host: "127.0.0.1", tls: localhostIdentity }, (request, context) =>
      udp.fetch(request, context),
    );
    const open = (client: string) =>
      clientFor(protocol).connectUdp(`127.0.0.1:${echoPort}`, {
        via: `https://127.0.0.1:${handled.port}`,
        headers: { "x-forwarded-for": `198.51.100.1, ${client}` },
      });
    const sockets = [await open("192.0.2.1"), await open("192.0.2.2")];
    // Each has its own limit.
    await expect(open("192.0.2.1")).rejects.toMatchObject({ status: 429 });
    expect(seen).toEqual(["192.0.2.1", "192.0.2.2", "192.0.2.1"]);
    for (const socket of sockets) socket.close();
    await udp.close();
    await handled.close({ timeout: 0 });
  });

  test.each([
    ["that moved is known by its first address", { firstAddress: { address: "192.0.2.1" } }, "192.0.2.1"],
    ["is the one that the server has found", { clientAddress: "192.0.2.3" }, "192.0.2.3"],
    ["is the peer otherwise", {}, "192.0.2.2"],
  ])("%s", async (_, facts, expected) => {
    let seen: string | undefined;
    const udp = createUdpProxy({
      allow: ["*:*"],
      authorize: ({ remoteAddress }) => {
        seen = remoteAddress;
        return false;
      },
    });
    const remoteAddress = { address: "192.0.2.2" };
    const exchange = { fields: [], remoteAddress, ...facts } as unknown as ServerExchange;
    const context = { remoteAddress, tunnel: new ContextTunnel(exchange, "connect-udp") } as unknown as Context;
    const response = await udp.fetch(new Request("https://a.test/.well-known/masque/udp/b.test/53/"), context);
    expect([response.status, seen]).toEqual([403, expected]);
  });
});

describe("options", () => {
  test.each([
    [{ allow: [] }, /allow is empty/],
    [{ allow: ["example.com"] }, /allow: "example.com" is not a rule/],
    [{ allow: ["*:*"], template: "/{target_host}" }, /template: .* lacks the variable \{target_port\}/],
    [{ allow: ["*:*"], template: "https://a/{target_host}/{target_port}" }, /does not begin with a slash/],
    [{ allow: ["*:*"], idleTimeout: 119_999 }, /give at least 120000 \(RFC 9298 §3.1\)/],
    [{ allow: ["*:*"], maxSockets: 0 }, /maxSockets is 0/],
    [{ allow: ["*:*"], maxSocketsPerClient: 1.5 }, /maxSocketsPerClient is 1.5/],
  ])("%j is refused", (options, message) => {
    expect(() => createUdpProxy(options)).toThrow(message);
  });
});

test.each(["example.com", "[::1]", ""])("the client refuses the target %j", async (target) => {
  await expect(clientFor("h2").connectUdp(target, { via: via() })).rejects.toMatchObject({ code: "REQUEST_INVALID" });
});

test.each([
  "https://a.test/masque",
  "https://a.test/{target_host}",
  "https://a.test:99999/{target_host}/{target_port}",
  "nothing",
])("the client refuses the template %j", async (template) => {
  await expect(clientFor("h2").connectUdp("a.test:1", { via: template })).rejects.toMatchObject({
    code: "REQUEST_INVALID",
  });
});

test("targets of the table above are valid ones", () => {
  expect(parseUdpTarget("::ffff:10.0.0.1", "53")).toBeDefined();
});
