/** Files over hq-interop, between a listener and a dialer on loopback. */

import { randomFillSync } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadIdentity } from "../../src/host/certificates/identity.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { QuicListener } from "../../src/host/quic/listener.ts";
import { HQ_ALPN } from "../../src/http/hq.ts";
import type { Connection } from "../../src/quic/index.ts";
import { hqDialer } from "./dial.ts";
import { hqFiles } from "./file-server.ts";
import type { HqSession } from "./session.ts";

const MB = 1024 * 1024;

let folder: string;
let root: string;
let listener: QuicListener;
let session: HqSession;
let atServer: Connection;
const log: string[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "nagare-hq-"));
  root = join(folder, "www");
  mkdirSync(root);
  writeFileSync(join(folder, "secret"), "secret");
  const files = hqFiles(root, (line) => log.push(line))[HQ_ALPN];
  listener = new QuicListener({
    identities: [loadIdentity(localhostIdentity)],
    serverProtocols: {
      [HQ_ALPN]: (connection, ...others) => {
        atServer = connection;
        return files(connection, ...others);
      },
    },
    onExchange: (exchange) => exchange.respond(404, []),
  });
  const { port } = await listener.listen(0, "127.0.0.1");
  session = await hqDialer()({ host: "localhost", port, address: { address: "127.0.0.1", family: 4 } });
});

afterEach(async () => {
  await session.close();
  await listener.close(0);
  rmSync(folder, { recursive: true, force: true });
});

async function download(path: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of session.get(path)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function put(name: string, size: number): Buffer {
  const content = randomFillSync(Buffer.alloc(size));
  writeFileSync(join(root, name), content);
  return content;
}

test("files of all sizes are intact, several at a time", async () => {
  const sizes = [0, 1, 65_535, 65_536, 65_537, 3 * MB];
  const originals = sizes.map((size, i) => put(`${i}`, size));
  const received = await Promise.all(sizes.map((_, i) => download(`/${i}`)));
  expect(received.map((each, i) => each.equals(originals[i]!))).toEqual(sizes.map(() => true));
});

/** Waits until the server sends only what this asks for. */
async function untilBlocked(): Promise<void> {
  const { stats } = session.connection;
  for (let quiet = 0, before = -1; quiet < 10; ) {
    await download("/other");
    quiet = stats.bytesReceived - before < 2_000 ? quiet + 1 : 0;
    before = stats.bytesReceived;
  }
}

test("neither side holds a large file that the caller does not take", async () => {
  const size = 25 * MB;
  const original = put("large", size);
  put("other", 10);
  let at = 0;
  for await (const chunk of session.get("/large")) {
    if (at === 0) {
      await untilBlocked();
      expect(session.connection.stats.bytesReceived).toBeLessThan(4 * MB);
      expect(atServer.streamFacts.bytesBuffered).toBeLessThan(MB);
    }
    expect(original.subarray(at, at + chunk.length).equals(chunk)).toBe(true);
    at += chunk.length;
  }
  expect(at).toBe(size);
});

test.each([
  "/missing",
  "/",
  "/folder",
  "/folder/",
  "/../secret",
  "/..%2fsecret",
  "/folder/../../secret",
  "/%2e%2e/secret",
  "/link",
  "/file/",
])("%s has no content", async (path) => {
  mkdirSync(join(root, "folder"));
  put("file", 10);
  symlinkSync("../secret", join(root, "link"));
  await expect(download(path)).rejects.toThrow(`${path}: the server has no content for it`);
  expect(await download("/file")).toHaveLength(10);
  if (path === "/link") expect(log.at(-1)).toContain("outside the served folder");
});

test("a caller that stops early cancels its request only", async () => {
  put("large", 3 * MB);
  const original = put("other", 100_000);
  for await (const _ of session.get("/large")) break;
  expect((await download("/other")).equals(original)).toBe(true);
});

test("a server that closes finishes the responses in progress", async () => {
  const original = put("large", 3 * MB);
  const chunks: Uint8Array[] = [];
  let closing: Promise<void> | undefined;
  for await (const chunk of session.get("/large")) {
    chunks.push(chunk);
    closing ??= listener.close(60_000);
  }
  await closing;
  expect(Buffer.concat(chunks).equals(original)).toBe(true);
});

test("what is requested after the end fails with the reason", async () => {
  await session.close();
  await expect(download("/file")).rejects.toThrow("/file: the client closed the connection");
});
