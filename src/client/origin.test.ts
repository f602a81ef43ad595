// The choice of protocol for a request, with a scripted HTTP/3 connector.

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import type { DialOptions } from "../host/client/session.ts";
import { FakeHttp3Session } from "../host/client/testing/fake-http3.ts";
import { serveHttp2, type TestServer, testCertificate } from "../host/client/testing/servers.ts";
import { type Client, ClientError, type ClientOptions, createClient, type Http3Connector } from "./index.ts";

const servers: TestServer[] = [];
const clients: Client[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.destroy()));
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** An HTTP/2 server that answers "h2", and advertises `altSvc`. */
async function serve(altSvc?: string): Promise<TestServer> {
  const server = await serveHttp2((_request, response) => {
    if (altSvc !== undefined) response.setHeader("alt-svc", altSvc);
    response.end("h2");
  });
  servers.push(server);
  return server;
}

async function openClient(http3: Http3Connector, options: ClientOptions = {}): Promise<Client> {
  const { authority } = testCertificate();
  const client = createClient({ ca: authority.ca, http3, ...options });
  clients.push(client);
  return client;
}

interface Attempt {
  readonly origin: string;
  readonly options: DialOptions;
  succeed(): FakeHttp3Session;
  fail(error: Error): void;
}

/** A connector whose attempts wait for the test's decision, or are decided immediately. */
class Connector implements Http3Connector {
  readonly attempts: Attempt[] = [];
  readonly #decide: (attempt: Attempt) => void;
  #arrived: (() => void) | undefined;

  constructor(decide: (attempt: Attempt) => void = () => {}) {
    this.#decide = decide;
  }

  connect(origin: string, options: DialOptions): Promise<FakeHttp3Session> {
    return new Promise((resolve, reject) => {
      options.signal.addEventListener("abort", () => reject(options.signal.reason));
      const attempt: Attempt = {
        origin,
        options,
        succeed() {
          const session = new FakeHttp3Session(options);
          resolve(session);
          return session;
        },
        fail: reject,
      };
      this.attempts.push(attempt);
      this.#decide(attempt);
      this.#arrived?.();
    });
  }

  async attempt(index: number): Promise<Attempt> {
    while (this.attempts.length <= index) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    return this.attempts[index]!;
  }

  async close(): Promise<void> {}
}

const working = () => new Connector((attempt) => attempt.succeed());
const blocked = () => new Connector((attempt) => attempt.fail(new Error("UDP is blocked")));
const text = async (client: Client, url: string) => (await client.fetch(url)).text();

describe("HTTP/3 first, with an unknown origin", () => {
  test("fast HTTP/3 carries the request, and TCP is not tried", async () => {
    const server = await serve();
    const connector = working();
    const client = await openClient(connector, { headStart: 60_000 });
    expect(await text(client, server.url)).toBe("h3");
    expect(server.connections()).toBe(0);
    expect(connector.attempts[0]).toMatchObject({
      origin: `https://localhost:${server.port}`,
      options: { servername: "localhost", port: server.port },
    });
  });

  test("concurrent requests share one connection", async () => {
    const server = await serve();
    const connector = working();
    const client = await openClient(connector, { headStart: 60_000 });
    const all = await Promise.all(Array.from({ length: 50 }, () => text(client, server.url)));
    expect(new Set(all)).toEqual(new Set(["h3"]));
    expect(connector.attempts).toHaveLength(1);
  });

  test("slow HTTP/3 loses the first request to TCP, and carries later ones once it is ready", async () => {
    const server = await serve();
    const connector = new Connector();
    // Another address would be tried if this machine were slow.
    const client = await openClient(connector, { headStart: 1, happyEyeballs: { attemptDelay: 60_000 } });
    expect(await text(client, server.url)).toBe("h2");
    const attempt = await connector.attempt(0);
    expect(attempt.options.signal.aborted).toBe(false);
    attempt.succeed();
    await expect.poll(() => text(client, server.url)).toBe("h3");
    expect(connector.attempts).toHaveLength(1);
  });

  test("failed HTTP/3 is replaced by TCP immediately, and is not tried again", async () => {
    const server = await serve();
    const connector = blocked();
    const client = await openClient(connector, { headStart: 60_000 });
    for (let i = 0; i < 3; i++) {
      expect(await text(client, server.url)).toBe("h2");
      server.dropConnections();
      while (client.connections().length > 0) await new Promise(setImmediate);
    }
    // At both addresses of localhost.
    expect(connector.attempts).toHaveLength(2);
  });

  test("if nothing works, the error is TCP's", async () => {
    const server = await serve();
    await server.close();
    const client = await openClient(blocked());
    await expect(client.fetch(server.url)).rejects.toMatchObject({ code: "CONNECTION_REFUSED" });
    servers.length = 0;
  });

  test("with only HTTP/3, the error is HTTP/3's, and each request tries again", async () => {
    const connector = blocked();
    const client = await openClient(connector, { protocols: ["h3"] });
    for (let i = 1; i <= 2; i++) {
      await expect(client.fetch("https://localhost:1/")).rejects.toMatchObject({
        code: "CONNECTION_FAILED",
        message: expect.stringContaining("cannot connect over HTTP/3 to localhost port 1: UDP is blocked"),
      });
      expect(connector.attempts).toHaveLength(2 * i);
    }
  });

  test("http:// never uses HTTP/3", async () => {
    const connector = working();
    const client = await openClient(connector, { protocols: ["h3"] });
    await expect(client.fetch("http://localhost:1/")).rejects.toMatchObject({ code: "PROTOCOL_UNAVAILABLE" });
    expect(connector.attempts).toHaveLength(0);
  });

  test("aborting a request aborts its attempts, and the next request starts a new one", async () => {
    const server = await serve();
    const connector = new Connector();
    const client = await openClient(connector, { headStart: 60_000 });
    const controller = new AbortController();
    const fetched = client.fetch(server.url, { signal: controller.signal });
    const first = await connector.attempt(0);
    controller.abort(new Error("changed my mind"));
    await expect(fetched).rejects.toThrow("changed my mind");
    expect(first.options.signal.aborted).toBe(true);
    const again = text(client, server.url);
    (await connector.attempt(1)).succeed();
    expect(await again).toBe("h3");
  });
});

