/** The client's tunnels: the same cases over every version of HTTP. */
import { afterEach, describe, expect, test } from "vitest";
import { serve } from "../edge/serve.ts";
import { deferred } from "../edge/testing/async.ts";
import { loadIdentity } from "../host/certificates/identity.ts";
import { systemClock } from "../host/clock.ts";
import { DatagramTunnel } from "../host/http/datagram-tunnel.ts";
import type { ServerExchange } from "../host/http/exchange.ts";
import type { Handler } from "../host/http/fetch-handler.ts";
import { TcpListener } from "../host/http/tcp-listener.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { QuicListener } from "../host/quic/listener.ts";
import { fromUtf8, utf8 } from "../wire/text.ts";
import { openRawTunnel } from "./connect.ts";
import { createClient } from "./index.ts";
import { settingsFrom } from "./options.ts";
import { ConnectionPool } from "./pool.ts";

const VERSIONS = ["http/1.1", "h2", "h3"] as const;
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function begin(protocol: (typeof VERSIONS)[number], handler: Handler) {
  const server = await serve({ port: 0, host: "127.0.0.1", tls: localhostIdentity }, handler);
  closers.push(() => server.close({ timeout: 0 }));
  const client = createClient({ protocols: [protocol], rejectUnauthorized: false });
  closers.push(() => client.destroy());
  return { client, url: server.url };
}

const echo: Handler = (_request, context) => {
  if (context.tunnel === undefined) return new Response("no tunnel", { status: 400 });
  const { readable, writable, response } = context.tunnel.accept({ "x-echo": context.tunnel.protocol ?? "none" });
  void readable.pipeTo(writable).catch(() => undefined);
  return response;
};

describe.each(VERSIONS)("connect over %s", (protocol) => {
  test("opens a tunnel whose directions end separately", async () => {
    const { client, url } = await begin(protocol, echo);
    const tunnel = await client.connect(new URL("/chat", url), { protocol: "example", headers: { "x-a": "b" } });
    expect(tunnel).toMatchObject({ protocol, status: protocol === "http/1.1" ? 101 : 200 });
    expect(tunnel.headers.get("x-echo")).toBe("example");
    const writer = tunnel.writable.getWriter();
    const whole = "0123456789abcdef".repeat(40_000);
    const sent = writer.write(utf8(whole)).then(() => writer.close());
    let received = "";
    for await (const chunk of tunnel.readable as unknown as AsyncIterable<Uint8Array>) received += fromUtf8(chunk);
    await sent;
    expect(received).toBe(whole);
  });

  test("rejects with the status and content of a refusal", async () => {
    const { client, url } = await begin(
      protocol,
      () =>
        new Response("not here", { status: 403, headers: { "proxy-status": "here; error=destination_ip_prohibited" } }),
    );
    await expect(client.connect(url, { protocol: "connect-udp" })).rejects.toMatchObject({
      code: "TUNNEL_REFUSED",
      status: 403,
      content: "not here",
      message: expect.stringContaining("destination_ip_prohibited"),
    });
  });

  test("a plain CONNECT names its target", async () => {
    const { client, url } = await begin(protocol, (request, context) => {
      const { readable, writable, response } = context.tunnel!.accept();
      void readable.cancel();
      void new Response(new URL(request.url).host).body!.pipeTo(writable);
      return response;
    });
    const tunnel = await client.connect(url, { target: "example.com:8443" });
    expect(await new Response(tunnel.readable).text()).toBe("example.com:8443");
    await tunnel.writable.close();
  });

  test("an abort by either side ends both directions", async () => {
    const aborted = deferred<unknown>();
    const { client, url } = await begin(protocol, (request, context) => {
      const { readable, writable, response } = context.tunnel!.accept();
      if (new URL(request.url).pathname === "/server") {
        // Once the client has shown that the tunnel is open.
        const once = async () => {
          await readable.getReader().read();
          await writable.abort(new Error("enough"));
        };
        void once();
      } else readable.pipeTo(writable).catch(aborted.resolve);
      return response;
    });
    const byServer = await client.connect(new URL("/server", url), { protocol: "example" });
    void byServer.writable
      .getWriter()
      .write(utf8("go"))
      .catch(() => undefined);
    await expect(new Response(byServer.readable).text()).rejects.toThrow();
    const byClient = await client.connect(url, { protocol: "example" });
    await byClient.writable.abort(new Error("enough"));
    await expect(aborted.promise).resolves.toBeInstanceOf(Error);
  });
});

