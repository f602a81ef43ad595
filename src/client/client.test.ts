import { gzipSync } from "node:zlib";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { serveHttp, serveHttp2, serveHttps, type TestServer, testCertificate } from "../host/client/testing/servers.ts";
import { type Client, type ClientOptions, createClient } from "./index.ts";

let ca: string;
const clients: Client[] = [];
const servers: TestServer[] = [];

beforeAll(async () => {
  ca = testCertificate().authority.ca;
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.destroy()));
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

function openClient(options: ClientOptions = {}): Client {
  const client = createClient({ ca, protocols: ["h2", "http/1.1"], ...options });
  clients.push(client);
  return client;
}

async function up(server: Promise<TestServer>): Promise<TestServer> {
  const started = await server;
  servers.push(started);
  return started;
}

const MEGABYTE = Buffer.alloc(1 << 20, "nagare");

/** The same cases for every protocol over TCP. */
const protocols = [
  {
    name: "http/1.1",
    scheme: "http",
    serve: (listener: Listener) => serveHttp((request, response) => listener(request as never, response as never)),
  },
  {
    name: "http/1.1",
    scheme: "https",
    serve: (listener: Listener) => serveHttps((request, response) => listener(request as never, response as never)),
  },
  { name: "h2", scheme: "https", serve: (listener: Listener) => serveHttp2(listener) },
] as const;

type Listener = Parameters<typeof serveHttp2>[0];

