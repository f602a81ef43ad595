/** Files that exist but cannot be read count as absent, and retries are limited. */

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { startServer } from "../server.ts";
import { openHttp1 } from "../testing/client.ts";
import type { TestResponse } from "../testing/test-client.ts";
import { FileService } from "./service.ts";

/** The files that fail to open, their error code, and the number of attempts. */
const failing = vi.hoisted(() => ({ code: undefined as string | undefined, suffix: "", opened: 0 }));

vi.mock("node:fs", async (load) => {
  const real = await load<typeof import("node:fs")>();
  const fail = (path: unknown): Error | undefined =>
    failing.code !== undefined && String(path).endsWith(failing.suffix)
      ? Object.assign(new Error(failing.code), { code: failing.code })
      : undefined;
  return {
    ...real,
    accessSync: (path: string, mode: number) => {
      const error = failing.code === "EACCES" ? fail(path) : undefined;
      if (error !== undefined) throw error;
      real.accessSync(path, mode);
    },
    open: (path: string, flags: number, callback: (error: Error | null, fd?: number) => void) => {
      const error = fail(path);
      failing.opened += 1;
      if (error === undefined) real.open(path, flags, callback);
      else setImmediate(callback, error);
    },
  };
});

let site: string;
const lines: string[] = [];

beforeAll(() => {
  site = mkdtempSync(join(tmpdir(), "nagare-unreadable-"));
  writeFileSync(join(site, "404.html"), "<h1>not found</h1>");
  // Not readable by all, so `access` is called.
  writeFileSync(join(site, "page.txt"), "page", { mode: 0o600 });
  writeFileSync(join(site, "app.js"), "plain");
  writeFileSync(join(site, "app.js.gz"), "packed", { mode: 0o600 });
});

afterEach(() => {
  failing.code = undefined;
  failing.opened = 0;
  lines.length = 0;
});

afterAll(() => rmSync(site, { recursive: true, force: true }));

async function request(path: string, method = "GET", headers: Record<string, string> = {}): Promise<TestResponse> {
  const log = (line: string) => lines.push(line);
  const identities = [loadIdentity(localhostIdentity)] as const;
  const service = new FileService(site, { log });
  const server = await startServer({ port: 0, host: "127.0.0.1", identities, protocols: ["http/1.1"], log }, service);
  const client = await openHttp1(server.url);
  try {
    const response = await client.request({ method, path, headers }).response;
    const text = await response.text();
    return { ...response, text: async () => text };
  } finally {
    client.close();
    await server.close({ timeout: 0 });
  }
}

describe("a 404.html that cannot be read", () => {
  test.each(["EACCES", "EMFILE", "EIO", "ENOENT"])("(%s) yields a plain 404 immediately", async (code) => {
    failing.code = code;
    failing.suffix = "404.html";
    const response = await request("/missing");
    expect([response.status, await response.text()]).toEqual([404, "404 Not Found\n"]);
    expect(failing.opened).toBeLessThanOrEqual(1);
  });
});

describe("a file that cannot be read", () => {
  test("for lack of permission counts as absent, for HEAD too", async () => {
    failing.code = "EACCES";
    failing.suffix = "page.txt";
    for (const method of ["GET", "HEAD"]) expect((await request("/page.txt", method)).status).toBe(404);
    expect(lines).toEqual([]);
  });

  test("for lack of file descriptors yields a 503 with Retry-After", async () => {
    failing.code = "EMFILE";
    failing.suffix = "page.txt";
    const response = await request("/page.txt");
    expect([response.status, response.headers["retry-after"]]).toEqual([503, "1"]);
  });

  test("for another reason is retried a few times", async () => {
    failing.code = "EIO";
    failing.suffix = "page.txt";
    expect((await request("/page.txt")).status).toBe(500);
    expect(failing.opened).toBe(3);
    expect(lines).toEqual(["nagare: GET /page.txt: EIO"]);
  });

  test("is replaced by the original if it is a compressed copy", async () => {
    failing.code = "EACCES";
    failing.suffix = ".gz";
    const response = await request("/app.js", "GET", { "accept-encoding": "gzip" });
    expect([response.status, await response.text()]).toEqual([200, "plain"]);
  });

  test.skipIf(process.getuid?.() === 0 || process.platform === "win32")(
    "because of mode 000 counts as absent (skipped for root, who may read it)",
    async () => {
      writeFileSync(join(site, "locked.txt"), "locked");
      chmodSync(join(site, "locked.txt"), 0);
      expect((await request("/locked.txt")).status).toBe(404);
    },
  );
});
