/** Programs for Node on hosts of our own: node:http, node:https, node:http2, undici, and the members of net and dgram. */

import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import * as http from "node:http";
import * as http2 from "node:http2";
import * as https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { request, Agent as UndiciAgent } from "undici";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { createCable, FramePipe, PacketPipe } from "../../link/index.ts";
import { readPcapng } from "../../link/pcapng.ts";
import { localhostIdentity } from "../http/testing/identities.ts";
import { capture } from "./capture.ts";
import { type ConnectionServer, createHost, type HostOptions, type NetHost } from "./host.ts";
import { impair } from "./impair.ts";
import type { SocketError } from "./socket-error.ts";
import type { TcpServer } from "./tcp-server.ts";
import type { UdpRemoteInfo } from "./udp-socket.ts";

const cert = String(localhostIdentity.cert);
const key = String(localhostIdentity.key);
const faults: unknown[] = [];
const hosts: NetHost[] = [];

function host(options: Pick<HostOptions, "device" | "addresses"> & Partial<HostOptions>): NetHost {
  const made = createHost({ onFault: ({ error }) => faults.push(error), ...options });
  hosts.push(made);
  return made;
}

const HOSTS = { localhost: ["10.77.0.1", "fd77::1"], "server.test": "10.77.0.1", "six.test": "fd77::1" };
const [a, b] = createCable();
const server = host({ device: a, addresses: ["10.77.0.1/24", "fd77::1/64"] });
const client = host({ device: b, addresses: ["10.77.0.2/24", "fd77::2/64"], hosts: HOSTS });

const listeners: TcpServer[] = [];
const serve = (program: ConnectionServer, port: number): void => {
  listeners.push(server.serve(program, port));
};
afterEach(() => {
  for (const each of listeners.splice(0)) each.close();
  expect(faults.splice(0)).toEqual([]);
});
afterAll(() => {
  for (const each of hosts) each.close();
});

const app: http.RequestListener = (message, response) => {
  message.pipe(response.writeHead(200, { via: String(message.socket.remoteAddress) }));
};
const body = Buffer.alloc(100_000, "nagare ");

async function ask(options: http.RequestOptions, get: typeof http.request = http.request) {
  const sent = get({ method: "POST", ...options });
  sent.end(body);
  const [response] = (await once(sent, "response")) as [http.IncomingMessage];
  return { via: response.headers.via, isSame: (await text(response)) === body.toString() };
}

describe("programs that were written for Node", () => {
  test.each([
    ["10.77.0.1", "10.77.0.2"],
    ["fd77::1", "fd77::2"],
    ["server.test", "10.77.0.2"],
    ["six.test", "fd77::2"],
  ])("node:http to %s, with keep-alive", async (name, from) => {
    serve(http.createServer(app), 80);
    const agent = client.attach(new http.Agent({ keepAlive: true }));
    const path = name.includes(":") ? { hostname: name } : { host: name };
    const first = await ask({ ...path, agent });
    const second = await ask({ ...path, agent });
    expect([first, second]).toEqual([
      { via: from, isSame: true },
      { via: from, isSame: true },
    ]);
    const open = [...client.stack.tcp.connections()].filter(({ state }) => state === "ESTABLISHED");
    expect(open).toHaveLength(1);
    agent.destroy();
  });

  test("node:http with createConnection", async () => {
    serve(http.createServer(app), 8_080);
    const answer = await ask({ host: "10.77.0.1", port: 8_080, createConnection: client.net.connect });
    expect(answer.isSame).toBe(true);
  });

  test("node:https, and a refused connection", async () => {
    serve(https.createServer({ cert, key }, app), 443);
    const agent = client.attach(new https.Agent({ ca: cert, keepAlive: true }));
    expect(await ask({ host: "localhost", agent }, https.request)).toMatchObject({ isSame: true });
    await expect(ask({ host: "localhost", port: 444, agent }, https.request)).rejects.toMatchObject({
      code: "ECONNREFUSED",
    });
    agent.destroy();
  });

  test("node:http2 over TLS", async () => {
    const secure = http2.createSecureServer({ cert, key }, (message, response) => void message.pipe(response));
    serve(secure, 443);
    const session = http2.connect("https://localhost", {
      createConnection: () =>
        connectTls({
          socket: client.net.connect(443, "localhost"),
          servername: "localhost",
          ca: cert,
          ALPNProtocols: ["h2"],
        }),
    });
    const stream = session.request({ ":method": "POST" });
    stream.end(body);
    expect(await text(stream)).toBe(body.toString());
    session.close();
  });

  test("node:tls without HTTP", async () => {
    serve(
      createTlsServer({ cert, key }, (socket) => void socket.end("hello")),
      992,
    );
    const socket = connectTls({
      socket: client.net.connect(992, "localhost"),
      servername: "localhost",
      ca: cert,
    });
    expect(await text(socket)).toBe("hello");
  });

  test.each([
    ["http://server.test", {}],
    ["https://localhost", {}],
    ["https://localhost", { allowH2: true }],
  ])("undici to %s %j", async (origin, { allowH2 = false }: { allowH2?: boolean }) => {
    const isSecure = origin.startsWith("https");
    const plain = isSecure ? http2.createSecureServer({ cert, key, allowHTTP1: true }) : http.createServer();
    plain.on("request", (message: http.IncomingMessage, response: http.ServerResponse) => {
      response.setHeader("version", message.httpVersion);
      message.pipe(response);
    });
    serve(plain, isSecure ? 443 : 80);
    const dispatcher = new UndiciAgent({
      allowH2,
      connect: client.undiciConnect({ allowH2, tls: { ca: cert } }),
    });
    const response = await request(origin, { dispatcher, method: "POST", body });
    expect(response.headers.version).toBe(allowH2 ? "2.0" : "1.1");
    expect(await response.body.text()).toBe(body.toString());
    await expect(request("http://server.test:81", { dispatcher })).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await dispatcher.destroy();
  });
});

