// Strict-Transport-Security in the client: noted over TLS, obeyed before the request, and only from whom it is trusted.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Server, serve } from "../edge/index.ts";
import { makeAuthority } from "../host/client/testing/certificates.ts";
import { type ClientOptions, createClient, HstsStore } from "./index.ts";

const authority = makeAuthority();
let server: Server;
let url: string;

beforeAll(async () => {
  const issued = authority.issue({ names: ["a.example.test", "127.0.0.1"] });
  const hsts = { "strict-transport-security": "max-age=600; includeSubDomains" };
  server = await serve({ port: 0, host: "127.0.0.1", tls: issued, log: () => {} }, (_, { protocol }) => {
    return new Response(protocol, { headers: hsts });
  });
  url = `//a.example.test:${server.port}/`;
});
afterAll(() => server.close({ timeout: 0 }));

const ask = async (target: string, options: ClientOptions): Promise<Response> => {
  await using client = createClient({ ca: authority.ca, resolve: () => ["127.0.0.1"], ...options });
  const response = await client.fetch(target, { signal: AbortSignal.timeout(10_000) });
  await response.text();
  return response;
};

test.each(["http/1.1", "h2", "h3"] as const)(
  "over %s, a host is noted, and its http URLs become https",
  async (protocol) => {
    const hsts = new HstsStore();
    await ask(`https:${url}`, { hsts, protocols: [protocol] });
    expect(hsts.entries(Date.now())).toMatchObject([{ host: "a.example.test", includesSubdomains: true }]);
    // Nothing speaks http there.
    const response = await ask(`http:${url}?q`, { hsts, protocols: [protocol] });
    expect(response.url).toBe(`https:${url}?q`);
  },
);

test("what an impostor could say is not noted, nor what an address says", async () => {
  const hsts = new HstsStore();
  await ask(`https:${url}`, { hsts, rejectUnauthorized: false });
  await ask(`https://127.0.0.1:${server.port}/`, { hsts });
  expect(hsts.entries(Date.now())).toEqual([]);
});
