/** OpenTelemetry's undici instrumentation makes one span of each request of nagare/undici, in every version. */

import { context, SpanKind, trace } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { request } from "undici";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createClient } from "../../src/client/index.ts";
import { listening, ownServer } from "../../src/node/testing/server.ts";
import { Agent, install } from "../../src/undici/index.ts";
import { PROTOCOLS } from "../../src/undici/testing/world.ts";
import { exporter } from "./tracing.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

let url: string;
beforeEach(async () => {
  const { server } = ownServer((incoming, response) => void response.writeHead(201).end(incoming.headers.traceparent));
  url = `https://127.0.0.1:${await listening(server)}/a`;
  exporter.reset();
});

const spansOf = (kind: SpanKind): ReadableSpan[] => exporter.getFinishedSpans().filter((span) => span.kind === kind);

/** Checks that the only client span is the child of `parent` and the parent of the only server span. */
async function expectOneTrace(parent: string, traceparent: string): Promise<void> {
  await expect.poll(() => spansOf(SpanKind.SERVER)).toHaveLength(1);
  const clients = spansOf(SpanKind.CLIENT);
  expect(clients).toHaveLength(1);
  const [span] = clients;
  const { traceId, spanId } = span!.spanContext();
  expect(span!.parentSpanContext?.spanId).toBe(parent);
  expect(traceparent).toBe(`00-${traceId}-${spanId}-01`);
  expect(span!.attributes).toMatchObject({
    "http.request.method": "GET",
    "url.full": url,
    "http.response.status_code": 201,
  });
  expect(spansOf(SpanKind.SERVER)[0]!.parentSpanContext).toMatchObject({ traceId, spanId });
}

const inSpan = async (ask: () => Promise<string>): Promise<void> => {
  const parent = trace.getTracer("test").startSpan("work");
  const text = await context.with(trace.setSpan(context.active(), parent), ask);
  await expectOneTrace(parent.spanContext().spanId, text);
};

describe.each(PROTOCOLS)("over %s", (protocol) => {
  const options = { protocols: [protocol], rejectUnauthorized: false };

  test("a request of undici is one span, whose context the server continues", async () => {
    const dispatcher = new Agent(options);
    closers.push(() => dispatcher.close());
    await inSpan(async () => (await request(url, { dispatcher })).body.text());
  });

  test("a fetch of Node is one span after install()", async () => {
    closers.push(install(options));
    await inSpan(async () => (await fetch(url)).text());
  });

  test("createClient().fetch has no span, and no fields are added", async () => {
    const client = createClient(options);
    closers.push(() => client.destroy());
    expect(await (await client.fetch(url)).text()).toBe("");
    expect(spansOf(SpanKind.CLIENT)).toEqual([]);
  });
});
