import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { serve } from "../serve.ts";
import { type Server, startServer } from "../server.ts";
import { VERSIONS } from "../testing/client.ts";
import type { TestClient, TestRequest, TestResponse } from "../testing/test-client.ts";
import { serveFiles } from "./handler.ts";
import { FileService } from "./service.ts";

const OLD = new Date("2020-01-01T00:00:00Z");
const TEXT = "0123456789";
const BIG = 12 * 1024 * 1024;

let folder: string;
let root: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-files-"));
  root = join(folder, "site");
  mkdirSync(join(root, "sub"), { recursive: true });
  mkdirSync(join(root, "empty"));
  const files: Record<string, string | Uint8Array> = {
    "index.html": "<h1>home</h1>",
    "sub/index.html": "<h1>sub</h1>",
    "digits.txt": TEXT,
    "empty.txt": "",
    "app.js": "console.log('plain')",
    "app.js.br": brotliCompressSync("console.log('plain')"),
    "app.js.gz": gzipSync("console.log('plain')"),
    "stale.js": "new",
    "stale.js.gz": gzipSync("old"),
    "流れ.txt": "flow",
    ".env": "SECRET=1",
    "big.bin": Buffer.alloc(BIG).map((_, i) => i * 7),
  };
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(root, name), content);
    utimesSync(join(root, name), OLD, OLD);
  }
  utimesSync(join(root, "stale.js.gz"), new Date("2019-01-01"), new Date("2019-01-01"));
  writeFileSync(join(folder, "outside.txt"), "secret");
  symlinkSync(join(folder, "outside.txt"), join(root, "escape.txt"));
  symlinkSync(folder, join(root, "up"));
  symlinkSync(join(root, "digits.txt"), join(root, "inside.txt"));
  symlinkSync(join(root, "loop"), join(root, "loop"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(VERSIONS)("files over %s", (_version, open) => {
  let server: Server;
  let client: TestClient;
  const logged: string[] = [];

  beforeAll(async () => {
    // The files were just created, and only files unchanged for two seconds have a strong tag.
    const { now } = Date;
    vi.spyOn(Date, "now").mockImplementation(() => now() + 5_000);
    server = await startServer(
      { port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)] },
      new FileService(root, { log: (line) => logged.push(line) }),
    );
    client = await open(server.url);
  });
  afterAll(async () => {
    vi.restoreAllMocks();
    client.close();
    await server.close({ timeout: 0 });
  });

  const fetch = async (
    path: string,
    headers: Record<string, string> = {},
    request: TestRequest = {},
  ): Promise<TestResponse & { body: string }> => {
    const response = await client.request({ path, headers, ...request }).response;
    return { ...response, body: await response.text() };
  };

  test("a file", async () => {
    const response = await fetch("/digits.txt");
    expect(response).toMatchObject({ status: 200, body: TEXT });
    expect(response.headers).toMatchObject({
      "content-type": "text/plain; charset=utf-8",
      "content-length": "10",
      "last-modified": "Wed, 01 Jan 2020 00:00:00 GMT",
      "accept-ranges": "bytes",
      etag: expect.stringMatching(/^"[0-9a-z-]+"$/),
      vary: "accept-encoding",
    });
    expect((await fetch("/empty.txt")).headers["content-length"]).toBe("0");
    expect((await fetch("/%E6%B5%81%E3%82%8C.txt")).body).toBe("flow");
    expect((await fetch("/inside.txt")).body).toBe(TEXT);
  });

  test("a file that has just changed has a weak tag", async () => {
    writeFileSync(join(root, "fresh.txt"), "fresh");
    const soon = new Date(Date.now());
    utimesSync(join(root, "fresh.txt"), soon, soon);
    expect((await fetch("/fresh.txt")).headers.etag).toMatch(/^W\//);
    writeFileSync(join(root, "fresh.txt"), "FRESH");
    expect((await fetch("/fresh.txt")).body).toBe("FRESH");
  });

  test("folders", async () => {
    expect((await fetch("/")).body).toBe("<h1>home</h1>");
    expect((await fetch("/sub/")).body).toBe("<h1>sub</h1>");
    const redirect = await fetch("/sub?a=1");
    expect([redirect.status, redirect.headers.location]).toEqual([301, "/sub/?a=1"]);
    expect((await fetch("/empty/")).status).toBe(404);
    expect((await fetch("/digits.txt/")).status).toBe(404);
  });

  test("missing and hidden files", async () => {
    const paths = [
      "/none",
      "/.env",
      "/escape.txt",
      "/up/outside.txt",
      "/loop",
      "/sub/../digits.txt",
      "/%2e%2e/outside.txt",
    ];
    for (const path of [...paths, "/..%2foutside.txt", `/${"x".repeat(300)}`]) {
      expect([path, (await fetch(path)).status]).toEqual([path, 404]);
    }
    expect((await fetch("/a%00b")).status).toBe(400);
    writeFileSync(join(root, "404.html"), "<h1>lost</h1>");
    const lost = await fetch("/none");
    expect(lost).toMatchObject({ status: 404, body: "<h1>lost</h1>" });
    expect(lost.headers["content-type"]).toBe("text/html; charset=utf-8");
    rmSync(join(root, "404.html"));
  });

  test("methods", async () => {
    const head = await fetch("/digits.txt", {}, { method: "HEAD" });
    expect(head).toMatchObject({ status: 200, body: "" });
    expect(head.headers["content-length"]).toBe("10");
    const post = await fetch("/digits.txt", {}, { method: "POST", body: "x" });
    expect([post.status, post.headers.allow]).toEqual([405, "GET, HEAD, OPTIONS"]);
    const options = await fetch("/digits.txt", {}, { method: "OPTIONS" });
    expect([options.status, options.headers.allow]).toEqual([204, "GET, HEAD, OPTIONS"]);
  });

  test("conditions", async () => {
    const { etag } = (await fetch("/digits.txt")).headers;
    const notModified = await fetch("/digits.txt", { "if-none-match": etag! });
    expect(notModified).toMatchObject({ status: 304, body: "" });
    expect(notModified.headers).toMatchObject({ etag, vary: "accept-encoding" });
    expect((await fetch("/digits.txt", { "if-modified-since": OLD.toUTCString() })).status).toBe(304);
    expect((await fetch("/digits.txt", { "if-match": '"other"' })).status).toBe(412);
  });

  test.each([0, 1, 315_532_800])("a modification time of %i, as set by builds, is no validator", async (seconds) => {
    const put = (text: string): void => {
      rmSync(join(root, "built.js"), { force: true });
      writeFileSync(join(root, "built.js"), text);
      utimesSync(join(root, "built.js"), seconds, seconds);
    };
    put("v=1");
    const { etag, "last-modified": lastModified } = (await fetch("/built.js")).headers;
    expect(lastModified).toBeUndefined();
    expect((await fetch("/built.js", { "if-none-match": etag! })).status).toBe(304);
    put("v=2");
    const changed = await fetch("/built.js", { "if-none-match": etag! });
    expect([changed.status, changed.body]).toEqual([200, "v=2"]);
    const date = new Date(seconds * 1000).toUTCString();
    expect((await fetch("/built.js", { "if-modified-since": date })).status).toBe(200);
    expect((await fetch("/built.js", { range: "bytes=0-1", "if-range": date })).status).toBe(200);
    expect((await fetch("/built.js", { range: "bytes=0-1", "if-range": etag! })).status).toBe(200);
  });

  test("content replaced without changing size and time has another tag", async () => {
    writeFileSync(join(root, "same.txt"), "one");
    utimesSync(join(root, "same.txt"), OLD, OLD);
    const { etag } = (await fetch("/same.txt")).headers;
    rmSync(join(root, "same.txt"));
    writeFileSync(join(root, "same.txt"), "two");
    utimesSync(join(root, "same.txt"), OLD, OLD);
    expect(await fetch("/same.txt", { "if-none-match": etag! })).toMatchObject({ status: 200, body: "two" });
  });

  test.skipIf(process.platform === "win32")("a colon in a name", async () => {
    writeFileSync(join(root, "log-12:30.txt"), "half past");
    expect((await fetch("/log-12:30.txt")).body).toBe("half past");
    expect((await fetch("/log-12%3A30.txt")).body).toBe("half past");
  });

  test("a link that leads out of the folder is reported once", async () => {
    logged.length = 0;
    for (let i = 0; i < 3; i++) expect((await fetch("/up/index.html")).status).toBe(404);
    writeFileSync(join(folder, "other.txt"), "secret");
    for (let i = 0; i < 3; i++) expect((await fetch("/up/other.txt")).status).toBe(404);
    const path = join(root, "up/other.txt");
    expect(logged).toEqual([
      `nagare: ${path} is not served: it links to ${join(folder, "other.txt")}, outside the served folder`,
    ]);
  });

  test("ranges", async () => {
    const one = await fetch("/digits.txt", { range: "bytes=2-4" });
    expect(one).toMatchObject({ status: 206, body: "234" });
    expect(one.headers).toMatchObject({ "content-range": "bytes 2-4/10", "content-length": "3" });
    const none = await fetch("/digits.txt", { range: "bytes=10-" });
    expect([none.status, none.headers["content-range"]]).toEqual([416, "bytes */10"]);
    expect(await fetch("/digits.txt", { range: "bytes=2-4", "if-range": '"other"' })).toMatchObject({
      status: 200,
      body: TEXT,
    });
    expect((await fetch("/digits.txt", { range: "bytes=2-4" }, { method: "HEAD" })).status).toBe(200);
    const { etag } = one.headers;
    expect((await fetch("/digits.txt", { range: "bytes=2-4", "if-range": etag! })).status).toBe(206);
  });

  test("several ranges", async () => {
    for (const path of ["/digits.txt", "/big.bin"]) {
      const response = await client.request({ path, headers: { range: "bytes=0-1,5-6,-2" } }).response;
      const bytes = await response.bytes();
      const boundary = /^multipart\/byteranges; boundary=(.+)$/.exec(response.headers["content-type"]!)![1]!;
      expect(response.status).toBe(206);
      expect(response.headers["content-length"]).toBe(String(bytes.byteLength));
      const size = statSync(join(root, path)).size;
      const parts = Buffer.from(bytes).toString("latin1").split(`\r\n--${boundary}`);
      expect(parts.map((part) => /content-range: (.*)\r\n/.exec(part)?.[1])).toEqual([
        undefined,
        `bytes 0-1/${size}`,
        `bytes 5-6/${size}`,
        `bytes ${size - 2}-${size - 1}/${size}`,
        undefined,
      ]);
      expect(parts.at(-1)).toBe("--\r\n");
      if (path === "/digits.txt") expect(parts[2]!.split("\r\n\r\n")[1]).toBe("56");
    }
  });

  test("precompressed files", async () => {
    const plain = await fetch("/app.js");
    expect([plain.headers["content-encoding"], plain.headers.vary]).toEqual([undefined, "accept-encoding"]);
    const brotli = await fetch("/app.js", { "accept-encoding": "gzip, br" });
    expect(brotli.headers).toMatchObject({
      "content-encoding": "br",
      "content-type": "text/javascript; charset=utf-8",
      vary: "accept-encoding",
    });
    expect(brotli.headers.etag).not.toBe(plain.headers.etag);
    expect((await fetch("/app.js", { "accept-encoding": "gzip;q=1, br;q=0.1" })).headers["content-encoding"]).toBe(
      "gzip",
    );
    expect((await fetch("/app.js", { "accept-encoding": "br;q=0" })).headers["content-encoding"]).toBeUndefined();
    expect(await fetch("/stale.js", { "accept-encoding": "gzip" })).toMatchObject({ body: "new" });
  });

  test("a large file, complete and in part", async () => {
    const expected = Buffer.alloc(BIG).map((_, i) => i * 7);
    const whole = await client.request({ path: "/big.bin" }).response;
    expect(Buffer.compare(await whole.bytes(), expected)).toBe(0);
    const part = await client.request({ path: "/big.bin", headers: { range: "bytes=1000000-9000000" } }).response;
    expect(Buffer.compare(await part.bytes(), expected.subarray(1_000_000, 9_000_001))).toBe(0);
  });

  test("a client that disconnects during a transfer, and a file that shrinks during one", async () => {
    const leaving = client.request({ path: "/big.bin" });
    await once((await leaving.response).content, "readable");
    leaving.cancel();
    const second = await open(server.url);
    writeFileSync(join(root, "shrinks.bin"), new Uint8Array(BIG));
    const shrinking = second.request({ path: "/shrinks.bin" });
    const { content } = await shrinking.response;
    await once(content, "readable");
    truncateSync(join(root, "shrinks.bin"), 1024);
    const read = async () => {
      for await (const _ of content);
    };
    await expect(read()).rejects.toThrow();
    second.close();
    client = await open(server.url);
    expect((await fetch("/digits.txt")).body).toBe(TEXT);
  });

  test("serveFiles inside a handler", async () => {
    const files = serveFiles(root);
    const other = await serve({ port: 0, host: "127.0.0.1", ...localhostIdentity }, (request, context) =>
      request.url.endsWith("/api") ? new Response("api") : files(request, context),
    );
    const there = await open(other.url);
    const ask = async (path: string, headers = {}) => (await there.request({ path, headers }).response).bytes();
    expect(Buffer.from(await ask("/api")).toString()).toBe("api");
    expect(Buffer.from(await ask("/digits.txt", { range: "bytes=1-2" })).toString()).toBe("12");
    expect((await ask("/big.bin")).byteLength).toBe(BIG);
    there.close();
    await other.close({ timeout: 0 });
  });
});

test("a missing folder", () => {
  expect(() => new FileService("/no/such/folder")).toThrow("there is no folder /no/such/folder");
});
