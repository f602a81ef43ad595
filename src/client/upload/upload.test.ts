/** `client.upload()` against our service, over every version of HTTP, through connections that are cut. */

import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Server } from "../../edge/server.ts";
import { startServer } from "../../edge/server.ts";
import { createUploads, type UploadService } from "../../edge/upload/index.ts";
import { loadIdentity } from "../../host/certificates/identity.ts";
import type { ServerExchange } from "../../host/http/exchange.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import type { ProfileName } from "../../http/resumable-upload/index.ts";
import { type Client, createClient, UploadError, UploadFolder, type UploadRetry } from "../index.ts";

const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "nagare-upload-client-"));
const received = join(folder, "received");
const file = join(folder, "file.bin");
const content = randomBytes(400_000);
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** What happens to the next requests that have content. */
const plans: ("cut" | number)[] = [];
let uploads: UploadService;
let server: Server;

beforeAll(async () => {
  mkdirSync(received);
  writeFileSync(file, content);
  uploads = createUploads({ directory: received, maxAppendSize: 150_000 });
  const handle = (exchange: ServerExchange): void => {
    const { method } = exchange;
    const plan = method === "PATCH" || method === "POST" ? plans.shift() : undefined;
    if (typeof plan === "number") {
      exchange.respond(plan, [["retry-after", "0"]], { endStream: true });
      return;
    }
    if (exchange.path.startsWith("/plain")) {
      exchange.readsOn = true;
      const { body } = exchange;
      const read = (): void => {
        while (body.read() !== undefined);
        if (body.state === "ended" && exchange.status === undefined) exchange.respond(200, [], { endStream: true });
      };
      body.onReadable = read;
      read();
      return;
    }
    uploads.handle(exchange);
    // After the service has begun, so that it sees the end.
    if (plan === "cut") setImmediate(() => setImmediate(() => exchange.reset(new Error("cut off"))));
  };
  server = await startServer({ port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)] }, { handle });
});

afterAll(async () => {
  await server.close({ timeout: 0 });
  rmSync(folder, { recursive: true, force: true });
});

const newest = (): string => {
  const [name] = readdirSync(received).filter((each) => each !== ".uploads");
  const bytes = readFileSync(join(received, name!));
  rmSync(join(received, name!));
  return sha256(bytes);
};

describe.each(["http/1.1", "h2", "h3"] as const)("over %s", (protocol) => {
  let client: Client;
  beforeAll(() => {
    client = createClient({ protocols: [protocol], rejectUnauthorized: false });
  });
  afterAll(() => client.destroy());
  const url = (path: string): string => new URL(path, server.url).href;

  // Versions differ in their fields, which are the same over each version of HTTP.
  const all = [["auto"], ["tus"], [3], [4], [5], [6], [7], [8]] as const;
  test.each<readonly ["auto" | ProfileName]>(protocol === "h3" ? all : all.slice(0, 2))(
    "by %s, through cuts and errors",
    async (by) => {
      plans.push(503, "cut", "cut");
      const retries: UploadRetry[] = [];
      const outcome = await client.upload(url("/files/"), file, {
        protocol: by,
        retryDelay: 1,
        onRetry: (retry) => retries.push(retry),
      });
      expect([outcome.protocol, outcome.length, outcome.status < 300]).toEqual([
        by === "auto" ? 9 : by,
        content.length,
        true,
      ]);
      expect(retries.length).toBeGreaterThan(1);
      expect(newest()).toBe(sha256(content));
      plans.length = 0;
    },
  );

  test("in parallel parts, with checksums", async () => {
    plans.push("cut");
    const outcome = await client.upload(url("/files/"), file, { parallel: 3, chunkSize: 60_000, retryDelay: 1 });
    expect([outcome.protocol, outcome.status]).toEqual(["tus", 201]);
    expect(newest()).toBe(sha256(content));
    plans.length = 0;
  });

  test("to a server that knows nothing of it, in one request", async () => {
    let progress = 0;
    const outcome = await client.upload(url("/plain"), new Blob([content]), {
      onProgress: ({ sent }) => (progress = sent),
    });
    expect([outcome.protocol, outcome.status, outcome.url, progress]).toEqual([
      "plain",
      200,
      undefined,
      content.length,
    ]);
  });
});

describe("over one version", () => {
  const client = createClient({ protocols: ["h2"], rejectUnauthorized: false });
  afterAll(() => client.destroy());
  const url = (path = "/files/"): string => new URL(path, server.url).href;
  const failure = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    );

  test("another process goes on where this one stopped", async () => {
    const memory = new UploadFolder(join(folder, "memory"));
    const controller = new AbortController();
    const stopped = await failure(
      client.upload(url(), file, {
        memory,
        signal: controller.signal,
        onProgress: ({ acknowledged }) => acknowledged >= 150_000 && controller.abort(new Error("stopped")),
      }),
    );
    expect(String(stopped)).toContain("stopped");
    const outcome = await client.upload(url(), file, { memory });
    expect(outcome.sent).toBe(content.length - 150_000);
    expect(newest()).toBe(sha256(content));
    expect(readdirSync(join(folder, "memory"))).toEqual([]);
  });

  test("what cannot go on says why", async () => {
    plans.push(403);
    expect(await failure(client.upload(url(), file))).toMatchObject({
      name: "UploadError",
      code: "REFUSED",
      status: 403,
    });
    plans.push(503, 503, 503);
    expect(await failure(client.upload(url(), file, { maxTries: 2, retryDelay: 1 }))).toMatchObject({
      code: "NO_PROGRESS",
    });
    plans.length = 0;
    expect(await failure(client.upload(url("/plain"), file, { parallel: 2 }))).toMatchObject({
      code: "PARALLEL_UNSUPPORTED",
    });
    expect(await failure(client.upload(url(), file, { parallel: 2, protocol: 6 }))).toBeInstanceOf(UploadError);
    expect(await failure(client.upload(url(), join(folder, "none")))).toMatchObject({ code: "ENOENT" });
    expect(await failure(client.upload(url(), folder))).toMatchObject({ code: "EISDIR" });
    expect(await failure(client.upload(url(), file, { parallel: 0 }))).toBeInstanceOf(TypeError);
    const broken = {
      length: 10,
      open: async function* () {
        yield Buffer.alloc(3);
      },
    };
    expect(await failure(client.upload(url(), broken))).toMatchObject({ code: "SOURCE_FAILED" });
  });

  test("a digest of the whole file, and an empty file", async () => {
    const outcome = await client.upload(url(), file, { checksum: true, headers: { "want-repr-digest": "sha-256=1" } });
    expect(outcome.headers.get("repr-digest")).toBe(
      `sha-256=:${createHash("sha256").update(content).digest("base64")}:`,
    );
    newest();
    for (const protocol of ["tus", 6, 9] as const) {
      expect((await client.upload(url(), new Blob([]), { protocol, name: "empty" })).status).toBe(201);
      expect(newest()).toBe(sha256(Buffer.alloc(0)));
    }
  });
});
