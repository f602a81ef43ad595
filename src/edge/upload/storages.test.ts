/** Storages that fail or fill up, storages of tus-node-server, and uploads inside other servers. */

import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import express from "express";
import fastify from "fastify";
import { afterAll, expect, test } from "vitest";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { systemClock } from "../../host/clock.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { createServer as createNagare } from "../../node/index.ts";
import { loadConfig } from "../config/load.ts";
import { startServer } from "../server.ts";
import { checkConfig } from "../sites/check.ts";
import { ConfiguredSites } from "../sites/configured-sites.ts";
import { VERSIONS } from "../testing/client.ts";
import { createUploads, MemoryUploadStorage, UploadService, type UploadStorage } from "./index.ts";
import { uploadSettings } from "./options.ts";

const folder = mkdtempSync(join(tmpdir(), "nagare-upload-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const BASE = { "upload-draft-interop-version": "9" };
const APPEND = { ...BASE, "content-type": "application/partial-upload" };

/** Requests to a service without a network. */
const callerOf =
  (service: UploadService) =>
  async (method: string, path: string, headers: Record<string, string>, body?: BodyInit) => {
    const init = { method, headers, duplex: "half" as const, ...(body === undefined ? {} : { body }) };
    const response = await service.fetch(new Request(`https://example.com${path}`, init));
    return { status: response.status, headers: response.headers, text: await response.text() };
  };

test("a disk that is full keeps what it took, and the upload goes on later", async () => {
  const lines: string[] = [];
  const inner = new MemoryUploadStorage();
  let room = 6;
  const storage: UploadStorage = Object.assign(Object.create(inner) as UploadStorage, {
    create: (record: Parameters<UploadStorage["create"]>[0]) => inner.create(record),
    load: (id: string) => inner.load(id),
    save: (record: Parameters<UploadStorage["save"]>[0]) => inner.save(record),
    list: () => inner.list(),
    open: async (id: string, offset: number) => {
      const writer = await inner.open(id, offset);
      return {
        ...writer,
        write: async (chunks: readonly Uint8Array[]) => {
          const bytes = Buffer.concat(chunks);
          // The system writes what fits, and refuses the rest.
          const fits = bytes.subarray(0, room);
          room -= fits.length;
          if (fits.length > 0) await writer.write([fits]);
          if (fits.length < bytes.length) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
        },
      };
    },
  });
  const service = createUploads({ storage, log: (line) => lines.push(line) });
  const ask = callerOf(service);
  const created = await ask("POST", "/f", { ...BASE, "upload-complete": "?0" }, "abcd");
  const path = created.headers.get("location")!;
  const full = await ask("PATCH", path, { ...APPEND, "upload-complete": "?1", "upload-offset": "4" }, "efgh");
  expect([full.status, full.headers.get("upload-offset"), full.headers.get("upload-complete")]).toEqual([
    507,
    "6",
    "?0",
  ]);
  expect(lines.join()).toContain("no space left on device");
  room = 100;
  expect((await ask("PATCH", path, { ...APPEND, "upload-complete": "?1", "upload-offset": "6" }, "gh")).status).toBe(
    201,
  );
  await service.close();
});

test("a client that stalls is told so, what it sent is kept, and expired uploads end", async () => {
  let now = 1_000_000;
  const storage = new MemoryUploadStorage(1_000, () => now);
  const clock = { ...systemClock, date: () => now };
  const service = new UploadService(
    {},
    uploadSettings({ storage, stallTimeout: 20, maxAge: 60_000, maxUploads: 1 }, clock),
  );
  const ask = callerOf(service);
  const { headers } = await ask("POST", "/f", { ...BASE, "upload-complete": "?0" });
  const path = headers.get("location")!;
  const silent = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from("abc")) });
  const stalled = await ask("PATCH", path, { ...APPEND, "upload-complete": "?1", "upload-offset": "0" }, silent);
  expect([stalled.status, stalled.headers.get("upload-offset")]).toEqual([408, "3"]);
  expect((await ask("POST", "/f", { ...BASE, "upload-complete": "?0" })).status).toBe(503);
  const large = await ask(
    "PATCH",
    path,
    { ...APPEND, "upload-complete": "?1", "upload-offset": "3" },
    "x".repeat(2_000),
  );
  expect(large.status).toBe(507);
  now += 60_001;
  await service.removeExpired();
  expect((await ask("HEAD", path, BASE)).status).toBe(404);
  expect((await ask("POST", "/f", { ...BASE, "upload-complete": "?0" })).status).toBe(201);
  await service.close();
});

