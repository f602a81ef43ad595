// What decides how fast a client sends over HTTP/3.
import { afterEach, expect, test } from "vitest";
import { serve } from "../edge/serve.ts";
import { testCertificate } from "../host/client/testing/servers.ts";
import { createClient, type QuicClientOptions } from "./index.ts";

const { authority, issued } = testCertificate();
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

test.each<[option: QuicClientOptions["congestionControl"], inUse: string]>([
  [undefined, "CUBIC"],
  ["cubic", "CUBIC"],
  ["newreno", "NewReno"],
  ["bbr", "BBR"],
])("%s", async (congestionControl, inUse) => {
  const server = await serve({ port: 0, host: "127.0.0.1", ...issued, log: () => {} }, async (request) => {
    const body = await request.arrayBuffer();
    return new Response(`${body.byteLength}`);
  });
  closing.push(() => server.close({ timeout: 0 }));
  const client = createClient({ ca: authority.ca, protocols: ["h3"], quic: { congestionControl } });
  closing.push(() => client.destroy());
  const body = new Uint8Array(500_000);
  const response = await client.fetch(`https://localhost:${server.port}/`, { method: "POST", body });
  expect(await response.text()).toBe("500000");
  expect(client.facts(response)!.stats().details).toMatchObject({ congestion: inUse });
});
