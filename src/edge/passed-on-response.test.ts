/** Handlers that return the response of a fetch. Its body is decoded, so the head must not have a content coding. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { brotliCompressSync, deflateSync, gunzipSync, gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { createClient } from "../client/index.ts";
import type { Handler } from "../host/http/fetch-handler.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { serve } from "./serve.ts";
import { VERSIONS } from "./testing/client.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const TEXT = "hello ".repeat(1000);
const CODINGS = { gzip: gzipSync, "x-gzip": gzipSync, deflate: deflateSync, br: brotliCompressSync } as const;

async function origin(coding: string, bytes: Uint8Array, hasLength: boolean): Promise<string> {
  const server = createServer((_request, response) => {
    response.writeHead(200, {
      etag: '"1"',
      "content-encoding": coding,
      ...(hasLength ? { "content-length": bytes.byteLength } : {}),
    });
    response.end(bytes);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

describe.each(VERSIONS)("over %s", (_version, open) => {
  const request = async (handler: Handler, method = "GET") => {
    const server = await serve({ port: 0, host: "127.0.0.1", ...localhostIdentity }, handler);
    closers.push(() => server.close({ timeout: 0 }));
    const client = await open(server.url);
    closers.push(() => client.close());
    return client.request({ method }).response;
  };

  test.each([
    ["gzip", true],
    ["gzip", false],
    ["x-gzip", true],
    ["deflate", true],
    ["br", true],
  ] as const)("%s, with a length: %s", async (coding, hasLength) => {
    const url = await origin(coding, CODINGS[coding](TEXT), hasLength);
    const response = await request(() => fetch(url));
    expect([response.status, response.headers["content-encoding"], response.headers.etag]).toEqual([
      200,
      undefined,
      '"1"',
    ]);
    expect(await response.text()).toBe(TEXT);
  });

  test("HEAD gets the same fields as GET", async () => {
    const url = await origin("gzip", gzipSync(TEXT), true);
    const response = await request(() => fetch(url, { method: "HEAD" }), "HEAD");
    expect([response.headers["content-encoding"], response.headers["content-length"]]).toEqual([undefined, undefined]);
  });

  test.each([true, false])("rebuilt from its body and headers, with a length: %s", async (hasLength) => {
    const url = await origin("gzip", gzipSync(TEXT), hasLength);
    const response = await request(async () => {
      const upstream = await fetch(url);
      return new Response(upstream.body, { headers: upstream.headers });
    });
    expect(await response.text()).toBe(TEXT);
    expect(response.headers["content-encoding"]).toBeUndefined();
  });

  test("from our own client, decoded or not", async () => {
    const url = await origin("gzip", gzipSync(TEXT), true);
    for (const decompress of [true, false]) {
      const client = createClient({ decompress });
      closers.push(() => client.destroy());
      const response = await request(() => client.fetch(url));
      expect(response.headers["content-encoding"]).toBe(decompress ? undefined : "gzip");
      const bytes = await response.bytes();
      expect(String(decompress ? Buffer.from(bytes) : gunzipSync(bytes))).toBe(TEXT);
    }
  });

  test("a handler's own gzip is sent unchanged", async () => {
    const bytes = gzipSync(TEXT);
    const stream = () =>
      new ReadableStream<Uint8Array>({
        async pull(controller) {
          await new Promise((resolve) => setImmediate(resolve));
          controller.enqueue(bytes);
          controller.close();
        },
      });
    for (const body of [() => bytes, stream]) {
      const response = await request(() => new Response(body(), { headers: { "content-encoding": "gzip" } }));
      expect(response.headers["content-encoding"]).toBe("gzip");
      expect(gunzipSync(await response.bytes()).toString()).toBe(TEXT);
    }
  });
});
