/** The same request has the same answer over every version of HTTP. */

import { connect } from "node:http2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadIdentity } from "../host/certificates/identity.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { type Server, startServer } from "./server.ts";
import { VERSIONS } from "./testing/client.ts";

let server: Server;
beforeAll(async () => {
  server = await startServer(
    { port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)] },
    {
      handle: (exchange) => {
        exchange.respond(200, []);
        exchange.end(new TextEncoder().encode(`${exchange.fields.filter(([name]) => name.startsWith("x-")).length}`));
      },
    },
  );
});
afterAll(() => server.close({ timeout: 0 }));

describe.each(VERSIONS)("over %s", (_version, open) => {
  test.each([1, 300, 1_500])("%i field lines are taken", async (count) => {
    const client = await open(server.url);
    const headers = Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, "v"]));
    const response = await client.request({ path: "/", headers }).response;
    expect([response.status, await response.text()]).toEqual([200, `${count}`]);
    client.close();
  });
});

test("over h2, a host that differs from :authority in case only is the same (RFC 9110 §4.2.3), another is not", async () => {
  const session = connect(server.url, { rejectUnauthorized: false });
  const status = (host: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ":path": "/", ":authority": `localhost:${server.port}`, host });
      stream.on("response", (head) => resolve(head[":status"]));
      stream.on("error", reject);
      stream.resume();
    });
  expect(await status(`LocalHost:${server.port}`)).toBe(200);
  expect(await status(`other.test:${server.port}`)).toBe(400);
  session.destroy();
});
