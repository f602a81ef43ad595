// The client over our own HTTP/3, with our own server.
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { EventEmitter, once } from "node:events";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { type ServeOptions, serve } from "../edge/serve.ts";
import { startServer } from "../edge/server.ts";
import { loadIdentity } from "../host/certificates/index.ts";
import { type Authority, type Issued, makeAuthority } from "../host/client/testing/certificates.ts";
import { testCertificate } from "../host/client/testing/servers.ts";
import { createFetchHandler, type Handler } from "../host/http/fetch-handler.ts";
import { type Client, type ClientOptions, createClient } from "./index.ts";

let authority: Authority;
let issued: Issued;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  ({ authority, issued } = testCertificate());
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function up(handler: Handler, options: ServeOptions = {}): Promise<string> {
  const server = await serve({ port: 0, host: "127.0.0.1", ...issued, log: () => {}, ...options }, handler);
  closing.push(() => server.close({ timeout: 0 }));
  return `https://localhost:${server.port}/`;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function openClient(options: ClientOptions = {}): Client {
  const client = createClient({ ca: authority.ca, protocols: ["h3"], ...options });
  closing.push(() => client.destroy());
  return client;
}

describe("an exchange", () => {
  test("a response has status, fields, body and facts", async () => {
    const url = await up((_request, { protocol }) => {
      const headers = new Headers({ "x-protocol": protocol });
      headers.append("set-cookie", "a=1");
      headers.append("set-cookie", "b=2");
      return new Response("hello", { status: 201, headers });
    });
    const client = openClient();
    const response = await client.fetch(url);
    expect(response.status).toBe(201);
    expect(response.headers.get("x-protocol")).toBe("h3");
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(await response.text()).toBe("hello");
    const facts = client.facts(response)!;
    expect(facts).toMatchObject({ protocol: "h3", remoteAddress: "127.0.0.1", reused: false, contentBytes: 5 });
    expect(facts.connection.handshakeEnd).toBeGreaterThan(facts.connection.handshakeStart!);
    const stats = facts.stats();
    expect(stats.packetsSent).toBeGreaterThan(0);
    expect(stats.packetsReceived).toBeGreaterThan(0);
    expect(stats.bytesReceived).toBeGreaterThan(1200); // RFC 9000 §14.1
    expect(stats.rtt).toBeGreaterThan(0);
  });

  test("large bodies stream in both directions", async () => {
    const url = await up((request) => new Response(request.body));
    const body = randomBytes(2 << 20);
    const response = await openClient().fetch(url, { method: "POST", body: new Blob([body]).stream() });
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
  });

  test("an idle reader stops the sender", async () => {
    const total = 64;
    let sent = 0;
    const url = await up(() => {
      const chunk = new Uint8Array(1 << 20);
      const body = new ReadableStream({
        pull(controller) {
          if (sent++ === total) controller.close();
          else controller.enqueue(chunk);
        },
      });
      return new Response(body);
    });
    const client = openClient();
    const response = await client.fetch(url);
    const held = await stable(() => client.facts(response)!.contentBytes);
    expect(held).toBeLessThan(32 << 20);
    expect(sent).toBeLessThan(total);
    await response.body!.cancel();
  });

  test("informational responses and trailers", async () => {
    const url = await up((_request, context) => {
      context.inform(103, { link: "</style.css>; rel=preload" });
      context.addTrailers({ "x-sum": "42" });
      return new Response("body", { headers: { trailer: "x-sum" } });
    });
    const seen: number[] = [];
    const client = openClient();
    const response = await client.fetch(url, { onInformational: (status) => seen.push(status) });
    expect(await response.text()).toBe("body");
    expect(seen).toEqual([103]);
    expect(client.facts(response)!.trailers).toEqual([["x-sum", "42"]]);
  });

  test("HEAD, 204 and an error status", async () => {
    const url = await up((request) => {
      const status = Number(new URL(request.url).pathname.slice(1));
      return status === 0 ? new Response("hello") : new Response(null, { status });
    });
    const client = openClient();
    const head = await client.fetch(url, { method: "HEAD" });
    expect(head.body).toBeNull();
    expect((await client.fetch(`${url}204`)).body).toBeNull();
    expect((await client.fetch(`${url}500`)).status).toBe(500);
  });

  test("an abort reaches the server", async () => {
    let gone = () => {};
    const noticed = new Promise<void>((resolve) => {
      gone = resolve;
    });
    let arrived = () => {};
    const asking = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const url = await up(async (_request, { signal }) => {
      arrived();
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      gone();
      return new Response();
    });
    const controller = new AbortController();
    const fetched = openClient().fetch(url, { signal: controller.signal });
    await asking;
    controller.abort(new Error("enough"));
    await expect(fetched).rejects.toThrow("enough");
    await noticed;
  });
});

/** Waits until a number stops growing, and returns it. */
async function stable(figure: () => number): Promise<number> {
  for (let last = -1, same = 0; ; ) {
    const now = figure();
    same = now === last && now > 0 ? same + 1 : 0;
    if (same > 500) return now;
    last = now;
    await new Promise(setImmediate);
  }
}

describe("a connection", () => {
  test("an abort cancels the body being sent, even while it has no data", async () => {
    const url = await up(async (request) => {
      await request.text().catch(() => "");
      return new Response();
    });
    for (const protocol of ["h3", "h2", "http/1.1"] as const) {
      const controller = new AbortController();
      const source = new EventEmitter();
      const pulled = once(source, "pull");
      const cancelled = once(source, "cancel");
      const body = new ReadableStream<Uint8Array>(
        {
          pull() {
            source.emit("pull");
            return new Promise(() => {});
          },
          cancel() {
            source.emit("cancel");
          },
        },
        { highWaterMark: 0 }, // not pulled before it is read
      );
      const fetching = openClient({ protocols: [protocol] }).fetch(url, {
        method: "POST",
        body,
        signal: controller.signal,
      });
      await pulled;
      controller.abort();
      await expect(fetching).rejects.toThrow("aborted");
      await cancelled;
    }
  });

  test("is shared by concurrent requests", async () => {
    const url = await up((request) => new Response(new URL(request.url).pathname));
    const client = openClient();
    const all = await Promise.all(
      Array.from({ length: 250 }, async (_, i) => (await client.fetch(`${url}${i}`)).text()),
    );
    expect(all).toEqual(Array.from({ length: 250 }, (_, i) => `/${i}`));
    expect(client.connections()).toHaveLength(1);
    expect(client.connections()[0]!.stats.requests).toBe(250);
  });

  test("writes its secrets to the key log", async () => {
    const lines: string[] = [];
    const url = await up(() => new Response());
    await openClient({ keylog: (line) => lines.push(line) }).fetch(url);
    const labels = lines.map((line) => line.split(" ")[0]);
    expect(labels).toContain("CLIENT_HANDSHAKE_TRAFFIC_SECRET");
    expect(labels).toContain("SERVER_TRAFFIC_SECRET_0");
    for (const line of lines) expect(line).toMatch(/^[A-Z0-9_]+ [0-9a-f]{64} [0-9a-f]+$/);
  });

  test("close waits for what is in progress", async () => {
    const url = await up(() => new Response("last words"));
    const client = openClient();
    const response = await client.fetch(url);
    const text = response.text();
    await client.close();
    expect(await text).toBe("last words");
  });

  test("a closing server delivers the responses in progress", async () => {
    const size = 2_000_000; // far more than is sent in the first round trip
    const server = await serve({ port: 0, host: "127.0.0.1", ...issued, log: () => {} }, () => {
      closing.push(() => server.close());
      void server.close();
      return new Response(new Uint8Array(size));
    });
    const response = await openClient().fetch(`https://localhost:${server.port}/`);
    expect((await response.arrayBuffer()).byteLength).toBe(size);
    await server.finished;
  });

  test("a closing server reports the requests that it has not processed", async () => {
    let answered = 0;
    const handler: Handler = async (request) => {
      await request.text();
      answered += 1;
      return new Response();
    };
    const server = await serve({ port: 0, host: "127.0.0.1", ...issued, log: () => {} }, handler);
    closing.push(() => server.close({ timeout: 0 }));
    const url = `https://localhost:${server.port}/`;
    const client = openClient();
    await (await client.fetch(url)).text();
    // Wait until the client has acknowledged the response, so that nothing delays the server.
    const { packetsSent } = client.connections()[0]!.stats;
    while (client.connections()[0]!.stats.packetsSent === packetsSent) await turn();
    for (let turns = 0; turns < 5; turns += 1) await turn();
    const request = client.fetch(url, { method: "POST", body: "once" });
    while (client.connections()[0]?.active === 0) await undefined;
    // The request is written but not sent yet, so it crosses the GOAWAY.
    await server.close();
    const again = await serve({ port: server.port, host: "127.0.0.1", ...issued, log: () => {} }, handler);
    closing.push(() => again.close({ timeout: 0 }));
    expect((await request).status).toBe(200);
    expect(answered).toBe(2);
  });

  test("an aborted attempt is closed, so that the server does not wait for more", async () => {
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    closing.push(async () => socket.close());
    await once(socket, "listening");
    const controller = new AbortController();
    const fetching = openClient().fetch(`https://127.0.0.1:${socket.address().port}/`, { signal: controller.signal });
    await once(socket, "message"); // the whole ClientHello
    const close = once(socket, "message");
    controller.abort();
    await expect(fetching).rejects.toThrow("aborted");
    await close;
  });

  test("HTTP/3 carries the request if all protocols are allowed and the server supports it", async () => {
    const url = await up((_request, { protocol }) => new Response(protocol));
    const client = openClient({ protocols: ["h3", "h2", "http/1.1"], headStart: 30_000 });
    expect(await (await client.fetch(url)).text()).toBe("h3");
  });
});

describe("a refused certificate is reported with its reason, in the same words as over TCP", () => {
  const past = (days: number) => new Date(Date.now() - days * 86_400_000);

  /** The errors over both protocols. Only the clients check the certificate. */
  async function failures(options: ServeOptions): Promise<{ code: string; message: string }[]> {
    const url = await up(() => new Response(), options);
    const all = [];
    for (const protocol of ["h3", "h2"] as const) {
      const error = await openClient({ protocols: [protocol] })
        .fetch(url)
        .catch((reason: { code: string; message: string }) => reason);
      all.push(error as { code: string; message: string });
    }
    return all;
  }

  test("for another name", async () => {
    const other = authority.issue({ names: ["other.test"] });
    for (const { code, message } of await failures(other)) {
      expect(code).toBe("CERTIFICATE_WRONG_NAME");
      expect(message).toBe("certificate is for other.test, not localhost");
    }
  });

  test("from an authority that is not trusted", async () => {
    const stranger = makeAuthority("Stranger");
    for (const { code, message } of await failures(stranger.issue())) {
      expect(code).toBe("CERTIFICATE_UNKNOWN_AUTHORITY");
      expect(message).toBe(
        "certificate for localhost is issued by an authority this machine does not trust (Stranger)",
      );
    }
  });

  test("for a chain with an element that is not a certificate", async () => {
    const identity = loadIdentity(issued);
    const server = await startServer(
      {
        port: 0,
        host: "127.0.0.1",
        identities: [{ ...identity, chain: [...identity.chain, new Uint8Array(50)] }],
        protocols: ["h3"],
      },
      createFetchHandler(() => new Response()),
    );
    closing.push(() => server.close({ timeout: 0 }));
    const fetching = openClient().fetch(`https://localhost:${server.port}/`);
    await expect(fetching).rejects.toMatchObject({
      code: "CERTIFICATE_INVALID",
      message: expect.stringContaining("malformed"),
    });
  });

  test("unless the caller accepts any certificate", async () => {
    const stranger = makeAuthority("Stranger");
    const url = await up(() => new Response("anyway"), stranger.issue({ names: ["other.test"] }));
    const response = await openClient({ rejectUnauthorized: false }).fetch(url);
    expect(await response.text()).toBe("anyway");
  });

  test("expired, and not yet valid, from a server that ignores validity", async () => {
    const day = (date: Date) => date.toISOString().slice(0, 10);
    const [from, to] = [past(10), past(3)];
    const cases = [
      { notBefore: from, notAfter: to, says: `has expired (${day(to)})`, code: "CERTIFICATE_EXPIRED" },
      {
        notBefore: past(-3),
        notAfter: past(-10),
        says: `is not valid before ${day(past(-3))}`,
        code: "CERTIFICATE_NOT_YET_VALID",
      },
    ];
    for (const { notBefore, notAfter, says, code } of cases) {
      const identity = loadIdentity(authority.issue({ notBefore, notAfter }), { ignoreValidity: true });
      const server = await startServer(
        { port: 0, host: "127.0.0.1", identities: [identity] },
        createFetchHandler(() => new Response()),
      );
      closing.push(() => server.close({ timeout: 0 }));
      for (const protocol of ["h3", "h2"] as const) {
        const client = openClient({ protocols: [protocol] });
        await expect(client.fetch(`https://localhost:${server.port}/`)).rejects.toMatchObject({
          code,
          message: `certificate for localhost ${says}`,
        });
      }
    }
  });
});
