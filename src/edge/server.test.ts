/** The server that `serve` returns, and the ways to call it. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import type { BoundAddress, Listener } from "../host/http/listener.ts";
import { localhostIdentity, otherIdentity } from "../host/http/testing/identities.ts";
import { bindAll } from "../host/listen/bind.ts";
import { type ServeOptions, serve } from "./serve.ts";
import { deferred } from "./testing/async.ts";
import { openHttp1, openHttp2 } from "./testing/client.ts";
import { get } from "./testing/test-client.ts";

const LOCAL: ServeOptions = { port: 0, host: "127.0.0.1", ...localhostIdentity };

async function textOf(url: URL): Promise<string> {
  const client = await openHttp2(url);
  const text = await (await get(client, "/")).text();
  client.close();
  return text;
}

describe("shapes", () => {
  test("Deno's: options, then a handler", async () => {
    await using server = await serve(LOCAL, () => new Response("deno"));
    expect(await textOf(server.url)).toBe("deno");
  });

  test("Bun's: options with fetch, whose `this` is kept", async () => {
    await using server = await serve({
      ...LOCAL,
      word: "bun",
      fetch: function (this: { word: string }) {
        return new Response(this.word);
      },
    } as never);
    expect(await textOf(server.url)).toBe("bun");
  });

  test("options, then an object with fetch", async () => {
    await using server = await serve(LOCAL, { fetch: () => new Response("module") });
    expect(await textOf(server.url)).toBe("module");
  });

  test("rejects a missing handler, a certificate without key, and invalid values", async () => {
    await expect(serve(LOCAL as never)).rejects.toThrow("serve needs a handler");
    const { cert } = localhostIdentity;
    await expect(serve({ port: 0, cert }, () => new Response())).rejects.toThrow("a cert without key: give both");
    await expect(serve({ ...LOCAL, port: 70_000 }, () => new Response())).rejects.toThrow("70000 is not a port");
    await expect(serve({ ...LOCAL, cert: "cert.pem" }, () => new Response())).rejects.toThrow("read the file cert.pem");
  });
});

describe("the server", () => {
  test("reports its URL and addresses", async () => {
    const listening = deferred<BoundAddress>();
    await using server = await serve(
      { ...LOCAL, onListen: (address) => listening.resolve(address) },
      () => new Response(),
    );
    expect(server.url.href).toBe(`https://127.0.0.1:${server.port}/`);
    expect(server.addresses[0]).toEqual({ transport: "tcp", address: "127.0.0.1", family: "IPv4", port: server.port });
    expect(await listening.promise).toEqual(server.addresses[0]);
    expect(new Set(server.addresses.map(({ port }) => port)).size).toBe(1);
  });

  test("binds both addresses of localhost, and TCP and UDP of each, on one port", async () => {
    await using server = await serve({ ...LOCAL, host: "localhost" }, () => new Response("both"));
    expect(server.url.hostname).toBe("localhost");
    expect(new Set(server.addresses.map(({ port }) => port)).size).toBe(1);
    for (const { transport, address } of server.addresses) {
      if (transport === "udp") continue;
      const host = address.includes(":") ? `[${address}]` : address;
      expect(await textOf(new URL(`https://${host}:${server.port}/`))).toBe("both");
    }
  });

  test("supports only the configured protocols", async () => {
    await using server = await serve({ ...LOCAL, protocols: ["h2", "http/1.1"] }, () => new Response());
    expect(server.protocols).toEqual(["h2", "http/1.1"]);
    expect(server.addresses.map(({ transport }) => transport)).toEqual(["tcp"]);
    const client = await openHttp1(server.url);
    expect((await get(client, "/")).headers["alt-svc"]).toBeUndefined();
    client.close();
  });

  test("advertises HTTP/3 on its own port", async () => {
    await using server = await serve(LOCAL, () => new Response());
    expect(server.protocols).toEqual(["h3", "h2", "http/1.1"]);
    const client = await openHttp2(server.url);
    expect((await get(client, "/")).headers["alt-svc"]).toBe(`h3=":${server.port}"; ma=3600`);
    client.close();
  });

  test("selects a certificate by name", async () => {
    await using server = await serve(
      { port: 0, host: "127.0.0.1", tls: [localhostIdentity, otherIdentity] },
      () => new Response("ok"),
    );
    const client = await openHttp2(server.url, { servername: "www.example.test" });
    expect(await (await get(client, "/")).text()).toBe("ok");
    client.close();
  });

  test("closes when its signal is aborted, and reports when it has closed", async () => {
    const controller = new AbortController();
    const server = await serve({ ...LOCAL, signal: controller.signal }, () => new Response());
    controller.abort();
    await server.finished;
    await expect(openHttp2(server.url)).rejects.toThrow();
    await server.close();
  });

  test("waits for waitUntil, but only until the timeout", async () => {
    const gate = deferred<void>();
    let late = false;
    const server = await serve(LOCAL, (_request, context) => {
      context.waitUntil(gate.promise.then(() => void (late = true)));
      return new Response();
    });
    await textOf(server.url);
    const closing = server.close();
    gate.resolve();
    await closing;
    expect(late).toBe(true);
    const stuck = await serve(LOCAL, (_request, context) => {
      context.waitUntil(new Promise(() => undefined));
      return new Response();
    });
    await textOf(stuck.url);
    await stuck.close({ timeout: 1 });
  });

  test("a port in use is an error with advice", async () => {
    await using server = await serve(LOCAL, () => new Response());
    const again = serve({ ...LOCAL, port: server.port }, () => new Response());
    await expect(again).rejects.toMatchObject({
      code: "PORT_IN_USE",
      message: expect.stringContaining("choose another port"),
    });
  });

  test("a UDP port that is in use frees the TCP port again", async () => {
    // An address that nobody else uses: on 127.0.0.1, a connection of another program may have the port's number over TCP.
    const host = "127.0.0.9";
    const socket = createSocket("udp4");
    socket.bind(0, host);
    await once(socket, "listening");
    const { port } = socket.address();
    await expect(serve({ ...LOCAL, host, port }, () => new Response())).rejects.toThrow(`UDP port ${port} is in use`);
    socket.close();
    await once(socket, "close");
    await using server = await serve({ ...LOCAL, host, port }, () => new Response());
    expect(server.port).toBe(port);
  });
});

describe("if the system's choice for TCP is in use for UDP", () => {
  async function bind(isPinned?: () => boolean): Promise<{ ports: number[]; closed: number[] }> {
    const closed: number[] = [];
    let next = 1000;
    const fake = (listen: (port: number) => number): Listener => {
      let bound = 0;
      return {
        protocols: ["h2"],
        listen: async (port) => {
          bound = listen(port);
          return { transport: "tcp", address: "127.0.0.1", family: "IPv4", port: bound };
        },
        setIdentities: () => undefined,
        close: async () => void closed.push(bound),
        ref: () => undefined,
        unref: () => undefined,
      };
    };
    const taken = (port: number): number => {
      if (port === 0) return 2000;
      if (port < 1003) throw Object.assign(new Error("taken"), { code: "EADDRINUSE" });
      return port;
    };
    const { addresses } = await bindAll(
      [
        { transport: "tcp", create: () => fake((port) => (port === 0 ? ++next : port)) },
        { transport: "udp", create: () => fake(taken) },
      ],
      "127.0.0.1",
      0,
      isPinned,
    );
    return { ports: addresses.map(({ port }) => port), closed: closed.filter((port) => port !== 0) };
  }

  test("tries another port", async () => {
    expect(await bind()).toEqual({ ports: [1003, 1003], closed: [1001, 1002] });
  });

  test("keeps a port of TCP that clients know, and gives UDP another", async () => {
    expect(await bind(() => true)).toEqual({ ports: [1001, 2000], closed: [] });
  });
});
