/** A local UDP port through a proxy. */

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createUdpProxy, type UdpProxy } from "../../edge/connect-udp/index.ts";
import { type Server, startServer } from "../../edge/server.ts";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { type HostClock, systemClock } from "../../host/clock.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import type { UdpTunnel } from "../../host/http/udp-tunnel.ts";
import { type Client, createClient } from "../index.ts";
import { ConnectionPool } from "../pool.ts";
import { type OpenTunnel, UdpForwarder } from "./forwarder.ts";
import { openUdpTunnel } from "./open.ts";

async function boundSocket(): Promise<Socket> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

let echo: Socket;
let target: string;
let proxy: UdpProxy;
let server: Server;
let client: Client;
let via: string;

beforeAll(async () => {
  echo = await boundSocket();
  // Says which of the proxy's sockets asked.
  echo.on("message", (message, from) => echo.send(`${message} ${from.port}`, from.port, from.address));
  target = `127.0.0.1:${echo.address().port}`;
  proxy = createUdpProxy({ allow: [target] });
  server = await startServer({ port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)] }, proxy);
  client = createClient({ protocols: ["h2"], rejectUnauthorized: false });
  via = `https://127.0.0.1:${server.port}`;
});

afterAll(async () => {
  await client.destroy();
  await server.close({ timeout: 0 });
  echo.close();
});

async function asked(local: Socket, port: number, message: string): Promise<string> {
  const answer = once(local, "message");
  local.send(message, port, "127.0.0.1");
  return String(((await answer) as [Buffer])[0]);
}

describe("a local port", () => {
  test("gives each local client a tunnel of its own", async () => {
    await using forwarder = await client.forwardUdp(target, { via });
    const { port } = forwarder.address;
    expect(forwarder).toMatchObject({ protocol: "h2", address: { address: "127.0.0.1", family: "IPv4" } });
    const [one, two] = [await boundSocket(), await boundSocket()];
    const first = await asked(one, port, "a");
    const second = await asked(two, port, "b");
    expect(first.split(" ")[1]).not.toBe(second.split(" ")[1]);
    expect(await asked(one, port, "a")).toBe(first);
    expect(forwarder.clients).toBe(2);
    await forwarder.close();
    await vi.waitUntil(() => proxy.sockets === 0, { interval: 1, timeout: 10_000 });
    one.close();
    two.close();
  });

  test("drops what comes from more clients than it may have", async () => {
    await using forwarder = await client.forwardUdp(target, { via, maxClients: 1 });
    const { port } = forwarder.address;
    const [one, two] = [await boundSocket(), await boundSocket()];
    await asked(one, port, "a");
    two.send("b", port, "127.0.0.1");
    await vi.waitUntil(() => forwarder.dropped === 1, { interval: 1, timeout: 10_000 });
    expect(forwarder.clients).toBe(1);
    one.close();
    two.close();
  });

  test("closes the tunnel of a silent client, and opens another when it speaks again", async () => {
    const pool = new ConnectionPool({ protocols: ["h2"], rejectUnauthorized: false });
    let opened = 0;
    const open: OpenTunnel = (request, callbacks) => {
      opened += 1;
      return openUdpTunnel((url) => pool.origin(url), pool.settings, request, callbacks);
    };
    let idle: (() => void) | undefined;
    const clock: HostClock = {
      ...systemClock,
      // Silence is what the test says it is.
      startTimer(callback, milliseconds) {
        expect(milliseconds).toBe(1_234);
        idle = callback;
        return systemClock.startTimer(() => undefined, milliseconds);
      },
    };
    const forwarder = await UdpForwarder.open(open, target, { via, idleTimeout: 1_234 }, clock);
    const local = await boundSocket();
    const { port } = forwarder.address;
    expect(await asked(local, port, "a")).toMatch(/^a \d+$/);
    expect([forwarder.clients, proxy.sockets, opened]).toEqual([1, 1, 2]);
    idle!();
    expect(forwarder.clients).toBe(0);
    await vi.waitUntil(() => proxy.sockets === 0, { interval: 1, timeout: 10_000 });
    expect(await asked(local, port, "b")).toMatch(/^b \d+$/);
    expect([forwarder.clients, proxy.sockets, opened]).toEqual([1, 1, 3]);
    await forwarder.close();
    await pool.destroy(new Error("the test is over"));
    local.close();
  });

  test("reports a tunnel that fails, unless it was closed meanwhile", async () => {
    const failures: ((error: Error) => void)[] = [];
    const first = { tunnel: { close: () => undefined } as UdpTunnel, protocol: "h2" as const };
    let opened = 0;
    const open: OpenTunnel = () =>
      opened++ === 0 ? Promise.resolve(first) : new Promise((_, reject) => failures.push(reject));
    const reported: string[] = [];
    const onError = ({ message }: Error) => void reported.push(message);
    const forwarder = await UdpForwarder.open(open, target, { via, onError });
    const local = await boundSocket();
    local.send("a", forwarder.address.port, "127.0.0.1");
    await vi.waitUntil(() => failures.length === 1, { interval: 1, timeout: 10_000 });
    failures[0]!(new Error("refused"));
    await vi.waitUntil(() => reported.length === 1, { interval: 1, timeout: 10_000 });
    local.send("b", forwarder.address.port, "127.0.0.1");
    await vi.waitUntil(() => failures.length === 2, { interval: 1, timeout: 10_000 });
    await forwarder.close();
    failures[1]!(new Error("the client was closed"));
    await new Promise(setImmediate);
    expect(reported).toEqual(["refused"]);
    local.close();
  });

  test("is not opened if the proxy refuses the target, or the port is in use", async () => {
    await expect(client.forwardUdp("127.0.0.1:1", { via })).rejects.toMatchObject({ code: "TUNNEL_REFUSED" });
    await expect(client.forwardUdp("nothing", { via })).rejects.toMatchObject({ code: "REQUEST_INVALID" });
    await expect(client.forwardUdp(target, { via, port: echo.address().port })).rejects.toMatchObject({
      message: expect.stringContaining("is in use"),
    });
  });
});