describe("the members of net", () => {
  test("addresses, counters, events and their order", async () => {
    const listening = server.net
      .createServer((socket) => void socket.resume().end("bye"))
      .listen({ host: "10.77.0.1" });
    await once(listening, "listening");
    const { port } = listening.address()!;
    const events: string[] = [];
    const socket = new client.net.Socket();
    for (const name of ["connect", "ready", "data", "end", "finish"]) socket.on(name, () => void events.push(name));
    expect([socket.pending, socket.readyState, socket.address()]).toEqual([true, "closed", {}]);
    socket.connect(port, "10.77.0.1", () => events.push("callback"));
    expect([socket.connecting, socket.readyState]).toEqual([true, "opening"]);
    socket.write("before the connection is there");
    const [hadError] = (await once(socket, "close")) as [boolean];
    expect(events).toEqual(["connect", "callback", "ready", "data", "end", "finish"]);
    expect(hadError).toBe(false);
    expect([socket.remoteAddress, socket.remotePort, socket.remoteFamily]).toEqual(["10.77.0.1", port, "IPv4"]);
    expect([socket.bytesRead, socket.bytesWritten]).toEqual([3, 30]);
    await new Promise((resolve) => listening.close(resolve));
    expect(listening.listening).toBe(false);
  });

  test("errors arrive as events, with Node's codes", async () => {
    const failure = async (run: () => { once: unknown }): Promise<SocketError> =>
      ((await once(run() as never, "error")) as [SocketError])[0];
    expect(await failure(() => client.net.connect(81, "10.77.0.1"))).toMatchObject({ code: "ECONNREFUSED", port: 81 });
    expect(await failure(() => client.net.connect(81, "nowhere.test"))).toMatchObject({
      code: "ENOTFOUND",
      hostname: "nowhere.test",
    });
    expect(await failure(() => client.net.connect(81, "192.0.2.1"))).toMatchObject({ code: "ENETUNREACH" });
    expect(await failure(() => new client.net.Socket().end("x"))).toMatchObject({ code: "ENOTCONN" });
    expect(await failure(() => server.net.createServer().listen(0, "10.77.0.9"))).toMatchObject({
      code: "EADDRNOTAVAIL",
    });
    const taken = server.net.createServer().listen(90);
    expect(await failure(() => server.net.createServer().listen(90))).toMatchObject({ code: "EADDRINUSE" });
    taken.close();
    expect(() => client.net.connect(70_000, "10.77.0.1")).toThrow(/port is 70000/);
    expect(() => client.net.connect({ port: 80, receiveBuffer: 1 })).toThrow(/at least 4096/);
  });

  test("a reset with a reason, and a limit of connections", async () => {
    const [left, right] = createCable();
    const strict = host({ device: left, addresses: ["10.77.1.1/24"], tcp: { resetDiagnostics: "binary" } });
    const other = host({ device: right, addresses: ["10.77.1.2/24"], tcp: { connectTimeout: 5_000 } });
    const listening = strict.net.createServer().listen(80);
    listening.maxConnections = 0;
    const dropped = once(listening, "drop");
    const [error] = (await once(other.net.connect(80, "10.77.1.1"), "error")) as [SocketError];
    expect(error).toMatchObject({ code: "ECONNRESET", resetReason: { code: 10 } });
    expect(error.message).toMatch(/resources exceeded \(10\)$/);
    expect((await dropped)[0]).toMatchObject({ remoteAddress: "10.77.1.2", localPort: 80 });
  });

  test("a peer that reads slowly holds the writer back", async () => {
    listeners.push(server.net.createServer((each) => void each.pause()).listen(91));
    const socket = client.net.connect({ port: 91, host: "10.77.0.1" });
    let written = 0;
    const chunk = Buffer.alloc(256 * 1024);
    while (written < 64 && socket.write(chunk)) written += 1;
    for (let i = 0; i < 200; i += 1) await new Promise((resolve) => setImmediate(resolve));
    while (written < 64 && socket.writableLength < chunk.length) {
      socket.write(chunk);
      written += 1;
      for (let i = 0; i < 50; i += 1) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(written).toBeLessThan(32);
    socket.destroy();
  });
});

describe("the members of dgram", () => {
  test("send, reply, connect, and a closed port", async () => {
    const echo = server.dgram.createSocket({ type: "udp4" }, (message, { port, address }: UdpRemoteInfo) => {
      echo.send([message, "!"], port, address);
    });
    echo.bind(7);
    const socket = client.dgram.createSocket("udp4");
    socket.send(Buffer.from("--hello--"), 2, 5, 7, "server.test");
    const [message, remote] = (await once(socket, "message")) as [Buffer, UdpRemoteInfo];
    expect([message.toString(), remote]).toEqual([
      "hello!",
      { address: "10.77.0.1", family: "IPv4", port: 7, size: 6 },
    ]);
    socket.connect(9, "10.77.0.1", () => socket.send("x"));
    expect((await once(socket, "error"))[0]).toMatchObject({ code: "ECONNREFUSED" });
    expect(socket.remoteAddress()).toEqual({ address: "10.77.0.1", family: "IPv4", port: 9 });
    await Promise.all([socket[Symbol.asyncDispose](), echo[Symbol.asyncDispose]()]);
  });
});

test("a bad link, and a capture of what crosses it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "netstack-"));
  const path = join(folder, "bad.pcapng");
  const [left, right] = createCable();
  const one = host({ device: impair(left, { loss: 0.05, duplication: 0.05, delay: 1 }), addresses: ["10.77.3.1/24"] });
  const two = host({ device: capture(right, path), addresses: ["10.77.3.2/24"] });
  one.serve(http.createServer(app), 80);
  expect((await ask({ host: "10.77.3.1", createConnection: two.net.connect })).isSame).toBe(true);
  two.close();
  const { packets, isTruncated } = readPcapng(readFileSync(path));
  expect(isTruncated).toBe(false);
  // The body crossed twice, in segments of 1,448 bytes.
  expect(packets.length).toBeGreaterThan((2 * body.length) / 1_448);
  expect(() => impair(left, { loss: 2 })).toThrow(/loss/);
  rmSync(folder, { recursive: true });
});