describe.each(protocols)("$name over $scheme", ({ name, serve }) => {
  test("a response has status, fields, body, URL and facts", async () => {
    const server = await up(
      serve((request, response) => {
        response.writeHead(201, { "content-type": "text/plain", "x-path": request.url, "set-cookie": ["a=1", "b=2"] });
        response.end("hello");
      }),
    );
    const client = openClient();
    const response = await client.fetch(`${server.url}a/b?c=d#e`);
    expect(response.status).toBe(201);
    expect(response.headers.get("x-path")).toBe("/a/b?c=d");
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(response.url).toBe(`${server.url}a/b?c=d`);
    expect(response.redirected).toBe(false);
    expect(await response.text()).toBe("hello");
    const facts = client.facts(response)!;
    expect(facts).toMatchObject({ protocol: name, remoteAddress: "127.0.0.1", remotePort: server.port, reused: false });
    expect(facts.contentBytes).toBe(5);
    expect(facts.timings.responseEnd).toBeGreaterThanOrEqual(facts.timings.responseStart);
    expect(facts.stats()).toMatchObject({ requests: 1 });
  });

  test("bodies of every type arrive unchanged, with their content-type", async () => {
    const server = await up(
      serve(async (request, response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const { method, headers } = request;
        response.end(
          JSON.stringify({
            method,
            type: headers["content-type"],
            length: headers["content-length"],
            body: Buffer.concat(chunks).toString(),
          }),
        );
      }),
    );
    const client = openClient();
    const post = async (body: never) => (await client.fetch(server.url, { method: "post", body })).json();
    expect(await post("héllo" as never)).toEqual({
      method: "POST",
      type: "text/plain;charset=UTF-8",
      length: "6",
      body: "héllo",
    });
    expect(await post(new Uint8Array([65, 66]) as never)).toMatchObject({ length: "2", body: "AB" });
    expect(await post(new URLSearchParams({ a: "1 2" }) as never)).toMatchObject({
      type: "application/x-www-form-urlencoded;charset=UTF-8",
      body: "a=1+2",
    });
    expect(await post(new Blob(["blob"], { type: "text/x" }) as never)).toMatchObject({
      type: "text/x",
      length: "4",
      body: "blob",
    });
    expect(await post(new Blob(["stream"]).stream() as never)).toMatchObject({ body: "stream" });
    const form = new FormData();
    form.set("field", "value");
    const sent = (await post(form as never)) as { type: string; body: string };
    expect(sent.type).toMatch(/^multipart\/form-data; boundary=/);
    expect(sent.body).toContain(sent.type.split("boundary=")[1]);
    expect(await post("" as never)).toMatchObject({ length: "0", body: "" });
  });

  test("large bodies stream in both directions at once", async () => {
    const server = await up(serve((request, response) => void request.pipe(response as never)));
    const response = await openClient().fetch(server.url, { method: "POST", body: MEGABYTE });
    expect(Buffer.from(await response.arrayBuffer()).equals(MEGABYTE)).toBe(true);
  });

  test("an idle reader stops the sender", async () => {
    let sent = 0;
    let filled = () => {};
    const full = new Promise<void>((resolve) => {
      filled = resolve;
    });
    const server = await up(
      serve((_request, response) => {
        const write = () => {
          while (sent < 32) {
            sent += 1;
            if (!response.write(MEGABYTE)) {
              if (sent > 1) filled();
              response.once("drain", write);
              return;
            }
          }
          response.end();
        };
        write();
      }),
    );
    const client = openClient();
    const response = await client.fetch(server.url);
    await full;
    // Nothing is read, so only buffers and windows fill up, out of the 32 MiB that the server would send.
    expect(client.facts(response)!.contentBytes).toBeLessThan(16 << 20);
    let total = 0;
    for await (const chunk of response.body!) total += chunk.length;
    expect(total).toBe(32 << 20);
  });

  test("informational responses are reported, and the final one is returned", async () => {
    const server = await up(
      serve((_request, response) => {
        response.writeEarlyHints({ link: "</style.css>; rel=preload; as=style" });
        response.end("done");
      }),
    );
    const seen: [number, string | null][] = [];
    const response = await openClient().fetch(server.url, {
      onInformational: (status, headers) => seen.push([status, headers.get("link")]),
    });
    expect(await response.text()).toBe("done");
    expect(seen).toEqual([[103, "</style.css>; rel=preload; as=style"]]);
  });

  test("trailers are part of the facts, and no content is lost", async () => {
    const server = await up(
      serve((_request, response) => {
        response.writeHead(200, { trailer: "x-sum" });
        response.write(MEGABYTE);
        response.addTrailers({ "x-sum": "42" });
        response.end();
      }),
    );
    const client = openClient();
    const response = await client.fetch(server.url);
    expect((await response.arrayBuffer()).byteLength).toBe(MEGABYTE.length);
    expect(client.facts(response)!.trailers).toEqual([["x-sum", "42"]]);
  });

  test("consecutive requests use one connection", async () => {
    const server = await up(serve((_request, response) => void response.end("ok")));
    const client = openClient();
    for (let i = 0; i < 3; i++) {
      const response = await client.fetch(server.url);
      await response.text();
      expect(client.facts(response)!.reused).toBe(i > 0);
    }
    expect(server.connections()).toBe(1);
  });

  test("a connection that the server closed in the meantime is replaced", async () => {
    const server = await up(serve((_request, response) => void response.end("ok")));
    const client = openClient();
    await (await client.fetch(server.url)).text();
    server.dropConnections();
    expect(await (await client.fetch(server.url)).text()).toBe("ok");
    expect(server.connections()).toBe(2);
  });

  test("aborting before, during and after the head", async () => {
    let aborted = 0;
    let gone = () => {};
    const server = await up(
      serve((request, response) => {
        request.on("aborted", () => {
          aborted += 1;
          gone();
        });
        if (request.url === "/slow") return;
        response.write("beginning");
      }),
    );
    const client = openClient();
    const early = AbortSignal.abort(new Error("never mind"));
    await expect(client.fetch(server.url, { signal: early })).rejects.toThrow("never mind");

    const waiting = new AbortController();
    const slow = client.fetch(`${server.url}slow`, { signal: waiting.signal });
    const noticed = new Promise<void>((resolve) => {
      gone = resolve;
    });
    await untilActive(client);
    waiting.abort(new Error("too slow"));
    await expect(slow).rejects.toThrow("too slow");
    await noticed;

    const reading = new AbortController();
    const response = await client.fetch(server.url, { signal: reading.signal });
    const reader = response.body!.getReader();
    expect(Buffer.from((await reader.read()).value!).toString()).toBe("beginning");
    reading.abort(new Error("enough"));
    await expect(reader.read()).rejects.toThrow("enough");
    expect(aborted).toBeGreaterThanOrEqual(1);
  });

  test("one signal can serve many requests without a leak warning", async () => {
    const server = await up(serve((_, response) => response.end("ok")));
    const { signal } = new AbortController();
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    const client = openClient();
    const responses = await Promise.all(Array.from({ length: 30 }, () => client.fetch(server.url, { signal })));
    await Promise.all(responses.map((response) => response.text()));
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });

  test("a body that ends before its content-length is an error", async () => {
    const server = await up(
      serve((_request, response) => {
        response.writeHead(200, { "content-length": "10" });
        response.write("12345");
        response.on("error", () => {});
        setImmediate(() => (response.stream ?? response.socket)?.destroy());
      }),
    );
    const response = await openClient().fetch(server.url);
    await expect(response.text()).rejects.toMatchObject({
      code: expect.stringMatching(/CONNECTION_LOST|RESPONSE_INCOMPLETE/),
    });
  });

  test("HEAD, 204 and 304 have no body", async () => {
    const server = await up(
      serve((request, response) => {
        response.writeHead(
          Number(request.url.slice(1)) || 200,
          request.method === "HEAD" ? { "content-length": "5" } : {},
        );
        response.end();
      }),
    );
    const client = openClient();
    const head = await client.fetch(server.url, { method: "HEAD" });
    expect(head.body).toBeNull();
    expect(head.headers.get("content-length")).toBe("5");
    for (const status of [204, 304]) expect((await client.fetch(`${server.url}${status}`)).body).toBeNull();
  });

  test("content codings are decoded", async () => {
    const server = await up(
      serve((request, response) => {
        expect(request.headers["accept-encoding"]).toBe("gzip, deflate, br");
        response.writeHead(200, { "content-encoding": "gzip" });
        response.end(gzipSync(MEGABYTE));
      }),
    );
    const response = await openClient().fetch(server.url);
    expect(Buffer.from(await response.arrayBuffer()).equals(MEGABYTE)).toBe(true);
  });

  test("close waits for requests in progress, and then nothing more is sent", async () => {
    const server = await up(serve((_request, response) => void setImmediate(() => response.end("last words"))));
    const client = openClient();
    const response = await client.fetch(server.url);
    const text = response.text();
    await client.close();
    expect(await text).toBe("last words");
    await expect(client.fetch(server.url)).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  });
});

