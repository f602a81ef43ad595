/** Trace context passes through the client and the proxy unchanged, whatever tools run in the process. */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { createClient, type Protocol } from "../../src/client/index.ts";
import { throughProxy } from "../../src/edge/proxy/testing/through-proxy.ts";
import { VERSIONS } from "../../src/edge/testing/client.ts";
import { listening, ownServer } from "../../src/node/testing/server.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** By name. */
const FIELDS: readonly (readonly [name: string, value: string])[] = [
  ["baggage", "user=alice,tier=gold;ttl=1"],
  ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
  ["tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"],
];

/** The lines of trace context, by name. */
function contextOf({ rawHeaders }: IncomingMessage): [string, string][] {
  const lines = rawHeaders.flatMap((name, index): [string, string][] =>
    index % 2 === 0 ? [[name.toLowerCase(), rawHeaders[index + 1]!]] : [],
  );
  return lines.filter(([name]) => FIELDS.some(([each]) => each === name)).sort();
}

describe.each(VERSIONS)("over %s", (version, open) => {
  test("the proxy passes on traceparent, tracestate and baggage", async () => {
    const seen: [string, string][][] = [];
    const origin = createServer((request, response) => {
      seen.push(contextOf(request));
      response.end("hello");
    });
    origin.listen(0, "127.0.0.1");
    await once(origin, "listening");
    closers.push(() => origin.close());
    const { port } = origin.address() as AddressInfo;
    const client = await throughProxy(closers, open, [`http://127.0.0.1:${port}`], {});
    await (await client.request({ path: "/", headers: Object.fromEntries(FIELDS) }).response).text();
    await (await client.request({ path: "/" }).response).text();
    expect(seen).toEqual([FIELDS, []]);
  });

  test("createClient().fetch sends traceparent, tracestate and baggage", async () => {
    const seen: [string, string][][] = [];
    const { server } = ownServer((request, response) => {
      seen.push(contextOf(request));
      response.end("hello");
    });
    const port = await listening(server);
    const client = createClient({ protocols: [version as Protocol], rejectUnauthorized: false });
    closers.push(() => client.destroy());
    await (await client.fetch(`https://127.0.0.1:${port}/`, { headers: Object.fromEntries(FIELDS) })).text();
    await (await client.fetch(`https://127.0.0.1:${port}/`)).text();
    expect(seen).toEqual([FIELDS, []]);
  });
});
