/** A server whose authority is down, with a client on demand and questions about challenges. */

import { mkdtempSync, rmSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { createClient } from "../../src/client/index.ts";
import { startRedirect } from "../../src/edge/redirect.ts";
import { serve } from "../../src/edge/serve.ts";
import { all, closers, log } from "./world.ts";

async function automatic(): Promise<void> {
  const storage = mkdtempSync(join(tmpdir(), "nagare-guards-acme-"));
  closers.push(() => rmSync(storage, { recursive: true, force: true }));
  const auto = {
    domains: ["www.example.test"],
    agreeToTerms: true,
    directory: "https://127.0.0.1:1/directory",
    storage,
    httpPort: 0,
    onDemand: { allow: [] },
  };
  const server = await serve({ port: 0, host: "127.0.0.1", tls: { auto }, log }, () => new Response());
  const client = createClient({ protocols: ["h2"], rejectUnauthorized: false, resolve: () => ["127.0.0.1"] });
  await all(client.fetch(`https://stranger.test:${server.port}/`));
  await client.destroy();
  await server.close({ timeout: 1_000 });
}

async function challenged(): Promise<void> {
  const { port, close } = await startRedirect(0, "127.0.0.1", 443, async () => "answer");
  closers.push(close);
  const ask = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const url = `http://127.0.0.1:${port}/.well-known/acme-challenge/token`;
      get(url, (response) => resolve(text(response))).on("error", reject);
    });
  await all(ask());
  await all(ask());
}

export const ACME_TRAFFIC = {
  "acme certificate": { run: automatic },
  "acme storage": { run: automatic },
  "acme server name": { run: automatic },
  "acme http port": { run: automatic },
  "tls challenge": { run: automatic },
  "redirect challenge": { run: challenged },
};