async function untilActive(client: Client): Promise<void> {
  while (!client.connections().some(({ active }) => active > 0)) await new Promise(setImmediate);
}

describe("sharing", () => {
  test("concurrent HTTP/2 requests share one connection, including POSTs with streams", async () => {
    let together = 0;
    let most = 0;
    const server = await up(
      serveHttp2(async (request, response) => {
        together += 1;
        most = Math.max(most, together);
        for await (const _ of request);
        setImmediate(() => {
          together -= 1;
          response.end("ok");
        });
      }),
    );
    const client = openClient();
    const all = Array.from({ length: 40 }, (_, i) =>
      client.fetch(server.url, i % 2 === 0 ? {} : { method: "POST", body: new Blob(["x"]).stream() }),
    );
    for (const response of await Promise.all(all)) expect(await response.text()).toBe("ok");
    expect(server.connections()).toBe(1);
    expect(most).toBeGreaterThan(2);
  });

  test("requests above the peer's stream limit wait on the same connection", async () => {
    let together = 0;
    let most = 0;
    const server = await up(
      serveHttp2(
        (_request, response) => {
          together += 1;
          most = Math.max(most, together);
          setImmediate(() => {
            together -= 1;
            response.end("ok");
          });
        },
        { settings: { maxConcurrentStreams: 3 } },
      ),
    );
    const client = openClient();
    await (await client.fetch(server.url)).text(); // after this, the limit is known
    const all = await Promise.all(Array.from({ length: 30 }, () => client.fetch(server.url)));
    for (const response of all) expect(await response.text()).toBe("ok");
    expect(most).toBeLessThanOrEqual(3);
    expect(server.connections()).toBe(1);
  });

  test("HTTP/1.1 opens connections up to the limit", async () => {
    // Nothing is answered before four requests wait, so fewer connections would never finish.
    const waiting: (() => void)[] = [];
    let isFull = false;
    const server = await up(
      serveHttps((_request, response) => {
        waiting.push(() => response.end("ok"));
        isFull ||= waiting.length === 4;
        if (isFull) for (const answer of waiting.splice(0)) answer();
      }),
    );
    const client = openClient({ maxConnections: 4 });
    const all = await Promise.all(Array.from({ length: 20 }, async () => (await client.fetch(server.url)).text()));
    expect(all).toHaveLength(20);
    expect(server.connections()).toBe(4);
  });

  test("a request refused unprocessed is retried", async () => {
    let refusals = 0;
    const server = await up(
      serveHttp2(
        () => {},
        {},
        (http2) => {
          http2.removeAllListeners("request");
          http2.on("stream", (stream) => {
            stream.on("error", () => {});
            if (refusals === 0) {
              refusals += 1;
              stream.close(7); // REFUSED_STREAM
              return;
            }
            stream.respond({ ":status": 200 });
            stream.end("accepted");
          });
        },
      ),
    );
    const client = openClient();
    const response = await client.fetch(server.url, { method: "POST", body: "once" });
    expect(await response.text()).toBe("accepted");
    expect(client.facts(response)!.attempts).toBe(2);
  });

  test("a POST is not retried when its connection is lost", async () => {
    let posts = 0;
    const server = await up(
      serveHttps((request, response) => {
        if (request.method === "GET") response.end("ok");
        else {
          posts += 1;
          request.socket.destroy();
        }
      }),
    );
    const client = openClient();
    await (await client.fetch(server.url)).text();
    await expect(client.fetch(server.url, { method: "POST", body: "pay" })).rejects.toMatchObject({
      code: "CONNECTION_LOST",
    });
    expect(posts).toBe(1);
  });
});

