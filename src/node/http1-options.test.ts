/** Node's options for HTTP/1.1: the same checks, defaults and effects as with node:https. */
import { once } from "node:events";
import { Server as HttpServer } from "node:http";
import { Server as HttpsServer } from "node:https";
import { describe, expect, test } from "vitest";
import { VERSIONS } from "../edge/testing/client.ts";
import { get } from "../edge/testing/test-client.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import type { Listener } from "../host/node/index.ts";
import { createServer, type ServerOptions } from "./server.ts";
import { both, exchangeRaw } from "./testing/raw.ts";
import { connect, listening, ownServer } from "./testing/server.ts";

const GET = "GET / HTTP/1.1\r\nHost: localhost\r\n";

test("have Node's defaults", () => {
  const own = createServer({ ...localhostIdentity }) as unknown as Record<string, unknown>;
  const node = new HttpServer() as unknown as Record<string, unknown>;
  for (const name of ["keepAliveTimeout", "keepAliveTimeoutBuffer", "headersTimeout", "requestTimeout"]) {
    expect([name, own[name]]).toEqual([name, node[name]]);
  }
  for (const name of ["maxRequestsPerSocket", "maxHeadersCount", "requireHostHeader", "timeout"]) {
    expect([name, own[name]]).toEqual([name, node[name]]);
  }
});

test.each([
  ["text"],
  [42],
  [[]],
  [{ requestTimeout: "1" }],
  [{ requestTimeout: -1 }],
  [{ headersTimeout: 2_000, requestTimeout: 1_000 }],
  [{ maxHeaderSize: "big" }],
  [{ insecureHTTPParser: 1 }],
  [{ requireHostHeader: 1 }],
  [{ joinDuplicateHeaders: 1 }],
  [{ connectionsCheckingInterval: "often" }],
])("%j is refused with Node's error", (options) => {
  const errorOf = (run: () => unknown): unknown => {
    try {
      run();
      return undefined;
    } catch (error) {
      return error;
    }
  };
  const given = (
    Object.getPrototypeOf(options) === Object.prototype ? { ...localhostIdentity, ...(options as object) } : options
  ) as never;
  const node = errorOf(() => new HttpsServer(given)) as Error & { code: string };
  expect(node).toBeDefined();
  expect(errorOf(() => createServer(given))).toMatchObject({ code: node.code, message: node.message });
});

test.each([20, 50, 99, 0])("maxHeadersCount of %i has the same effect as with Node", async (max) => {
  const lines = Array.from({ length: 100 }, (_, i) => `key${i}: ${i}\r\n`).join("");
  const [ours, node] = await both((make) => {
    const server = make(({ headers }, response) => response.end(`${Object.keys(headers).length} fields`), {});
    Object.assign(server, { maxHeadersCount: max });
    return exchangeRaw(server, `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${lines}\r\n`);
  });
  expect(ours).toBe(node);
});

