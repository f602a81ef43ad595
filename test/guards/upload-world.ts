/** A service for uploads, and requests that reach its entries. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import { createClient } from "../../src/client/index.ts";
import { startServer } from "../../src/edge/server.ts";
import { uploadSettings } from "../../src/edge/upload/options.ts";
import { UploadService } from "../../src/edge/upload/service.ts";
import { systemClock } from "../../src/host/clock.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { createServer } from "../../src/node/index.ts";
import { armed } from "./armed.ts";
import { all, closers, identities, log } from "./world.ts";

/** Timers end at once. */
const hasty = {
  ...systemClock,
  startTimer: (callback: () => void, milliseconds: number) =>
    systemClock.startTimer(callback, Math.min(milliseconds, 20)),
};

function service(): UploadService {
  const directory = mkdtempSync(join(tmpdir(), "nagare-guards-"));
  closers.push(() => rmSync(directory, { recursive: true, force: true }));
  const options = { directory, log, maxAge: 1_000_000 };
  return new UploadService(options, uploadSettings(options, hasty));
}

async function send(port: number, body: BodyInit): Promise<void> {
  const client = createClient({ protocols: ["h2"], rejectUnauthorized: false });
  closers.push(() => client.destroy());
  const headers = { "upload-draft-interop-version": "9", "upload-complete": "?0" };
  await all(client.fetch(`https://127.0.0.1:${port}/`, { method: "POST", headers, body: body as never }));
}

const served = async (body: BodyInit = "x"): Promise<void> => {
  const server = await startServer({ port: 0, host: "127.0.0.1", identities, log }, service());
  closers.push(() => server.close({ timeout: 0 }));
  await send(server.port, body);
};

const listened = async (): Promise<void> => {
  const server = createServer({ cert: localhostIdentity.cert, key: localhostIdentity.key }, service().listener);
  closers.push(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  await send((server.address() as { port: number }).port, "x");
};

const stalled = () => served(new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from("x")) }));

/** A lock that is held for a while. */
const held = async (): Promise<void> => {
  const server = await startServer({ port: 0, host: "127.0.0.1", identities, log }, service());
  closers.push(() => server.close({ timeout: 0 }));
  // The first creates the folder.
  await send(server.port, "x");
  await send(server.port, "x");
  await vi.waitUntil(() => armed.entry === undefined, { timeout: 10_000 });
};

/** A server that never answers. */
const silent = async (): Promise<void> => {
  const server = await startServer({ port: 0, host: "127.0.0.1", identities, log }, { handle: () => undefined });
  closers.push(() => server.close({ timeout: 0 }));
  const client = createClient({ protocols: ["h2"], rejectUnauthorized: false });
  closers.push(() => client.destroy());
  const init = { stallTimeout: 10, maxTries: 1, retryDelay: 1 };
  await all(client.upload(`https://127.0.0.1:${server.port}/`, new Blob(["x"]), init));
};

export const UPLOAD_TRAFFIC = {
  "client upload stalled": { run: silent },
  "upload request": { run: () => served() },
  "upload node request": { run: listened },
  "upload stalled": { run: stalled },
  "upload sweep": { run: () => served() },
  "upload sweep due": { run: () => served() },
  "upload lock": { run: held },
};
