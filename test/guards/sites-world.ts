/** A server with the sites of a configuration file. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Gzip } from "node:zlib";
import { vi } from "vitest";
import { loadConfig } from "../../src/edge/config/index.ts";
import { startServer } from "../../src/edge/server.ts";
import { ConfiguredSites } from "../../src/edge/sites/configured-sites.ts";
import { openHttp1 } from "../../src/edge/testing/client.ts";
import { FileWatch } from "../../src/host/file-watch.ts";
import { describeFault } from "../../src/host/guard.ts";
import { armed } from "./armed.ts";
import { all, closers, identities, log } from "./world.ts";

const CONFIG = { sites: { "*": { routes: [{ path: "/*", files: ".", compress: { codings: ["gzip"] } }] } } };

/** A server that compresses a file larger than the buffers, for a client that reads it or leaves. */
const sites = async (): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "nagare-guards-sites-"));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "nagare.config.json");
  writeFileSync(file, JSON.stringify(CONFIG));
  writeFileSync(
    join(folder, "big.txt"),
    Buffer.from(crypto.getRandomValues(new Uint8Array(60_000)))
      .toString("hex")
      .repeat(8),
  );
  const configured = await ConfiguredSites.open(file, (await loadConfig(file)).config, log);
  const server = await startServer({ port: 0, host: "127.0.0.1", identities, log }, configured);
  closers.push(() => server.close({ timeout: 0 }));
  const client = await openHttp1(server.url);
  closers.push(() => client.close());
  const request = client.request({ path: "/big.txt", headers: { "accept-encoding": "gzip" } });
  await all(request.response.then((response) => response.bytes()));
  await all(configured.reconfigure({ reload: async () => undefined }));
};

/** Gzip that fails at once. */
const broken = async (): Promise<void> => {
  const transform = vi.spyOn(Gzip.prototype as unknown as { _transform: () => void }, "_transform");
  transform.mockImplementation(function (this: Gzip) {
    this.destroy(new Error("no memory"));
  });
  await sites().finally(() => transform.mockRestore());
};

const watched = async (): Promise<void> => {
  const onFault = (fault: Parameters<typeof describeFault>[0]): void => log(describeFault(fault));
  const watch = new FileWatch(import.meta.filename, { onChange: () => undefined, onFault, interval: 1 });
  await vi.waitUntil(() => armed.entry === undefined, { timeout: 10_000 });
  watch.close();
};

export const SITES_TRAFFIC = {
  "file watch": { run: watched },
  "sites retired": { run: sites },
  "compression data": { run: sites },
  "compression end": { run: sites },
  "compression drain": { run: sites },
  "compression error": { run: broken },
  "compression flush": { run: sites },
  "compression written": { run: sites },
};