describe("protocol selection", () => {
  const both = () => serveHttp2((request, response) => void response.end(request.httpVersion), { allowHTTP1: true });

  test.each([
    [["h2", "http/1.1"] as const, "h2"],
    [["http/1.1"] as const, "http/1.1"],
    [["h2"] as const, "h2"],
  ])("%s", async (protocols, expected) => {
    const server = await up(both());
    const client = openClient({ protocols });
    const response = await client.fetch(server.url);
    await response.text();
    expect(client.facts(response)!.protocol).toBe(expected);
  });

  test("a server without HTTP/2 is refused if only HTTP/2 is allowed", async () => {
    const server = await up(serveHttps((_request, response) => void response.end()));
    await expect(openClient({ protocols: ["h2"] }).fetch(server.url)).rejects.toMatchObject({
      code: "PROTOCOL_UNAVAILABLE",
      message: "localhost does not speak HTTP/2",
    });
  });

  test("http:// needs HTTP/1.1", async () => {
    await expect(openClient({ protocols: ["h2"] }).fetch("http://localhost:1/")).rejects.toMatchObject({
      code: "PROTOCOL_UNAVAILABLE",
    });
  });

  test("unknown protocols are a caller error", () => {
    expect(() => createClient({ protocols: ["spdy" as never] })).toThrow('unknown protocol "spdy"');
    expect(() => createClient({ protocols: [] })).toThrow("protocols is empty");
  });
});

describe("key log", () => {
  test("covers TLS over TCP", async () => {
    const lines: string[] = [];
    const server = await up(serveHttp2((_request, response) => void response.end("ok")));
    await (await openClient({ keylog: (line) => lines.push(line) }).fetch(server.url)).text();
    const labels = lines.map((line) => line.split(" ")[0]);
    expect(labels).toContain("CLIENT_HANDSHAKE_TRAFFIC_SECRET");
    expect(labels).toContain("SERVER_TRAFFIC_SECRET_0");
    for (const line of lines) expect(line).toMatch(/^[A-Z0-9_]+ [0-9a-f]{64} [0-9a-f]+$/);
  });
});
