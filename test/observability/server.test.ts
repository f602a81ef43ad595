/** OpenTelemetry's http instrumentation makes one span of each request to nagare/node, in every version. */
import { once } from "node:events";
import { context, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { beforeEach, describe, expect, test } from "vitest";
import { VERSIONS } from "../../src/edge/testing/client.ts";
import type { TestClient } from "../../src/edge/testing/test-client.ts";
import type { Listener } from "../../src/host/node/index.ts";
import { connect, listening, ownServer } from "../../src/node/testing/server.ts";
import { exporter, express } from "./tracing.ts";

beforeEach(() => exporter.reset());

// biome-ignore lint/suspicious/noExplicitAny: express has no types
type Any = any;

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";

const HTTP_VERSION = { "http/1.1": "1.1", h2: "2.0", h3: "3.0" };

const ofServer = (): ReadableSpan[] => exporter.getFinishedSpans().filter(({ kind }) => kind === SpanKind.SERVER);

/** The span of the server ends with "close" of the response, after the client has it. */
async function serverSpans(count: number): Promise<ReadableSpan[]> {
  await expect.poll(() => ofServer().length).toBeGreaterThanOrEqual(count);
  return ofServer();
}

describe.each(VERSIONS)("over %s", (version, open) => {
  const start = async (listener: Listener): Promise<{ client: TestClient; port: number }> => {
    const port = await listening(ownServer(listener).server);
    return { client: await connect(open, port), port };
  };

  test("a request is one span, with its method, target, status, addresses and version", async () => {
    const { client, port } = await start((_request, response) => void response.writeHead(404).end("no"));
    await (await client.request({ method: "PUT", path: "/a/b?c=d", headers: { "user-agent": "ua" } }).response).text();
    const [span, ...others] = await serverSpans(1);
    expect(others).toEqual([]);
    expect(span!.attributes).toMatchObject({
      "http.request.method": "PUT",
      "url.scheme": "https",
      "url.path": "/a/b",
      "url.query": "c=d",
      "server.address": "localhost",
      "server.port": port,
      "client.address": "127.0.0.1",
      "network.peer.address": "127.0.0.1",
      "network.protocol.version": HTTP_VERSION[version],
      "user_agent.original": "ua",
      "http.response.status_code": 404,
    });
    expect(span!.attributes["network.peer.port"]).toBeGreaterThan(0);
  });

  test("traceparent, tracestate and baggage continue the client's trace", async () => {
    const { client } = await start((_request, response) => {
      const entry = propagation.getBaggage(context.active())?.getEntry("user");
      const { traceId, traceState } = trace.getActiveSpan()!.spanContext();
      response.end(`${traceId} ${traceState?.get("vendor")} ${entry?.value}`);
    });
    const headers = { traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: "vendor=1", baggage: "user=alice" };
    const response = await client.request({ path: "/", headers }).response;
    expect(await response.text()).toBe(`${TRACE} 1 alice`);
    const [span] = await serverSpans(1);
    expect(span!.parentSpanContext).toMatchObject({ traceId: TRACE, spanId: PARENT, isRemote: true });
  });

  test("many requests at once have one span each, active in their own callbacks", async () => {
    const wrong: string[] = [];
    const { client } = await start((request, response) => {
      const own = trace.getActiveSpan();
      const check = (place: string) => () => {
        if (trace.getActiveSpan() !== own) wrong.push(`${request.url} ${place}`);
      };
      request.on("data", check("data")).on("end", check("end"));
      response.on("finish", check("finish")).on("close", check("close"));
      request.on("end", () =>
        setTimeout(() => {
          check("timer")();
          response.end(own!.spanContext().spanId);
        }, 1),
      );
    });
    const ids = await Promise.all(
      Array.from({ length: 30 }, async (_each, index) =>
        (await client.request({ method: "POST", path: `/${index}`, body: "x".repeat(2_000) }).response).text(),
      ),
    );
    const spans = await serverSpans(30);
    expect(new Set(spans.map((span) => span.spanContext().spanId))).toEqual(new Set(ids));
    expect(spans).toHaveLength(30);
    expect(wrong).toEqual([]);
  });

  test("Express's instrumentation adds the route, and spans of its handlers in the same trace", async () => {
    const app: Any = express();
    app.set("env", "test");
    app.use(express.json());
    app.post("/users/:id", (request: Any, response: Any) => response.json({ ...request.body, ...request.params }));
    const { client } = await start(app);
    const headers = { "content-type": "application/json" };
    const request = { method: "POST", path: "/users/7", headers, body: '{"a":1}' };
    expect(await (await client.request(request).response).text()).toBe('{"a":1,"id":"7"}');
    const [span, ...others] = await serverSpans(1);
    expect(others).toEqual([]);
    expect(span).toMatchObject({ name: "POST /users/:id", attributes: { "http.route": "/users/:id" } });
    const inner = exporter.getFinishedSpans().filter(({ attributes }) => attributes["express.type"] !== undefined);
    expect(inner.map(({ name }) => name)).toContain("middleware - jsonParser");
    expect(new Set(inner.map((each) => each.spanContext().traceId))).toEqual(new Set([span!.spanContext().traceId]));
  });

  test("a listener that throws is a span with the status 500", async () => {
    const { client } = await start(() => {
      throw new Error("a fault");
    });
    await (await client.request({ path: "/" }).response).text();
    const [span, ...others] = await serverSpans(1);
    expect(others).toEqual([]);
    expect(span!.status.code).toBe(SpanStatusCode.ERROR);
  });

  test("an aborted request is a span too", async () => {
    const { client } = await start((_request, response) => void response.write("one "));
    const exchange = client.request({ path: "/" });
    const { content } = await exchange.response;
    await once(
      content.on("error", () => undefined),
      "data",
    );
    exchange.cancel();
    expect(await serverSpans(1)).toHaveLength(1);
  });
});
