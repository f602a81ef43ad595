/** A UDP proxy, and a client that sends through it. */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { vi } from "vitest";
import { type Client, createClient } from "../../src/client/index.ts";
import { systemUdpProxyHost, type UdpProxyHost } from "../../src/edge/connect-udp/options.ts";
import { UdpProxy } from "../../src/edge/connect-udp/service.ts";
import { startServer } from "../../src/edge/server.ts";
import { systemClock } from "../../src/host/clock.ts";
import { armed } from "./armed.ts";
import { all, closers, identities, log } from "./world.ts";

async function proxied(
  host: Partial<UdpProxyHost>,
  use: (client: Client, via: string, target: string) => Promise<void>,
) {
  const echo = createSocket("udp4");
  echo.on("message", (message, from) => echo.send(message, from.port, from.address));
  echo.bind(0, "127.0.0.1");
  await once(echo, "listening");
  const target = `127.0.0.1:${echo.address().port}`;
  const proxy = new UdpProxy({ allow: [target, "*:53"], lookupTimeout: 1, log }, { ...systemUdpProxyHost, ...host });
  const server = await startServer({ port: 0, host: "127.0.0.1", identities, log }, proxy);
  const client = createClient({ protocols: ["h2"], rejectUnauthorized: false });
  closers.push(async () => {
    await client.destroy();
    await server.close({ timeout: 0 });
    echo.close();
  });
  await all(use(client, `https://127.0.0.1:${server.port}`, target));
}

/** A message there and back. */
const echoed = () =>
  proxied({}, async (client, via, target) => {
    const socket = await client.connectUdp(target, { via });
    socket.on("error", () => undefined);
    socket.send("hello");
    await Promise.race([once(socket, "message"), once(socket, "close")]);
    socket.close();
  });

/** Our own HTTP/3 to nowhere: the echo is no server of it. */
const tunnelled = () =>
  proxied({}, async (_client, via, target) => {
    const client = createClient({
      rejectUnauthorized: false,
      connectTimeout: 100,
      udpVia: { url: via, client: { protocols: ["h2"], rejectUnauthorized: false } },
    });
    await client.fetch(`https://${target}/`).catch(() => undefined);
    await client.destroy();
  });

/** A local port, and a local client that falls silent. */
const forwarded = () =>
  proxied({}, async (client, via, target) => {
    const forwarder = await client.forwardUdp(target, { via, idleTimeout: 20, onError: () => undefined });
    const local = createSocket("udp4");
    local.send("hello", forwarder.address.port, "127.0.0.1");
    await vi.waitUntil(() => armed.entry === undefined, { timeout: 10_000 });
    local.close();
    await forwarder.close();
  });

/** A name that nobody knows anything about. */
const unanswered = () =>
  proxied({ lookUp: () => new Promise(() => undefined) }, async (client, via) => {
    await client.connectUdp("nowhere.test:53", { via });
  });

/** A tunnel that is idle at once. */
const idle = () =>
  proxied(
    {
      clock: {
        ...systemClock,
        startTimer: (callback, milliseconds) => systemClock.startTimer(callback, Math.min(milliseconds, 50)),
      },
    },
    async (client, via, target) => {
      const socket = await client.connectUdp(target, { via });
      socket.on("error", () => undefined);
      await once(socket, "close");
    },
  );

export const CONNECT_UDP_TRAFFIC = {
  "connect-udp request": { run: echoed },
  "connect-udp lookup": { run: unanswered },
  "connect-udp idle": { run: idle },
  "connect-udp socket": { run: echoed },
  "client udp early": { run: echoed },
  "client udp closed": { run: echoed },
  "client udp turn": { run: tunnelled },
  "client udp room": { run: tunnelled },
  "client udp idle": { run: forwarded },
  "client udp flow": { run: forwarded },
};