test("a DataStore of tus-node-server keeps uploads, in every dialect", async () => {
  const objects = new Map<
    string,
    { upload: Record<string, unknown> & { size?: number; offset: number }; content: Buffer }
  >();
  const find = (id: string) => {
    const object = objects.get(id);
    if (object === undefined) throw { status_code: 404, body: "The file for this url was not found\n" };
    return object;
  };
  const service = createUploads({
    storage: {
      create: async (upload: { id: string; size?: number; offset: number }) => {
        objects.set(upload.id, { upload: { ...upload }, content: Buffer.alloc(0) });
      },
      getUpload: async (id: string) => ({ ...find(id).upload }),
      declareUploadLength: async (id: string, length: number) => {
        find(id).upload.size = length;
      },
      remove: async (id: string) => void objects.delete(id),
      read: (id: string) => Readable.from([find(id).content]),
      write: async (stream: Readable, id: string, offset: number) => {
        const chunks: Buffer[] = [];
        for await (const chunk of stream) chunks.push(chunk as Buffer);
        const object = find(id);
        object.content = Buffer.concat([object.content.subarray(0, offset), ...chunks]);
        object.upload.offset = object.content.length;
        return object.content.length;
      },
    },
  });
  const ask = callerOf(service);
  const created = await ask(
    "POST",
    "/f",
    { ...BASE, "upload-complete": "?0", "content-disposition": 'attachment; filename="a.txt"' },
    "abcd",
  );
  expect(created.status).toBe(201);
  const path = created.headers.get("location")!;
  const done = await ask(
    "PATCH",
    path,
    { ...APPEND, "upload-complete": "?1", "upload-offset": "4", "content-length": "2" },
    "ef",
  );
  expect(done.status).toBe(201);
  const [object] = [...objects.values()];
  expect([String(object!.content), object!.upload.size]).toEqual(["abcdef", 6]);
  expect(object!.upload.metadata).toMatchObject({ filename: "a.txt" });
  const tus = { "tus-resumable": "1.0.0" };
  const other = (await ask("POST", "/f", { ...tus, "upload-length": "3" })).headers.get("location")!;
  const patch = { ...tus, "upload-offset": "0", "content-type": "application/offset+octet-stream" };
  expect((await ask("PATCH", other, { ...patch, "upload-checksum": "sha1 AAAA" }, "abc")).status).toBe(400);
  expect((await ask("PATCH", other, patch, "abc")).status).toBe(204);
  expect((await ask("HEAD", other, tus)).headers.get("upload-offset")).toBe("3");
  expect((await ask("DELETE", other, tus)).status).toBe(204);
  expect((await ask("HEAD", other, tus)).status).toBe(404);
  await service.close();
});

/** An upload in two parts through plain node:http. */
async function uploadTo(
  port: number,
  path: string,
): Promise<[interim: unknown[], first: number, second: number, file: string]> {
  const interim: unknown[] = [];
  const send = async (method: string, target: string, headers: Record<string, string>, body: string) => {
    const sent = request({
      port,
      host: "127.0.0.1",
      method,
      path: target,
      headers: { ...headers, "content-length": String(body.length) },
    });
    sent.on("information", ({ statusCode, headers: fields }) => interim.push([statusCode, fields.location]));
    sent.end(body);
    const [response] = (await once(sent, "response")) as [import("node:http").IncomingMessage];
    response.resume();
    await once(response, "end");
    return response;
  };
  const created = await send("POST", path, { ...BASE, "upload-complete": "?0" }, "abcd");
  const location = String(created.headers.location);
  const done = await send("PATCH", location, { ...APPEND, "upload-complete": "?1", "upload-offset": "4" }, "ef");
  return [interim, created.statusCode!, done.statusCode!, location];
}

