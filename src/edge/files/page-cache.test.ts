/** Files that the page cache holds do not go through the thread pool, in every version of HTTP. */

import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { chooseEngine } from "../../host/engine/engine.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { startServer } from "../server.ts";
import { VERSIONS } from "../testing/client.ts";
import { get } from "../testing/test-client.ts";
import { FileService } from "./service.ts";

const reads = vi.hoisted(() => ({ asynchronous: 0 }));

vi.mock("node:fs", async (load) => {
  const real = await load<typeof import("node:fs")>();
  const read = (...args: Parameters<typeof real.read>): void => {
    reads.asynchronous += 1;
    real.read(...args);
  };
  return { ...real, read };
});

const SIZE = 8 * 1024 * 1024;
const content = Buffer.from(Uint8Array.from({ length: SIZE }, (_, i) => (i ^ (i >> 9)) & 255));

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-page-cache-"));
  writeFileSync(join(folder, "big.bin"), content);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.unstubAllEnvs();
});

/** True if the fast engine can read the folder's files. */
async function isPossible(): Promise<boolean> {
  const fd = openSync(join(folder, "big.bin"), "r");
  try {
    return (await chooseEngine()).pageCache.read(fd, new Uint8Array(1), 1, 0) !== undefined;
  } finally {
    closeSync(fd);
  }
}

/** Downloads the file twice: the engine is loaded during the first time. Returns the second time's reads. */
async function download(open: (typeof VERSIONS)[number][1]): Promise<number> {
  const identities = [loadIdentity(localhostIdentity)] as const;
  const server = await startServer(
    { port: 0, host: "127.0.0.1", identities: [...identities] },
    new FileService(folder),
  );
  const client = await open(server.url);
  try {
    for (let i = 0; i < 2; i++) {
      reads.asynchronous = 0;
      const response = await get(client, "/big.bin");
      expect(Buffer.compare(await response.bytes(), content)).toBe(0);
    }
    return reads.asynchronous;
  } finally {
    client.close();
    await server.close({ timeout: 0 });
  }
}

test.for(VERSIONS)("a cached file over %s is read on the main thread", async ([_version, open], { skip }) => {
  if (!(await isPossible())) skip("needs the fast engine, and a filesystem with RWF_NOWAIT");
  // A few are left where the bytes per turn are used up.
  expect(await download(open)).toBeLessThan(32);
});

test.each(VERSIONS)("with the portable engine, a file over %s is read asynchronously", async (_version, open) => {
  vi.stubEnv("NAGARE_ENGINE", "portable");
  expect(await download(open)).toBeGreaterThanOrEqual(SIZE / (256 * 1024));
});
