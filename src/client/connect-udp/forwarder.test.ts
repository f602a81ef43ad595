/** A local UDP port through a proxy. */

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createUdpProxy, type UdpProxy } from "../../edge/connect-udp/index.ts";
import { type Server, startServer } from "../../edge/server.ts";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { type Client, createClient } from "../index.ts";

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
    await using forwarder = await client.forwardUdp(target, { via, idleTimeout: 1 });
    const local = await boundSocket();
    const { port } = forwarder.address;
    local.send("a", port, "127.0.0.1");
    await vi.waitUntil(() => forwarder.clients === 1, { interval: 0, timeout: 10_000 }).catch(() => undefined);
    await vi.waitUntil(() => forwarder.clients === 0, { interval: 1, timeout: 10_000 });
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
