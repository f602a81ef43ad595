/** Connections that never finish their TLS handshake, when descriptors run out. */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { TCP_VERSIONS } from "../../edge/testing/client.ts";
import { get } from "../../edge/testing/test-client.ts";
import { Budget } from "../budget.ts";
import { loadIdentity } from "../certificates/identity.ts";
import { ignore } from "../guard.ts";
import { TcpListener } from "./tcp-listener.ts";
import { localhostIdentity } from "./testing/identities.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

test.each(TCP_VERSIONS)("connections that send nothing do not keep a client over %s out", async (_version, open) => {
  let now = 0;
  const unlimited = Number.POSITIVE_INFINITY;
  const budget = new Budget({ memory: unlimited, files: 10, descriptors: 10 }, () => (now += 1_000), ignore);
  const listener = new TcpListener({
    identities: [loadIdentity(localhostIdentity)],
    onExchange: (exchange) => {
      exchange.respond(200, []);
      exchange.end(new TextEncoder().encode("ok"));
    },
    budget,
  });
  closers.push(() => listener.close(0));
  const { port } = await listener.listen(0, "127.0.0.1");
  const silent: Socket[] = [];
  for (let i = 0; i < 10; i += 1) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", ignore);
    closers.push(() => socket.destroy());
    await once(socket, "connect");
    silent.push(socket);
  }
  const first = once(silent[0]!, "close");
  const client = await open(new URL(`https://127.0.0.1:${port}`));
  closers.push(() => client.close());
  expect(await (await get(client, "/")).text()).toBe("ok");
  await first;
  // A finished handshake is no longer pending: the next connection ends another silent one.
  const second = once(silent[1]!, "close");
  const other = await open(new URL(`https://127.0.0.1:${port}`));
  closers.push(() => other.close());
  expect(await (await get(other, "/")).text()).toBe("ok");
  await second;
  expect(await (await get(client, "/")).text()).toBe("ok");
});
