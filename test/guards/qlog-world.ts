/** A server that records its connections. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import { serve } from "../../src/edge/serve.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { armed } from "./armed.ts";
import { all, closers, log, openClient } from "./world.ts";

/** Serves a request, and waits until the entry has thrown. */
export async function recorded(): Promise<void> {
  const qlog = mkdtempSync(join(tmpdir(), "nagare-guards-qlog-"));
  closers.push(() => rmSync(qlog, { recursive: true, force: true }));
  const server = await serve({ port: 0, host: "127.0.0.1", tls: localhostIdentity, qlog, log }, () => new Response());
  await all(openClient(server, "h3").get("/"));
  await vi.waitUntil(() => armed.entry === undefined, { timeout: 10_000 });
  await server.close({ timeout: 0 });
}
