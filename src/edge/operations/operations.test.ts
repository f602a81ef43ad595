/** Requests with an access log, ids and traces, over every version of HTTP. */

import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { createProxy } from "../proxy/index.ts";
import { serve } from "../serve.ts";
import { type Server, startServer } from "../server.ts";
import { VERSIONS } from "../testing/client.ts";
import { get, type TestClient } from "../testing/test-client.ts";
import type { RequestRecord } from "./index.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

const closers: (() => unknown)[] = [];
const folder = mkdtempSync(join(tmpdir(), "nagare-access-log-"));
afterAll(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

/** Resolves to the next record. */
class Records {
  readonly #waiting: ((record: RequestRecord) => void)[] = [];
  readonly #come: RequestRecord[] = [];

  readonly take = (record: RequestRecord): void => {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#come.push(record);
    else waiting(record);
  };

  next(): Promise<RequestRecord> {
    const record = this.#come.shift();
    return record === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(record);
  }
}

describe.each(VERSIONS)("over %s", (version, open) => {
  const records = new Records();
  const lines: string[] = [];
  let server: Server;
  let client: TestClient;
  let origin: IncomingHttpHeaders | undefined;
  let proxied: TestClient;

  beforeAll(async () => {
    const operations = {
      accessLog: { onRecord: records.take, fields: ["accept-language", "authorization"] },
      traceContext: true,
      trustedProxies: ["127.0.0.0/8"],
    };
    server = await serve(
      { port: 0, host: "127.0.0.1", ...localhostIdentity, ...operations, log: (line) => lines.push(line) },
      async (request, context) => {
        const { pathname } = new URL(request.url);
        if (pathname === "/throws") throw new Error("broken");
        const length = (await request.arrayBuffer()).byteLength;
        const traceparent = request.headers.get("traceparent");
        return Response.json({
          length,
          id: context.requestId,
          traceparent,
          field: request.headers.get("x-request-id"),
        });
      },
    );
    closers.push(() => server.close({ timeout: 0 }));
    client = await open(server.url);
    closers.push(() => client.close());
    const http = createServer((request, response) => {
      origin = request.headers;
      response.end("from the origin");
    }).listen(0, "127.0.0.1");
    closers.push(() => http.close());
    await new Promise((resolve) => http.once("listening", resolve));
    const gateway = await startServer(
      { port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)], ...operations },
      await createProxy([`http://127.0.0.1:${(http.address() as AddressInfo).port}`]),
    );
    closers.push(() => gateway.close({ timeout: 0 }));
    proxied = await open(gateway.url);
    closers.push(() => proxied.close());
  });

  test("a record holds what a request was, without what is private", async () => {
    const headers = {
      ...{ "user-agent": "test/1", referer: "https://user:pass@else.example/?q=secret#f", "accept-language": "ja" },
      ...{ authorization: "Bearer secret", cookie: "sid=secret", "x-forwarded-for": "198.51.100.7" },
    };
    const path = "/a?token=secret";
    const response = await client.request({ method: "POST", path, headers, body: "12345" }).response;
    const text = await response.text();
    const record = await records.next();
    expect(record).toMatchObject({
      ...{ site: "localhost", protocol: version, method: "POST", authority: `localhost:${server.port}` },
      ...{ remoteAddress: "198.51.100.7", path: "/a?token=*", status: 200, aborted: false, bytesIn: 5 },
      ...{ userAgent: "test/1", referer: "https://else.example/?q=*", upstream: undefined },
      fields: { "accept-language": "ja", authorization: "[redacted]" },
      bytesOut: text.length,
    });
    expect(Date.parse(record.time)).not.toBeNaN();
    expect(record.firstByteMilliseconds).toBeLessThanOrEqual(record.milliseconds);
    expect(JSON.stringify(record)).not.toContain("secret");
  });

  test("a request has one id, for the handler, the log and the client", async () => {
    const response = await get(client, "/", { "x-request-id": "from-a-proxy:1" });
    expect(response.headers["x-request-id"]).toBe("from-a-proxy:1");
    const { id, field } = JSON.parse(await response.text());
    expect([id, field, (await records.next()).requestId]).toEqual(Array(3).fill("from-a-proxy:1"));
    const other = await get(client, "/", { "x-request-id": "not acceptable" });
    expect(other.headers["x-request-id"]).toMatch(/^[\da-f-]{36}$/);
    expect(JSON.parse(await other.text()).id).toBe(other.headers["x-request-id"]);
    expect((await records.next()).requestId).toBe(other.headers["x-request-id"]);
  });

  test("an origin gets the id, and this server's span as its parent", async () => {
    const response = await get(proxied, "/", { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: "v=1" });
    expect(await response.text()).toBe("from the origin");
    const { traceId, spanId, requestId, upstream } = await records.next();
    expect(upstream).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(traceId).toBe(TRACE);
    expect(origin).toMatchObject({
      traceparent: `00-${TRACE}-${spanId}-01`,
      tracestate: "v=1",
      "x-request-id": requestId,
    });
    expect(spanId).not.toBe(SPAN);
  });

  test("a handler that throws has a record with status 500", async () => {
    const response = await get(client, "/throws");
    expect([response.status, await response.text()]).toEqual([500, "Internal Server Error"]);
    expect(await records.next()).toMatchObject({ path: "/throws", status: 500 });
  });

  test("a request without content has no bytes in", async () => {
    const response = await client.request({ method: "HEAD", path: "/" }).response;
    expect([response.status, await response.text()]).toEqual([200, ""]);
    expect(await records.next()).toMatchObject({ method: "HEAD", bytesIn: 0 });
  });
});

describe("a file", () => {
  test("is opened again on reload, and nothing is lost", async () => {
    const path = join(folder, "access.log");
    const server = await serve(
      { port: 0, host: "127.0.0.1", ...localhostIdentity, accessLog: { to: path, format: "combined" } },
      () => new Response("hello"),
    );
    const client = await VERSIONS[1]![1](server.url);
    await (await get(client, "/before")).text();
    renameSync(path, `${path}.1`);
    await server.reload();
    await (await get(client, "/after")).text();
    client.close();
    await server.close();
    expect(readFileSync(`${path}.1`, "utf8")).toMatch(
      /^127\.0\.0\.1 - - \[.+\] "GET \/before HTTP\/[\d.]+" 200 5 "-" ".*"\n$/,
    );
    expect(readFileSync(path, "utf8")).toContain('"GET /after ');
  });

  test("that cannot be opened stops the start", async () => {
    const accessLog = join(folder, "nowhere", "access.log");
    const options = { port: 0, host: "127.0.0.1", ...localhostIdentity, accessLog };
    await expect(serve(options, () => new Response())).rejects.toThrow(
      `cannot write the access log ${accessLog}: ENOENT`,
    );
  });
});

test("a pino-shaped logger gets each record", async () => {
  const calls: unknown[][] = [];
  const logger = { info: (...args: unknown[]) => calls.push(args) };
  const server = await serve(
    { port: 0, host: "127.0.0.1", ...localhostIdentity, accessLog: { logger } },
    (_request, { requestId }) => new Response(requestId),
  );
  const client = await VERSIONS[1]![1](server.url);
  const requestId = await (await get(client, "/")).text();
  client.close();
  await server.close();
  expect(calls).toEqual([[expect.objectContaining({ path: "/", status: 200, requestId }), "GET 200"]]);
});
