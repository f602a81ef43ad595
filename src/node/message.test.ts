/** `req`, `res` and their sockets, as listeners and frameworks see them over every version. */
import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTls, TLSSocket } from "node:tls";
import { describe, expect, test } from "vitest";
import { VERSIONS } from "../edge/testing/client.ts";
import { get, type TestRequest } from "../edge/testing/test-client.ts";
import type { Listener } from "../host/node/index.ts";
import type { ServerOptions } from "./server.ts";
import { closers, connect, listening, ownServer } from "./testing/server.ts";

describe.each(VERSIONS)("over %s", (version, open) => {
  const start = async (listener: Listener, options: ServerOptions = {}) => {
    const { server, lines } = ownServer(listener, options);
    const port = await listening(server);
    return { client: await connect(open, port), port, lines, server };
  };
  /** Sends a request and returns what `look` returns for it. */
  const inspect = async (
    look: (...given: Parameters<Listener>) => unknown,
    ask: TestRequest = {},
    options: ServerOptions = {},
  ): Promise<unknown> => {
    const { client } = await start((request, response) => {
      response.end(JSON.stringify(look(request, response)) ?? "null");
    }, options);
    return JSON.parse(await (await client.request({ path: "/", ...ask }).response).text());
  };

  test("are instances of Node's classes, or of the classes given as options", async () => {
    class MyRequest extends IncomingMessage {
      get shouted(): string {
        return this.url!.toUpperCase();
      }
    }
    class MyResponse extends ServerResponse {
      say(text: string): void {
        this.end(JSON.stringify(text));
      }
    }
    expect(
      await inspect((request, response) => [request instanceof IncomingMessage, response instanceof ServerResponse]),
    ).toEqual([true, true]);
    const { client } = await start(
      (request, response) => (response as MyResponse).say((request as unknown as MyRequest).shouted),
      { IncomingMessage: MyRequest as never, ServerResponse: MyResponse as never },
    );
    expect(await (await get(client, "/loud")).text()).toBe('"/LOUD"');
  });

  test("work when a framework replaces their prototypes", async () => {
    const requests = Object.create(IncomingMessage.prototype, { marked: { get: () => "request" } });
    const responses = Object.create(ServerResponse.prototype, { marked: { get: () => "response" } });
    const { client } = await start((request, response) => {
      Object.setPrototypeOf(request, requests);
      Object.setPrototypeOf(response, responses);
      let content = "";
      request.setEncoding("utf8");
      request.on("data", (text: string) => {
        content += text;
      });
      request.on("end", () => {
        response.setHeader("x-version", request.httpVersion);
        response.end(
          `${(request as unknown as { marked: string }).marked} ${content} ${(response as unknown as { marked: string }).marked}`,
        );
      });
    });
    const response = await client.request({ method: "POST", path: "/", body: "content" }).response;
    expect(await response.text()).toBe("request content response");
    expect(response.headers["x-version"]).toBe({ "http/1.1": "1.1", h2: "2.0", h3: "3.0" }[version]);
  });

  test("the head uses HTTP/1.1's terms", async () => {
    const head = (await inspect(
      ({ method, url, httpVersionMajor, httpVersionMinor, headers, rawHeaders, headersDistinct }) => ({
        method,
        url,
        major: httpVersionMajor,
        minor: httpVersionMinor,
        headers,
        rawHeaders,
        distinct: headersDistinct,
      }),
      { method: "PUT", path: "/a/b?c=d", headers: { "x-a": "1", cookie: "a=1; b=2" }, body: "12345" },
    )) as Record<string, unknown>;
    expect(head).toMatchObject({ method: "PUT", url: "/a/b?c=d" });
    expect([head.major, head.minor]).toEqual({ "http/1.1": [1, 1], h2: [2, 0], h3: [3, 0] }[version]);
    const headers = head.headers as Record<string, string>;
    expect(headers).toMatchObject({ "x-a": "1", cookie: "a=1; b=2", host: expect.stringMatching(/^localhost:/) });
    expect(Object.keys(headers).filter((name) => name.startsWith(":"))).toEqual([]);
    const raw = head.rawHeaders as string[];
    expect(raw.length % 2).toBe(0);
    expect(raw.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())).toContain("host");
    expect((head.distinct as Record<string, string[]>)["x-a"]).toEqual(["1"]);
  });

  test("content of unknown length has transfer-encoding, as in HTTP/1.1", async () => {
    const { client } = await start((request, response) => {
      request.resume().on("end", () => response.end(request.headers["transfer-encoding"] ?? "none"));
    });
    const exchange = client.request({ method: "POST", path: "/", streaming: true });
    await exchange.send("part");
    exchange.finish();
    expect(await (await exchange.response).text()).toBe("chunked");
    expect(await (await get(client, "/")).text()).toBe("none");
  });

  test("each request has its own socket, with a socket's members", async () => {
    const look: Parameters<typeof inspect>[0] = (request, response) => {
      const { socket } = request;
      const made = socket as typeof socket & { encrypted: boolean; destroySoon: unknown };
      return {
        same: socket === response.socket && request.connection === socket,
        remote: [socket.remoteAddress, socket.remoteFamily, typeof socket.remotePort],
        local: [socket.localAddress, socket.localFamily, typeof socket.localPort],
        kinds: [socket instanceof TLSSocket, socket instanceof Socket, socket instanceof Duplex],
        state: [made.encrypted, socket.destroyed, socket.readable, socket.writable, socket.bytesWritten],
        chained: socket.setTimeout(0).setNoDelay(true).setKeepAlive(true).ref().unref() === socket,
        methods: [typeof socket.destroy, typeof made.destroySoon, typeof socket.pause],
        address: socket.address(),
      };
    };
    expect(await inspect(look)).toMatchObject({
      same: true,
      remote: ["127.0.0.1", "IPv4", "number"],
      local: ["127.0.0.1", "IPv4", "number"],
      kinds: [true, true, true],
      state: [true, false, true, true, 0],
      chained: true,
      methods: ["function", "function", "function"],
      address: { address: "127.0.0.1", family: "IPv4" },
    });
    const sockets = new Set<object>();
    const closed: object[] = [];
    const { client } = await start((request, response) => {
      sockets.add(request.socket);
      request.socket.on("close", () => closed.push(request.socket));
      response.end();
    });
    for (let i = 0; i < 3; i++) await (await get(client, "/")).text();
    expect(sockets.size).toBe(3);
    await expect.poll(() => closed.length).toBe(3);
    for (const socket of closed) expect(socket).toMatchObject({ destroyed: true, writable: false });
  });

  test("connection-specific fields and the reason phrase are dropped silently over HTTP/2 and HTTP/3", async () => {
    const { client, lines } = await start((_request, response) => {
      response.writeHead(404, "Nothing Here", {
        Connection: "keep-alive",
        "Keep-Alive": "timeout=5",
        "Transfer-Encoding": "chunked",
        "X-Kept": "yes",
      });
      response.end("text");
    });
    const response = await get(client, "/");
    expect(response.status).toBe(404);
    expect(await response.text()).toBe("text");
    expect(response.headers["x-kept"]).toBe("yes");
    expect(Object.keys(response.headers).includes("transfer-encoding")).toBe(version === "http/1.1");
    expect(lines).toEqual([]);
  });

  test.each<[string, Listener, Record<string, string>]>([
    ["an object", (_, response) => response.writeHead(201, { "x-a": ["1", "2"], "x-b": 3 }), {}],
    [
      "a flat list",
      (_, response) => response.writeHead(201, "Made", ["x-a", "1", "x-a", "2", "x-b", "3"] as never),
      {},
    ],
    [
      "pairs",
      (_, response) =>
        response.writeHead(201, [
          ["x-a", "1"],
          ["x-a", "2"],
          ["x-b", "3"],
        ] as never),
      {},
    ],
    [
      "setHeader, appendHeader and writeHead together",
      (_, response) => {
        response.setHeader("x-a", "1").appendHeader("x-a", "2").setHeader("x-b", "0");
        response.writeHead(201, { "x-b": "3" });
      },
      {},
    ],
  ])("headers as %s", async (_name, listener) => {
    const { client } = await start((request, response) => {
      listener(request, response);
      response.end("made");
    });
    const response = await get(client, "/");
    expect(response).toMatchObject({ status: 201, headers: { "x-a": "1, 2", "x-b": "3" } });
    expect(await response.text()).toBe("made");
  });

  test("cookies stay separate lines, and sendDate controls the date", async () => {
    const { client } = await start((request, response) => {
      response.setHeader("set-cookie", ["a=1", "b=2"]);
      if (request.url === "/undated") response.sendDate = false;
      response.end();
    });
    const dated = await get(client, "/");
    await dated.text();
    expect(dated.headers["set-cookie"]).toBe("a=1\nb=2");
    expect(dated.headers.date).toMatch(/GMT$/);
    expect((await get(client, "/undated")).headers.date).toBeUndefined();
  });

  test("middleware may replace write, end and writeHead", async () => {
    const { client } = await start((_request, response) => {
      const { writeHead, write, end } = response;
      response.writeHead = function (this: ServerResponse, ...given: [number]) {
        this.setHeader("x-seen", "head");
        return writeHead.apply(this, given);
      } as never;
      response.write = ((chunk: string) => write.call(response, chunk.toUpperCase(), "utf8")) as never;
      response.end = ((chunk: string) => end.call(response, chunk.toUpperCase(), "utf8")) as never;
      response.statusCode = 202;
      response.write("one ");
      response.end("two");
    });
    const response = await get(client, "/");
    expect(response).toMatchObject({ status: 202, headers: { "x-seen": "head" } });
    expect(await response.text()).toBe("ONE TWO");
  });

  test("responses to HEAD and with 304 have no content", async () => {
    const { port } = await start((request, response) => {
      response.statusCode = request.url === "/304" ? 304 : 200;
      response.setHeader("etag", '"x"');
      response.write("never ");
      response.end("sent");
    });
    for (const ask of [{ method: "HEAD", path: "/" }, { path: "/304" }]) {
      // A separate connection for each: over HTTP/1.1 with keep-alive, an extra byte would begin the next response.
      const response = await (await connect(open, port)).request(ask).response;
      expect(response.headers.etag).toBe('"x"');
      expect(await response.text()).toBe("");
    }
  });

  test("informational responses", async () => {
    const { client } = await start((_request, response) => {
      response.writeProcessing();
      response.writeEarlyHints({ link: "</a.css>; rel=preload; as=style", "x-hint": "yes" });
      response.end("done");
    });
    const exchange = client.request({ path: "/" });
    await (await exchange.response).text();
    expect(exchange.informational.map(({ status }) => status)).toEqual([102, 103]);
    expect(exchange.informational[1]!.headers).toMatchObject({
      link: "</a.css>; rel=preload; as=style",
      "x-hint": "yes",
    });
  });

  test("trailers in both directions", async () => {
    const { client } = await start((request, response) => {
      request.resume().on("end", () => {
        response.writeHead(200, { trailer: "x-sum" });
        response.write(JSON.stringify(request.trailers));
        response.addTrailers({ "X-Sum": "7" });
        response.end();
      });
    });
    const exchange = client.request({ method: "POST", path: "/", streaming: true });
    await exchange.send("content");
    exchange.finish(client.sendsTrailers ? { "x-in": "5" } : undefined);
    const response = await exchange.response;
    expect(JSON.parse(await response.text())).toEqual(client.sendsTrailers ? { "x-in": "5" } : {});
    expect(response.trailers()).toEqual({ "x-sum": "7" });
  });

  test('write returns false, and "drain" follows', async () => {
    const waits: boolean[] = [];
    const { client } = await start((_request, response) => {
      const chunk = Buffer.alloc(64 * 1024, "x");
      let left = 40;
      const more = (): void => {
        while (left > 0) {
          left--;
          if (response.write(chunk)) continue;
          waits.push(response.writableNeedDrain);
          response.once("drain", more);
          return;
        }
        response.end();
      };
      more();
    });
    expect((await (await get(client, "/")).bytes()).byteLength).toBe(40 * 64 * 1024);
    expect(waits.length).toBeGreaterThan(0);
    expect(new Set(waits)).toEqual(new Set([true]));
  });

  test("a slow reader slows down the client", async () => {
    const { client } = await start((request, response) => {
      let bytes = 0;
      request.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        request.pause();
        setImmediate(() => request.resume());
      });
      request.on("end", () => response.end(String(bytes)));
    });
    const response = await client.request({ method: "POST", path: "/", body: Buffer.alloc(3_000_000) }).response;
    expect(await response.text()).toBe("3000000");
  });

  test("Expect is handled by default, or by a listener", async () => {
    const { client, server, port } = await start((request, response) => {
      request.resume().on("end", () => response.end("continued"));
    });
    const status = async (expectation: string): Promise<number> => {
      const one = await connect(open, port); // over HTTP/1.1, a response before the content closes the connection
      const headers = { expect: expectation };
      return (await one.request({ method: "POST", path: "/", headers, body: "x" }).response).status;
    };
    const first = client.request({ method: "POST", path: "/", headers: { expect: "100-continue" }, body: "x" });
    expect(await (await first.response).text()).toBe("continued");
    expect(first.informational.map(({ status }) => status)).toEqual([100]);
    expect(await status("a miracle")).toBe(417);
    server.on("checkContinue", (_request, response) => response.writeHead(413).end());
    server.on("checkExpectation", (_request, response) => response.writeHead(418).end());
    expect(await status("100-continue")).toBe(413);
    expect(await status("a miracle")).toBe(418);
  });

  test.each<[string, Listener]>([
    ["throws", () => fault()],
    ["is rejected", async () => fault()],
    ["throws once the content has ended", (request) => request.resume().on("end", fault)],
    ["throws while reading", (request) => request.on("data", fault)],
    ["throws in a write callback", (_request, response) => void response.writeProcessing((() => fault()) as never)],
  ])("a listener that %s causes a 500 and one line", async (_name, listener) => {
    const { client, lines } = await start((request, response) => {
      if (request.url === "/fine") response.end("fine");
      else {
        response.setHeader("x-secret", "left out");
        return listener(request, response);
      }
    });
    const response = await client.request({ method: "POST", path: "/", body: "content" }).response;
    expect(response.status).toBe(500);
    expect(response.headers["x-secret"]).toBeUndefined();
    expect(await response.text()).toBe("Internal Server Error");
    expect(lines).toEqual([expect.stringMatching(/^nagare: POST \/: Error: a bug in the listener/)]);
    expect(await (await get(client, "/fine")).text()).toBe("fine");
  });

  test("a listener that throws after the head cuts off the response", async () => {
    const { client } = await start((_request, response) => {
      response.write("begun");
      setImmediate(() => response.emit("drain"));
      response.on("drain", fault);
    });
    const response = await get(client, "/");
    await expect(response.text()).rejects.toThrow();
  });

  test("a response that is destroyed after its first chunk has a head", async () => {
    const { client } = await start((_request, response) => {
      response.write("begun");
      process.nextTick(() => response.socket!.destroy());
    });
    const response = await get(client, "/");
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
  });

  test('an "error" without a listener does not end the process', async () => {
    const { client, lines } = await start((_request, response) => {
      response.end("ended");
      response.write("more");
    });
    expect(await (await get(client, "/")).text()).toBe("ended");
    await expect.poll(() => lines).toEqual([expect.stringContaining("write after end")]);
  });

  test("an error that a listener emits on the socket ends only its request", async () => {
    const { client, port } = await start((request, response) => {
      if (request.url !== "/bad") response.end("good");
      else response.write("part", () => response.socket!.emit("error", new Error("broken")));
    });
    const bad = (await get(client, "/bad")).text();
    await expect(bad).rejects.toThrow();
    const again = version === "http/1.1" ? await connect(open, port) : client;
    expect(await (await get(again, "/")).text()).toBe("good");
  });

  test("a request that never gets a response ends at the socket's timeout", async () => {
    const seen: string[] = [];
    const { client, server } = await start((request, response) => {
      if (request.url === "/handled") response.setTimeout(10, () => response.writeHead(408).end());
      response.on("close", () => seen.push(`${request.url} closed`));
    });
    const handled = await get(client, "/handled");
    expect([handled.status, await handled.text()]).toEqual([408, ""]);
    server.setTimeout(10);
    await expect(get(client, "/unhandled")).rejects.toThrow();
    await expect.poll(() => seen).toEqual(["/handled closed", "/unhandled closed"]);
  });

  test("destroying req, res or the socket ends only that request", async () => {
    const { client, port } = await start((request, response) => {
      if (request.url === "/req") request.destroy();
      else if (request.url === "/res") response.destroy();
      else if (request.url === "/socket") request.socket.destroy();
      else response.end("alive");
    });
    for (const path of ["/req", "/res", "/socket"]) {
      const one = version === "http/1.1" ? await connect(open, port) : client;
      await expect(get(one, path)).rejects.toThrow();
    }
    expect(await (await get(client, "/")).text()).toBe("alive");
  });
});

function fault(): never {
  throw new Error("a bug in the listener");
}

test("an HTTP/1.1 response without a length, written to the socket, ends with the connection", async () => {
  const { server } = ownServer((request) => {
    request.socket.write("HTTP/1.1 200 OK\r\n\r\n");
    request.socket.end("hello");
  });
  const socket = connectTls({ port: await listening(server), host: "127.0.0.1", rejectUnauthorized: false });
  closers.push(() => socket.destroy());
  socket.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
  const text = Buffer.concat(await socket.toArray()).toString();
  expect(text.toLowerCase()).toContain("connection: close");
  expect(text).toContain("hello");
});
