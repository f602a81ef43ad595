/** Certificates from an authority, as clients of all versions see them. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createClient } from "../client/index.ts";
import type { AcmeOptions } from "../host/acme/options.ts";
import { TestAuthority } from "../host/acme/testing/authority.ts";
import type { HttpVersion } from "../host/http/exchange.ts";
import { serve } from "./serve.ts";
import type { Server } from "./server.ts";

const VERSIONS = ["h3", "h2", "http/1.1"] as const;
const NAME = "www.example.test";

const authority = new TestAuthority();
const lines: string[] = [];
const log = (line: string): void => void lines.push(line);
let folder: string;
let server: Server;

const options = (storage: string): AcmeOptions => {
  const { directory, ca } = authority;
  return { domains: [NAME], agreeToTerms: true, directory, ca, storage, onDemand: { allow: ["*.shops.test"] } };
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "nagare-auto-"));
  await authority.listen();
  let listening: () => void = () => undefined;
  authority.ready = new Promise<void>((resolve) => {
    listening = resolve;
  });
  const tls = { auto: options(folder) };
  server = await serve({ port: 0, host: "127.0.0.1", log, tls }, () => new Response("ok"));
  authority.tlsPort = server.port;
  listening();
});

afterAll(async () => {
  await server.close({ timeout: 1_000 });
  await authority.close();
  rmSync(folder, { recursive: true, force: true });
});

const clientFor = (version: HttpVersion) =>
  createClient({ protocols: [version], ca: authority.ca, resolve: () => ["127.0.0.1"] });

async function get(version: HttpVersion, name = NAME): Promise<string> {
  const client = clientFor(version);
  try {
    return await (await client.fetch(`https://${name}:${server.port}/`)).text();
  } finally {
    await client.destroy();
  }
}

test("the first start serves every version with a certificate, by TLS-ALPN-01 on the same port", async () => {
  await vi.waitUntil(() => lines.some((line) => line.includes("new certificate for www.example.test")), 10_000);
  for (const version of VERSIONS) expect([version, await get(version)]).toEqual([version, "ok"]);
});

test("a new certificate replaces the one in use while requests run, and none of them fails", async () => {
  const clients = VERSIONS.map(clientFor);
  let isDone = false;
  const failures: unknown[] = [];
  let requests = 0;
  const load = VERSIONS.flatMap((version, i) => [
    async () => void (await (await clients[i]!.fetch(`https://${NAME}:${server.port}/`)).text()),
    async () => void (await get(version)), // a handshake each time
  ]).map(async (request) => {
    while (!isDone) {
      await request().catch((error) => failures.push(error));
      requests += 1;
    }
  });
  const before = lines.length;
  await server.reload({ tls: { auto: options(join(folder, "other")) } });
  await vi.waitUntil(() => lines.slice(before).some((line) => line.includes("new certificate")), 10_000);
  isDone = true;
  await Promise.all(load);
  await Promise.all(clients.map((client) => client.destroy()));
  expect(failures).toEqual([]);
  expect(requests).toBeGreaterThan(10);
});

test.each(VERSIONS)("a name on demand gets its certificate during the handshake over %s", async (version) => {
  const name = `${version.replace(/\W/g, "")}.shops.test`;
  expect(await get(version, name)).toBe("ok");
  await expect(get(version, "stranger.test")).rejects.toThrow();
});
