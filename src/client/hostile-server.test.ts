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

async function rawServer(onData: (socket: Socket, data: Buffer) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (data: Buffer) => onData(socket, data));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function openClient() {
  const client = createClient();
  closers.push(() => client.destroy());
  return client;
}

test("bytes after a response are not taken for the next response", async () => {
  const response = (body: string) => `HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n${body}`;
  const url = await rawServer((socket, data) =>
    socket.write(response("good") + (data.includes("/first") ? response("evil") : "")),
  );
  const client = openClient();
  const bodies = ["/first", "/second", "/third"].map(async (path) => (await client.fetch(url + path)).text());
  expect(await Promise.all(bodies)).toEqual(["good", "good", "good"]);
  for (const path of ["/first", "/second"]) expect(await (await client.fetch(url + path)).text()).toBe("good");
});

test.each([
  ["an unrequested 101", "HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"],
  ["an unknown transfer coding", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"],
])("%s is a PROTOCOL_ERROR", async (_which, response) => {
  const url = await rawServer((socket) => socket.write(response));
  const statuses: number[] = [];
  const failed = openClient().fetch(url, { onInformational: (status: number) => void statuses.push(status) });
  await expect(failed).rejects.toMatchObject({
    code: "PROTOCOL_ERROR",
    message: expect.not.stringContaining("assert"),
  });
  expect(statuses).toEqual([]);
});

test("a reason phrase with bytes that a Response refuses loses those bytes", async () => {
  const url = await rawServer((socket) =>
    socket.write("HTTP/1.1 200 \xff\x1b[31mRed\r\ncontent-length: 2\r\n\r\nok", "latin1"),
  );
  const response = await openClient().fetch(url);
  expect([response.statusText, await response.text()]).toEqual(["[31mRed", "ok"]);
});