test("inside Express and Fastify, on node:http", async () => {
  const uploads = createUploads({ directory: join(folder, "frameworks") });
  const app = express();
  app.use("/uploads", uploads.listener);
  const plain = createServer(app).listen(0, "127.0.0.1");
  await once(plain, "listening");
  const [interim, first, second, location] = await uploadTo((plain.address() as AddressInfo).port, "/uploads/");
  expect([interim, first, second]).toEqual([[[104, location]], 201, 201]);
  expect(location).toMatch(/^\/uploads\/[0-9a-f]{32}$/);
  plain.close();

  const api = fastify();
  api.addContentTypeParser("*", (_request, _payload, done) => done(null));
  api.all("/uploads/*", (call, answer) => {
    answer.hijack();
    uploads.listener(call.raw, answer.raw);
  });
  await api.listen({ port: 0, host: "127.0.0.1" });
  const [, third, fourth, file] = await uploadTo((api.server.address() as AddressInfo).port, "/uploads/");
  expect([third, fourth]).toEqual([201, 201]);
  expect(readFileSync(join(folder, "frameworks", file.split("/").at(-1)!), "utf8")).toBe("abcdef");
  await api.close();
  await uploads.close();
});

test.each(VERSIONS)("inside Express on nagare/node, over %s", async (_version, open) => {
  const uploads = createUploads({ storage: new MemoryUploadStorage() });
  const app = express();
  app.use("/uploads", uploads.listener);
  const server = createNagare({ cert: localhostIdentity.cert, key: localhostIdentity.key }, app);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = await open(new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`));
  const creation = client.request({
    method: "POST",
    path: "/uploads/",
    headers: { ...BASE, "upload-complete": "?0" },
    body: "abcd",
  });
  const created = await creation.response;
  await created.bytes();
  expect(creation.informational.map(({ status, headers }) => [status, headers.location])).toEqual([
    [104, created.headers.location],
  ]);
  const headers = { ...APPEND, "upload-complete": "?1", "upload-offset": "4", "content-length": "2" };
  expect(
    (await client.request({ method: "PATCH", path: created.headers.location!, headers, body: "ef" }).response).status,
  ).toBe(201);
  client.close();
  server.close();
  await uploads.close();
});

test("a route of a configuration, with a prefix, and a file that is wrong", async () => {
  const file = join(folder, "nagare.config.json");
  const route = {
    path: "/api/up/*",
    stripPrefix: "/api",
    upload: { directory: "./received", maxSize: "1 MB", maxAge: "1h" },
  };
  writeFileSync(file, JSON.stringify({ sites: { "*": { routes: [route] } } }));
  expect((await checkConfig(file)).problems).toEqual([]);
  const sites = await ConfiguredSites.open(file, (await loadConfig(file)).config, () => undefined);
  const server = await startServer(
    { port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)] },
    sites,
  );
  const client = await VERSIONS[1]![1](server.url);
  const headers = { ...BASE, "upload-complete": "?0", "content-disposition": 'attachment; filename="a.txt"' };
  const created = await client.request({ method: "POST", path: "/api/up/", headers, body: "abcd" }).response;
  const path = created.headers.location!;
  expect(path).toMatch(/^\/api\/up\/[0-9a-f]{32}$/);
  await sites.reconfigure({ reload: async () => undefined });
  const append = { ...APPEND, "upload-complete": "?1", "upload-offset": "4" };
  expect((await client.request({ method: "PATCH", path, headers: append, body: "ef" }).response).status).toBe(201);
  expect(readFileSync(join(folder, "received", "a.txt"), "utf8")).toBe("abcdef");
  client.close();
  await server.close({ timeout: 0 });
  for (const [upload, message] of [
    [{}, "upload.directory is missing"],
    [{ directory: "x", maxSize: "many" }, 'upload.maxSize "many" is not a size'],
    [{ directory: "x", maxUploads: 0 }, "upload cannot be used: maxUploads is 0"],
    [{ directory: "x", maxsize: 1 }, "upload.maxsize is unknown: did you mean maxSize?"],
  ] as const) {
    writeFileSync(file, JSON.stringify({ sites: { "*": { routes: [{ path: "/*", upload }] } } }));
    const { problems } = await checkConfig(file);
    expect(problems.map((each) => `${each.path} ${each.message}`).join()).toContain(message);
  }
});
