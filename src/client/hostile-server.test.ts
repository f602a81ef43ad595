/** Hostile servers, over every version. */

import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { startServer } from "../edge/server.ts";
import { loadIdentity } from "../host/certificates/identity.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { createClient } from "./index.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

test.each(["http/1.1", "h2", "h3"] as const)("over %s, endless informational responses", async (protocol) => {
  const server = await startServer(
    { port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)] },
    {
      handle: (exchange) => {
        const send = () => {
          if (exchange.aborted !== undefined) return;
          for (let i = 0; i < 20; i += 1) exchange.inform(103, [["link", `<${"a".repeat(200)}>`]]);
          setImmediate(send);
        };
        send();
      },
    },
  );
  closers.push(() => server.close({ timeout: 0 }));
  const client = createClient({ rejectUnauthorized: false, protocols: [protocol] });
  closers.push(() => client.destroy());
  await expect(client.fetch(server.url)).rejects.toMatchObject({ code: "PROTOCOL_ERROR" });
});

test("bytes after a response are not taken for the next response", async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    const response = (body: string) => `HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n${body}`;
    socket.on("data", (data: Buffer) => {
      socket.write(response("good") + (data.includes("/first") ? response("evil") : ""));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const client = createClient();
  closers.push(() => client.destroy());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const bodies = ["/first", "/second", "/third"].map(async (path) => (await client.fetch(url + path)).text());
  expect(await Promise.all(bodies)).toEqual(["good", "good", "good"]);
  for (const path of ["/first", "/second"]) expect(await (await client.fetch(url + path)).text()).toBe("good");
});
