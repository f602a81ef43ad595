// One connection for several origins: by certificate and address, by ORIGIN frames, and not where the server says 421.
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { type ServeOptions, serve } from "../edge/serve.ts";
import { serveHttp2, testCertificate } from "../host/client/testing/servers.ts";
import { type Client, type ClientOptions, createClient } from "./index.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const { authority } = testCertificate();
const issued = authority.issue({ names: ["a.test", "b.test"] });
const ADDRESSES: Record<string, string> = { "a.test": "127.0.0.1", "b.test": "127.0.0.1", "other.test": "127.0.0.1" };

interface World {
  readonly client: Client;
  ask(host: string, init?: RequestInit): Promise<string>;
}

/** A server that names the host that it was asked for. It refuses the first requests for `refused`. */
async function world(
  protocol: "h3" | "h2",
  serving: ServeOptions = {},
  options: ClientOptions = {},
  refused?: string,
): Promise<World> {
  let refusals = 0;
  const server = await serve({ port: 0, host: "127.0.0.1", ...issued, log: () => {}, ...serving }, async (request) => {
    const { hostname } = new URL(request.url);
    const body = await request.text();
    if (hostname === refused && refusals === 0) {
      refusals += 1;
      return new Response("not here", { status: 421 });
    }
    return new Response(`${hostname} ${body}`);
  });
  closing.push(() => server.close({ timeout: 0 }));
  const client = createClient({
    ca: authority.ca,
    protocols: [protocol],
    coalesce: true,
    resolve: (host) => [ADDRESSES[host]!],
    ...options,
  });
  closing.push(() => client.destroy());
  return { client, ask: async (host, init) => (await client.fetch(`https://${host}:${server.port}/`, init)).text() };
}

test("an ORIGIN frame spares the comparison of addresses", async () => {
  const server = await serveHttp2(
    ({ authority: host }, response) => void response.end(host),
    issued,
    (tcp) => tcp.on("session", (session) => session.origin(`https://b.test:${(tcp.address() as AddressInfo).port}`)),
  );
  closing.push(() => server.close());
  // Nobody serves the second address.
  const resolve = (host: string): string[] => [host === "a.test" ? "127.0.0.1" : "127.0.0.99"];
  const client = createClient({ ca: authority.ca, protocols: ["h2"], coalesce: true, resolve });
  closing.push(() => client.destroy());
  const ask = async (host: string): Promise<string> => (await client.fetch(`https://${host}:${server.port}/`)).text();
  expect(await ask("a.test")).toBe(`a.test:${server.port}`);
  expect(await ask("b.test")).toBe(`b.test:${server.port}`);
  expect(client.connections()).toHaveLength(1);
});

describe.each(["h3", "h2"] as const)("over %s", (protocol) => {
  test("the certificate and the address of both make one connection", async () => {
    const { client, ask } = await world(protocol);
    expect([await ask("a.test"), await ask("b.test"), await ask("b.test")]).toEqual(["a.test ", "b.test ", "b.test "]);
    expect(client.connections()).toHaveLength(1);
    // Those of the one that borrows end with those of the one that lends.
    await client.close();
    expect(client.connections()).toHaveLength(0);
  });

  test("without the option, with another address, or under another certificate there are two, or none", async () => {
    const apart = await world(protocol, {}, { coalesce: false });
    await apart.ask("a.test");
    await apart.ask("b.test");
    expect(apart.client.connections()).toHaveLength(2);
    const elsewhere = await world(
      protocol,
      { host: "0.0.0.0" },
      { resolve: (host) => [host === "a.test" ? "127.0.0.1" : "127.0.0.2"] },
    );
    await elsewhere.ask("a.test");
    await elsewhere.ask("b.test");
    expect(elsewhere.client.connections()).toHaveLength(2);
    await expect(elsewhere.ask("other.test")).rejects.toMatchObject({ code: "CERTIFICATE_WRONG_NAME" });
  });

  test("ORIGIN frames exclude what they do not name", async () => {
    const { client, ask } = await world(protocol, { origins: ["https://none.test"] });
    await ask("a.test");
    await ask("b.test");
    expect(client.connections()).toHaveLength(2);
    await expect(serve({ ...issued, port: 0, origins: ["b.test"] }, () => new Response())).rejects.toMatchObject({
      code: "OPTION_INVALID",
    });
  });

  test("421 sends the request over a connection of its own, with its content", async () => {
    const { client, ask } = await world(protocol, {}, {}, "b.test");
    await ask("a.test");
    expect(await ask("b.test", { method: "POST", body: "content" })).toBe("b.test content");
    expect(client.connections()).toHaveLength(2);
    expect(await ask("b.test")).toBe("b.test ");
    expect(client.connections()).toHaveLength(2);
  });
});
