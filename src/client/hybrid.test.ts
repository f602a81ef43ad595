// X25519MLKEM768 between our client and our server over real sockets.
import { afterEach, expect, test } from "vitest";
import { serve } from "../edge/serve.ts";
import { testCertificate } from "../host/client/testing/servers.ts";
import { createClient } from "./index.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

test("a client that prefers the hybrid group negotiates it, one that does not keeps x25519", async () => {
  const { authority, issued } = testCertificate();
  const server = await serve({ port: 0, host: "127.0.0.1", ...issued, log: () => {} }, () => new Response("hello"));
  closing.push(() => server.close({ timeout: 0 }));
  const groups = [["x25519mlkem768", "x25519"], undefined] as const;
  const used: unknown[] = [];
  for (const preferred of groups) {
    const client = createClient({ ca: authority.ca, protocols: ["h3"], quic: { groups: preferred } });
    closing.push(() => client.destroy());
    const response = await client.fetch(`https://localhost:${server.port}/`);
    expect(await response.text()).toBe("hello");
    used.push(client.facts(response)!.stats().details.group);
  }
  expect(used).toEqual(["x25519mlkem768", "x25519"]);
});

test("unknown groups are refused", () => {
  const groups = ["x448"] as unknown as ["x25519"];
  expect(() => createClient({ quic: { groups } })).toThrow(/unknown key exchange group "x448"/);
});