describe("pipes", () => {
  test.each([
    ["frames", FramePipe],
    ["packets", PacketPipe],
  ])("two hosts joined by functions that carry %s", async (_, Pipe) => {
    const left: FramePipe | PacketPipe = new Pipe((unit) => right.receive(unit));
    const right: FramePipe | PacketPipe = new Pipe((unit) => left.receive(unit), { mtu: 1_400 });
    const one = host({ device: left, addresses: ["10.77.2.1/24", "fd77:2::1/64"] });
    const two = host({ device: right, addresses: ["10.77.2.2/24", "fd77:2::2/64"] });
    one.serve(http.createServer(app), 80);
    for (const address of ["10.77.2.1", "fd77:2::1"]) {
      expect(await two.ping(address)).toMatchObject({ hopLimit: 64 });
      expect((await ask({ host: address, createConnection: two.net.connect })).isSame).toBe(true);
    }
    // Nothing that came from outside is trusted.
    right.receive(new Uint8Array(0));
    right.receive(new Uint8Array(40).fill(0x45));
    right.receive(new Uint8Array(9_000).fill(0x60));
    expect(right.dropped).toBeGreaterThan(0);
    const socket = two.net.connect(80, "10.77.2.1");
    await once(socket, "connect");
    right.fail("the tunnel ended");
    expect(two.stack.interfaces[0]!.gone).toBe("the tunnel ended");
    const [error] = (await once(two.net.connect(80, "10.77.2.1"), "error")) as [SocketError];
    expect(error.code).toBe("ENETUNREACH");
    socket.destroy();
  });

  test("options that cannot be", () => {
    expect(() => new FramePipe(() => {}, { mtu: 20 })).toThrow(/mtu is 20/);
    const device = createCable()[0];
    expect(() => createHost({ device, addresses: [] })).toThrow(/needs an address/);
    expect(() => createHost({ device, addresses: ["10.77.0.2"] })).toThrow(/write 10.77.0.2\/24/);
    expect(() => createHost({ device, addresses: ["10.77.0.2/24"], mac: "02:00" })).toThrow(/Ethernet address/);
    expect(() => createHost({ device, addresses: ["10.77.0.2/24"], gateways: ["router"] })).toThrow(/gateway/);
    expect(() => createHost({ device, addresses: ["10.77.0.2/24"], hosts: { a: "b" } })).toThrow(/"b" is not an IP/);
  });
});
