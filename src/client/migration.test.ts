/** A client's connection moves to another address of this machine, over real sockets (RFC 9000 §9). */
import { randomBytes } from "node:crypto";
import { Socket } from "node:dgram";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type ServeOptions, serve } from "../edge/serve.ts";
import type { Authority, Issued } from "../host/client/testing/certificates.ts";
import { testCertificate } from "../host/client/testing/servers.ts";
import { freePort } from "../host/udp/free-port.ts";
import { type Client, createClient } from "./index.ts";

let authority: Authority;
let issued: Issued;
const closing: (() => Promise<unknown>)[] = [];
const BODY = randomBytes(2_000_000);

beforeAll(() => {
  ({ authority, issued } = testCertificate());
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  vi.restoreAllMocks();
});

type Engine = "auto" | "portable";

/** A server that answers each request with the client's address, or with a large body. */
async function world(options: ServeOptions & { readonly engine?: Engine } = {}) {
  const server = await serve(
    { port: 0, host: "127.0.0.1", ...issued, log: () => {}, ...options },
    (request, { remoteAddress, localAddress }) =>
      request.url.endsWith("/large")
        ? new Response(BODY)
        : Response.json({ client: remoteAddress.address, port: remoteAddress.port, server: localAddress.port }),
  );
  closing.push(() => server.close({ timeout: 0 }));
  const { engine = "auto" } = options;
  const client = createClient({ ca: authority.ca, protocols: ["h3"], resolve: () => ["127.0.0.1"], engine });
  closing.push(() => client.destroy());
  const url = `https://localhost:${server.port}/`;
  const where = async () =>
    (await (await client.fetch(url)).json()) as { client: string; port: number; server: number };
  return { server, client, url, where };
}

const connection = (client: Client) => client.connections()[0]!;
const migrate = (client: Client, local?: string) => connection(client).migrate!(local === undefined ? {} : { local });

describe("migrate()", () => {
  test.each<Engine>(["auto", "portable"])(
    "moves to another port, and to another address (engine %s)",
    async (engine) => {
      const { client, where } = await world({ engine });
      const before = await where();
      await migrate(client);
      const moved = await where();
      expect(moved.client).toBe("127.0.0.1");
      expect(moved.port).not.toBe(before.port);
      await migrate(client, "127.0.0.2");
      expect((await where()).client).toBe("127.0.0.2");
      await migrate(client, "127.0.0.3");
      expect((await where()).client).toBe("127.0.0.3");
      expect(client.connections()).toHaveLength(1);
      expect(connection(client).stats.requests).toBe(4);
    },
  );

  test.each<Engine>(["auto", "portable"])("in the middle of a download loses nothing (engine %s)", async (engine) => {
    const { client, url } = await world({ engine });
    const response = await client.fetch(`${url}large`);
    const reader = response.body!.getReader();
    const chunks: Uint8Array[] = [];
    for (let i = 0; ; i += 1) {
      if (i === 5 || i === 20) await migrate(client, `127.0.0.${i}`);
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
    }
    expect(Buffer.concat(chunks).equals(BODY)).toBe(true);
    expect(client.connections()).toHaveLength(1);
  });

  test("is refused by a server that disables it, and the connection stays where it is", async () => {
    const { client, where } = await world({ quic: { disableActiveMigration: true } });
    const before = await where();
    await expect(migrate(client, "127.0.0.2")).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: expect.stringContaining("does not allow"),
    });
    expect(await where()).toEqual(before);
  });

  test("to an address that is not of this machine fails with the system's reason", async () => {
    const { client, where } = await world();
    const before = await where();
    await expect(migrate(client, "192.0.2.1")).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      cause: { code: "EADDRNOTAVAIL" },
    });
    expect(await where()).toEqual(before);
  });

  test("ends with the connection", async () => {
    const { client, where } = await world();
    await where();
    const moving = migrate(client);
    await client.destroy();
    await expect(moving).rejects.toMatchObject({ code: "MIGRATION_FAILED" });
  });
});

test("a socket whose path is gone is replaced while a request waits", async () => {
  const { client, where } = await world({ engine: "portable" });
  const before = await where();
  const send = vi.spyOn(Socket.prototype, "send") as unknown as ReturnType<typeof vi.fn>;
  const original = Socket.prototype.send as (...given: unknown[]) => void;
  send.mockRestore();
  let gone: Socket | undefined;
  vi.spyOn(Socket.prototype, "send").mockImplementation(function (this: Socket, ...given: unknown[]) {
    gone ??= this;
    // The interface of the first socket that sends, which is the client's, has vanished.
    if (this !== gone) return original.apply(this, given);
    const callback = given.at(-1);
    if (typeof callback === "function") callback(Object.assign(new Error("gone"), { code: "ENETUNREACH" }));
  } as never);
  const after = await where();
  expect(after.port).not.toBe(before.port);
  expect(client.connections()).toHaveLength(1);
});

describe("a server's preferred address", () => {
  const preferred = (server: Awaited<ReturnType<typeof world>>["server"], client: Client): boolean =>
    connection(client).remotePort !== server.port;

  test.each<Engine>(["auto", "portable"])("is where its clients go (engine %s)", async (engine) => {
    const quic = { preferredAddress: [{ host: "127.0.0.2", port: 0 }] };
    const { server, client, where } = await world({ engine, quic });
    const first = await where();
    expect(first.server).toBe(server.port);
    await vi.waitUntil(() => preferred(server, client));
    expect(connection(client).remoteAddress).toBe("127.0.0.2");
    expect((await where()).server).toBe(connection(client).remotePort);
    await migrate(client, "127.0.0.7");
    expect((await where()).client).toBe("127.0.0.7");
  });

  test.each<Engine>(["auto", "portable"])(
    "may have the port of a server on all addresses (engine %s)",
    async (engine) => {
      const port = await freePort();
      const quic = { preferredAddress: [{ host: "127.0.0.2", port }] };
      const { client, where } = await world({ engine, port, host: "0.0.0.0", quic });
      await where();
      await vi.waitUntil(() => connection(client).remoteAddress === "127.0.0.2");
      expect((await where()).server).toBe(port);
    },
  );

  test.each([
    [[{ host: "localhost", port: 1 }], "is not an IP address"],
    [[{ host: "::", port: 1 }], "clients cannot connect to ::"],
    [[{ host: "127.0.0.1", port: 65_536 }], "65536 is not a port"],
    [
      [
        { host: "127.0.0.1", port: 1 },
        { host: "127.0.0.2", port: 1 },
      ],
      "two addresses of one family",
    ],
  ])("%j is a mistake", async (preferredAddress, message) => {
    await expect(world({ quic: { preferredAddress } })).rejects.toThrow(message);
  });
});