describe("a refusal", () => {
  const REFUSED: readonly [string, string][] = [
    ["an unknown method", "NONE / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
    ["a space before the method", ` ${GET}\r\n`],
    ["two kinds of framing", `${GET}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ];
  test.each(REFUSED)("of %s has the same bytes as Node's", async (_what, request) => {
    const [ours, node] = await both((make) =>
      exchangeRaw(
        make((_request, response) => response.end(), {}),
        request,
      ),
    );
    expect(ours).toBe(node);
    expect(ours).toMatch(/^HTTP\/1\.1 4/);
  });

  test("is the only one of its connection", async () => {
    const coded = `POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\nnot chunked`;
    const received = await exchangeRaw(ownServer((_request, response) => response.end()).server, coded);
    expect(received.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });
});

test("requestTimeout ends a request that arrives slowly", async () => {
  const options = { requestTimeout: 200, headersTimeout: 0, connectionsCheckingInterval: 20 };
  const request = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf`;
  const [ours, node] = await both((make) =>
    exchangeRaw(
      make((request) => request.resume(), options),
      request,
    ),
  );
  expect(ours).toBe(node);
  expect(ours).toContain("408 Request Timeout");
});

test("maxHeaderSize limits the head", async () => {
  const listener: Listener = (_request, response) => response.end();
  const request = `${GET}Connection: close\r\nX: ${"x".repeat(3_000)}\r\n\r\n`;
  const [ours, node] = await both((make) => exchangeRaw(make(listener, { maxHeaderSize: 2_000 }), request));
  expect(ours).toBe(node);
  expect(ours).toContain("431");
  expect(await exchangeRaw(ownServer(listener).server, request)).toContain("200");
});

test("requireHostHeader: false accepts HTTP/1.1 without Host", async () => {
  const request = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n";
  const listener: Listener = (_request, response) => response.end("hello");
  const [ours, node] = await both((make) => exchangeRaw(make(listener, { requireHostHeader: false }), request));
  expect(ours).toContain("200 OK");
  expect(node).toContain("200 OK");
  expect(await exchangeRaw(ownServer(listener).server, request)).toContain("400");
});

test("maxRequestsPerSocket answers further requests with 503 and emits dropRequest", async () => {
  const results = await both(async (make) => {
    const server = make((_request, response) => response.end(), { keepAliveTimeout: 1 });
    Object.assign(server, { maxRequestsPerSocket: 1 });
    const dropped = once(server as never, "dropRequest");
    const received = await exchangeRaw(server, `${GET}\r\n${GET}\r\n`);
    const [request] = await dropped;
    return [received.match(/HTTP\/1\.1 \d+/g), request.url];
  });
  expect(results[0]).toEqual(results[1]);
});

const canChoose = "shouldUpgradeCallback" in new HttpsServer({ ...localhostIdentity } as object);

test.skipIf(!canChoose)("shouldUpgradeCallback leaves requests with Upgrade to the listener", async () => {
  const request = `${GET}Connection: Upgrade\r\nUpgrade: x\r\n\r\n`;
  const results = await both(async (make) => {
    const listener: Listener = (_request, response) => response.writeHead(200, { connection: "close" }).end("plain");
    const server = make(listener, { shouldUpgradeCallback: (request: { url: string }) => request.url !== "/" });
    server.on("upgrade", (_request: unknown, socket: { destroy(): void }) => socket.destroy());
    return [await exchangeRaw(server, request)];
  });
  expect(results[0]![0]).toContain("plain");
  expect(results[1]![0]).toContain("plain");
});

test.skipIf(!canChoose)("a shouldUpgradeCallback that throws leaves the request to the listener", async () => {
  const shouldUpgradeCallback = (): boolean => {
    throw new Error("broken");
  };
  const { server, lines } = ownServer((_request, response) => response.writeHead(200, { connection: "close" }).end(), {
    shouldUpgradeCallback,
  });
  server.on("upgrade", (_request: unknown, socket: { destroy(): void }) => socket.destroy());
  expect(await exchangeRaw(server, `${GET}Connection: Upgrade\r\nUpgrade: x\r\n\r\n`)).toContain("200 OK");
  expect(lines).toEqual(["nagare: shouldUpgradeCallback threw: Error: broken"]);
});

describe.each(VERSIONS)("over %s", (_version, open) => {
  const ask = async (listener: Listener, options: ServerOptions, method = "GET") => {
    const { server, lines } = ownServer(listener, options);
    const client = await connect(open, await listening(server));
    const response = await client.request({ method, path: "/" }).response;
    await response.text();
    return { response, lines };
  };

  test("rejectNonStandardBodyWrites forbids content in a response to HEAD", async () => {
    const codes: unknown[] = [];
    const listener: Listener = (_request, response) => {
      try {
        response.write("content");
      } catch (error) {
        codes.push((error as { code: string }).code);
      }
      response.end();
    };
    await ask(listener, { rejectNonStandardBodyWrites: true }, "HEAD");
    await ask(listener, {}, "HEAD");
    expect(codes).toEqual(["ERR_HTTP_BODY_NOT_ALLOWED"]);
  });

  test("uniqueHeaders joins values", async () => {
    const listener: Listener = (_request, response) => response.setHeader("X-Parts", ["a", "b"]).end();
    expect((await ask(listener, { uniqueHeaders: ["x-parts"] })).response.headers["x-parts"]).toBe("a; b");
    expect((await ask(listener, {})).response.headers["x-parts"]).toBe("a, b");
  });

  test("highWaterMark is the response's", async () => {
    const seen: number[] = [];
    const { server } = ownServer(
      (_request, response) => response.end(String(seen.push(response.writableHighWaterMark))),
      {
        highWaterMark: 1_234,
      },
    );
    await get(await connect(open, await listening(server)), "/");
    expect(seen).toEqual([1_234]);
  });
});
