/** Server mistakes that browsers and curl tolerate, over every version. */

import { once } from "node:events";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { startServer } from "../edge/server.ts";
import { loadIdentity } from "../host/certificates/identity.ts";
import type { ServerExchange } from "../host/http/exchange.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import type { FieldLine } from "../http/index.ts";
import { type ClientOptions, createClient } from "./index.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe.each(["http/1.1", "h2", "h3"] as const)("over %s", (protocol) => {
  async function start(handle: (exchange: ServerExchange) => void) {
    const server = await startServer(
      { port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)] },
      { handle },
    );
    closers.push(() => server.close({ timeout: 0 }));
    return { url: server.url, client: open({ protocols: [protocol] }) };
  }

  test.each(["gzip", "br", "deflate", "gzip, br"])("an empty body labeled %s", async (coding) => {
    for (const length of [[], [["content-length", "0"]]] as FieldLine[][]) {
      const { url, client } = await start((exchange) => {
        exchange.respond(200, [["content-encoding", coding], ...length]);
        exchange.end();
      });
      const response = await client.fetch(url);
      expect([response.status, await response.text()]).toEqual([200, ""]);
    }
  });

  test.each(["gzip", "br", "deflate"])("a truncated %s body is still an error", async (coding) => {
    const { url, client } = await start((exchange) => {
      exchange.respond(200, [["content-encoding", coding]]);
      exchange.end(new Uint8Array([coding === "gzip" ? 0x1f : 0x78]));
    });
    const response = await client.fetch(url);
    await expect(response.text()).rejects.toMatchObject({ code: "CONTENT_UNDECODABLE" });
  });

  const utf8 = (text: string) => Buffer.from(text, "utf8").toString("latin1");

  test.each([
    ["UTF-8", [utf8("/はい?ü=é")], "/%E3%81%AF%E3%81%84?%C3%BC=%C3%A9"],
    ["bytes that are not UTF-8", ["/caf\xe9"], "/caf%E9"],
    ["a duplicate", ["/next", "/next"], "/next"],
    ["a duplicate, combined", ["/a,b, /a,b"], "/a,b"],
  ])("a Location: %s", async (_what, locations, path) => {
    const { url, client } = await start((exchange) => {
      if (exchange.path === "/") {
        const lines = locations.map((location): FieldLine => ["location", location]);
        exchange.respond(302, lines, { endStream: true });
        return;
      }
      exchange.respond(200, []);
      exchange.end(new TextEncoder().encode(exchange.path));
    });
    expect(await (await client.fetch(url)).text()).toBe(path);
  });
});

function open(options: ClientOptions) {
  const client = createClient({ rejectUnauthorized: false, ...options });
  closers.push(() => client.destroy());
  return client;
}

describe.each([600, 999])("the status %d", (status) => {
  test("over http/1.1", async () => {
    const sockets: Socket[] = [];
    const server = createTcpServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => undefined);
      socket.on("data", () => socket.write(`HTTP/1.1 ${status} Odd\r\ncontent-length: 2\r\n\r\nok`));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closers.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const response = await open({}).fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    expect([response.status, response.ok, await response.text()]).toEqual([status, false, "ok"]);
  });
});