describe("HTTP/3 through Alt-Svc", () => {
  const protocols = ["h2", "h3"] as const;

  test("is not tried before it is advertised; then it is opened while TCP carries requests", async () => {
    const server = await serve('h3=":9"; ma=60');
    const connector = new Connector();
    const client = await openClient(connector, { protocols });
    expect(await text(client, server.url)).toBe("h2");
    expect(connector.attempts).toHaveLength(0);
    expect(await text(client, server.url)).toBe("h2");
    const attempt = await connector.attempt(0);
    expect(attempt.options).toMatchObject({ servername: "localhost", port: 9 });
    attempt.succeed();
    await new Promise(setImmediate);
    expect(await text(client, server.url)).toBe("h3");
  });

  test("is opened at another port, although HTTP/3 at the origin's own has failed", async () => {
    const server = await serve('h3=":9"; ma=60');
    const connector = new Connector((attempt) => {
      if (attempt.options.port === 9) attempt.succeed();
      else attempt.fail(new Error("nothing listens there"));
    });
    const client = await openClient(connector);
    expect(await text(client, server.url)).toBe("h2");
    await text(client, server.url);
    await expect.poll(() => text(client, server.url)).toBe("h3");
    expect(connector.attempts.map(({ options }) => options.port)).toContain(9);
  });

  test("on another host is still verified against the origin's name", async () => {
    const server = await serve('h3="127.0.0.1:9"');
    const connector = new Connector();
    const client = await openClient(connector, { protocols });
    await text(client, server.url);
    await text(client, server.url);
    const { options } = await connector.attempt(0);
    expect(options).toMatchObject({
      servername: "localhost",
      port: 9,
      addresses: [{ address: "127.0.0.1", family: 4 }],
    });
  });

  test.each(["clear", 'h3-29=":9"', 'h3=":9"; ma=0', 'h3=":0"', "h3=:9"])("%s advertises nothing", async (field) => {
    const server = await serve(field);
    const connector = new Connector();
    const client = await openClient(connector, { protocols });
    for (let i = 0; i < 3; i++) expect(await text(client, server.url)).toBe("h2");
    expect(connector.attempts).toHaveLength(0);
  });
});

describe("HTTP/3 sessions", () => {
  test("a draining connection accepts no more requests; the next one opens another", async () => {
    const server = await serve();
    const sessions: FakeHttp3Session[] = [];
    const connector = new Connector((attempt) => sessions.push(attempt.succeed()));
    const client = await openClient(connector, { protocols: ["h3"] });
    expect(await text(client, server.url)).toBe("h3");
    sessions[0]!.drain();
    expect(await text(client, server.url)).toBe("h3");
    expect(connector.attempts).toHaveLength(2);
  });

  test("requests above the peer's limit wait", async () => {
    const server = await serve();
    const connector = new Connector((attempt) => {
      attempt.succeed().limit = 2;
    });
    const client = await openClient(connector, { protocols: ["h3"] });
    const all = await Promise.all(Array.from({ length: 9 }, () => text(client, server.url)));
    expect(all).toHaveLength(9);
    expect(connector.attempts).toHaveLength(1);
  });

  test("a request that the server did not process goes to another connection, whatever its method", async () => {
    const server = await serve();
    const connector = new Connector((attempt) => {
      const session = attempt.succeed();
      if (connector.attempts.length === 1) session.rejects = true;
    });
    const client = await openClient(connector, { protocols: ["h3"] });
    const response = await client.fetch(server.url, { method: "POST", body: "x" });
    expect(await response.text()).toBe("h3");
    expect(client.facts(response)!.attempts).toBe(2);
  });
});

test("our own stack times out if there is no response over UDP", async () => {
  const silent = createSocket("udp4");
  silent.bind(0, "127.0.0.1");
  await once(silent, "listening");
  const client = createClient({ protocols: ["h3"], connectTimeout: 50 });
  clients.push(client);
  const error = await client.fetch(`https://127.0.0.1:${silent.address().port}/`).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ClientError);
  expect(error).toMatchObject({ code: "CONNECT_TIMEOUT" });
  silent.close();
});
