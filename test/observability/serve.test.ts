/** The wrapper in docs/observability.md makes one span of each request to a fetch handler. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { afterEach, expect, test } from "vitest";
import { type Handler, serve } from "../../src/edge/index.ts";
import { VERSIONS } from "../../src/edge/testing/client.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { exporter } from "./tracing.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const document = readFileSync(join(import.meta.dirname, "../../docs/observability.md"), "utf8");
const [, block] = /```js\n(import \{ propagation[\s\S]*?)```/.exec(document)!;
const code = block!.replace(/^import .*$/gm, "").replace(/^await serve.*$/m, "return traced;");
const names = { propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace };
const traced = new Function(...Object.keys(names), code)(...Object.values(names)) as (handler: Handler) => Handler;

test.each(VERSIONS)("over %s", async (version, open) => {
  exporter.reset();
  const options = { port: 0, host: "127.0.0.1", log: () => undefined, ...localhostIdentity };
  const handler: Handler = (request) => {
    if (request.url.endsWith("/fails")) throw new Error("a fault");
    return new Response(trace.getActiveSpan()?.spanContext().traceId);
  };
  const server = await serve(options, traced(handler));
  closers.push(() => server.close({ timeout: 0 }));
  const client = await open(new URL(`https://127.0.0.1:${server.addresses[0]!.port}`));
  closers.push(() => client.close());
  const headers = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
  const response = await client.request({ path: "/a?b=c", headers }).response;
  expect(await response.text()).toBe("0af7651916cd43dd8448eb211c80319c");
  await (await client.request({ path: "/fails" }).response).text();
  const [span, failed, ...others] = exporter.getFinishedSpans();
  expect(others).toEqual([]);
  expect(span).toMatchObject({ name: "GET", kind: SpanKind.SERVER, parentSpanContext: { spanId: "b7ad6b7169203331" } });
  expect(span!.attributes).toEqual({
    "http.request.method": "GET",
    "url.scheme": "https",
    "url.path": "/a",
    "server.address": "localhost",
    "network.protocol.version": { "http/1.1": "1.1", h2: "2", h3: "3" }[version],
    "client.address": "127.0.0.1",
    "http.response.status_code": 200,
  });
  expect(failed!.status.code).toBe(SpanStatusCode.ERROR);
});