test.each([
  ["neither protocol nor target", "https://localhost", {}],
  ["both", "https://localhost", { protocol: "a", target: "b:1" }],
  ["a protocol that is no token", "https://localhost", { protocol: "a b" }],
  ["a target without a port", "https://localhost", { target: "example.com" }],
  ["a URL of another scheme", "ftp://localhost", { protocol: "a" }],
  ["no URL", "example", { protocol: "a" }],
])("%s is refused before anything is sent", async (_, url, init) => {
  const client = createClient();
  await expect(client.connect(url, init)).rejects.toMatchObject({ code: "REQUEST_INVALID" });
  await client.close();
});

/** A server that accepts every offer, and a tunnel to it. */
async function rawTunnels(protocol: (typeof VERSIONS)[number]) {
  const accepted = deferred<ServerExchange>();
  const identities = [loadIdentity(localhostIdentity)] as const;
  const listener = new (protocol === "h3" ? QuicListener : TcpListener)({
    identities,
    acceptsTunnels: true,
    onExchange: (exchange) => accepted.resolve(exchange),
  });
  closers.push(() => listener.close(0));
  const { port } = await listener.listen(0, "127.0.0.1");
  const options = { protocols: [protocol], rejectUnauthorized: false };
  const pool = new ConnectionPool(options, systemClock);
  closers.push(() => pool.destroy(new Error("over")));
  const opening = openRawTunnel(
    (url) => pool.origin(url),
    settingsFrom(options, systemClock),
    `https://127.0.0.1:${port}/`,
    { protocol: "connect-udp" },
  );
  const exchange = await accepted.promise;
  const server = exchange.acceptTunnel([]);
  const { tunnel } = await opening;
  return { server, client: tunnel };
}

/** What one side of a datagram tunnel received. */
class Side {
  readonly datagrams: string[] = [];
  readonly capsules: string[] = [];
  readonly ended = deferred<void>();
  readonly aborted = deferred<Error>();
  readonly tunnel: DatagramTunnel;
  #waiting: { count: number; done: () => void } | undefined;

  constructor(raw: ConstructorParameters<typeof DatagramTunnel>[0]) {
    this.tunnel = new DatagramTunnel(raw, {
      maxDatagram: 1500,
      refusesLarge: true,
      onDatagram: (payload) => this.#add(this.datagrams, fromUtf8(payload)),
      capsules: [{ type: 0x2843, maxLength: 8 }],
      onCapsule: (type, value) => this.#add(this.capsules, `${type} ${fromUtf8(value)}`),
      onEnd: () => this.ended.resolve(),
      onAbort: (reason) => this.aborted.resolve(reason),
    });
  }

  /** Waits for this many datagrams and capsules. */
  received(count: number): Promise<void> {
    return new Promise((done) => {
      this.#waiting = { count, done };
      this.#check();
    });
  }

  #add(list: string[], text: string): void {
    list.push(text);
    this.#check();
  }

  #check(): void {
    const waiting = this.#waiting;
    if (waiting !== undefined && this.datagrams.length + this.capsules.length >= waiting.count) waiting.done();
  }
}

describe.each(VERSIONS)("capsules and datagrams over %s", (protocol) => {
  test("go both ways, and the end arrives", async () => {
    const { server, client } = await rawTunnels(protocol);
    const [near, far] = [new Side(client), new Side(server)];
    expect(near.tunnel.send(utf8("up"))).toBe("queued");
    near.tunnel.sendCapsule(0x2843, utf8("bye"));
    near.tunnel.sendCapsule(0x17, new Uint8Array(100_000));
    await far.received(2);
    expect(far.tunnel.send(utf8("down"))).toBe("queued");
    await near.received(1);
    expect([near.datagrams, far.datagrams, far.capsules]).toEqual([["down"], ["up"], ["10307 bye"]]);
    expect(near.tunnel.maxPayload).toBeGreaterThan(1100);
    near.tunnel.end();
    await far.ended.promise;
    expect(near.tunnel.send(utf8("late"))).toBe("closed");
    far.tunnel.end();
    await near.ended.promise;
  });

  test("a capsule that its user does not take as large resets the tunnel", async () => {
    const { server, client } = await rawTunnels(protocol);
    const [near, far] = [new Side(client), new Side(server)];
    near.tunnel.sendCapsule(0x2843, utf8("ninebytes"));
    expect((await far.aborted.promise).name).toBe("CapsuleError");
    await near.aborted.promise;
  });

  test("a stream that ends inside a capsule resets the tunnel (RFC 9297 §3.3)", async () => {
    const { server, client } = await rawTunnels(protocol);
    const far = new Side(server);
    const near = new Side(client);
    client.write(new Uint8Array([0, 10, 1]));
    near.tunnel.end();
    expect((await far.aborted.promise).name).toBe("CapsuleError");
  });
});
