/** Reloads while clients of every version send requests. `npm run properties -- src/edge/sites` does 1,000 of them. */

import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { loadConfig } from "../config/load.ts";
import { startServer } from "../server.ts";
import { VERSIONS } from "../testing/client.ts";
import { get } from "../testing/test-client.ts";
import { ConfiguredSites } from "./configured-sites.ts";

test("no request fails, whatever a reload replaces", async () => {
  const folder = mkdtempSync(join(tmpdir(), "nagare-reloads-"));
  const origin = createServer((_, response) => response.end("origin".repeat(1_000))).listen(0, "127.0.0.1");
  await once(origin, "listening");
  const url = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
  writeFileSync(join(folder, "file.txt"), "file".repeat(30_000));
  writeFileSync(join(folder, "cert.pem"), localhostIdentity.cert);
  writeFileSync(join(folder, "key.pem"), localhostIdentity.key);
  const file = join(folder, "nagare.config.json");
  const write = (generation: number): void => {
    const routes = [
      { path: "/respond", respond: { body: `generation ${generation}` } },
      // Every other reload replaces the proxy and its connections.
      { path: "/proxied", proxy: { origins: [url], headersTimeout: 10_000 + (generation % 2) } },
      { path: "/*", files: { directory: ".", cacheControl: `max-age=${generation}` }, compress: true },
    ];
    const tls = { certFile: "cert.pem", keyFile: "key.pem" };
    writeFileSync(file, JSON.stringify({ sites: { "*": { tls, routes } } }));
  };
  write(0);
  const log: string[] = [];
  const sites = await ConfiguredSites.open(file, (await loadConfig(file)).config, (line) => log.push(line));
  const identities = [loadIdentity(localhostIdentity)] as const;
  const server = await startServer({ port: 0, host: "127.0.0.1", identities, log: (line) => log.push(line) }, sites);
  let isOver = false;
  const counts = await Promise.all([
    (async () => {
      for (let generation = 1; generation <= runs(10); generation += 1) {
        write(generation);
        await sites.reconfigure(server);
      }
      isOver = true;
      return 0;
    })(),
    ...VERSIONS.map(async ([, open]) => {
      const client = await open(server.url);
      let count = 0;
      for (; !isOver || count < 10; count += 1) {
        const path = ["/respond", "/proxied", "/file.txt"][count % 3]!;
        const response = await get(client, path, { "accept-encoding": "gzip" });
        expect([path, response.status]).toEqual([path, 200]);
        expect((await response.bytes()).byteLength).toBeGreaterThan(10);
      }
      client.close();
      return count;
    }),
  ]);
  expect(Math.min(...counts.slice(1))).toBeGreaterThanOrEqual(10);
  await server.close({ timeout: 1_000 });
  origin.close();
  rmSync(folder, { recursive: true, force: true });
  expect(log).toEqual([]);
});
