/** Resumable uploads in every profile, over every version of HTTP. */

import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { INTEROP_VERSIONS, type ProfileName, profileOf } from "../../http/resumable-upload/index.ts";
import type { Server } from "../running-server.ts";
import { startServer } from "../server.ts";
import { VERSIONS } from "../testing/client.ts";
import type { TestClient, TestExchange } from "../testing/test-client.ts";
import { createUploads, MemoryUploadStorage, UploadRefusal, type UploadService } from "./index.ts";
import type { UploadInfo } from "./options.ts";

/** A folder in memory, where there is one: these tests are not about disks. */
const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "nagare-upload-"));
const identities = [loadIdentity(localhostIdentity)] as const;
const completed: UploadInfo[] = [];
const progressed: number[] = [];
let uploads: UploadService;
let server: Server;

beforeAll(async () => {
  uploads = createUploads({
    directory: folder,
    maxSize: 1_000_000,
    cors: true,
    authorize: ({ headers }) => headers.get("authorization") !== "nobody",
    onCreate: ({ metadata }) => {
      if (metadata.name === "virus.exe") throw new UploadRefusal(422, "FORBIDDEN", "not this file");
    },
    onProgress: ({ offset }) => progressed.push(offset),
    onComplete: (upload) => {
      completed.push(upload);
      return upload.metadata.name === "asked.txt"
        ? new Response("thank you", { status: 200, headers: { "x-file": "asked.txt" } })
        : undefined;
    },
    log: (line) => process.stderr.write(`${line}\n`),
  });
  server = await startServer({ port: 0, host: "127.0.0.1", identities }, uploads);
});

afterAll(async () => {
  await server.close({ timeout: 0 });
  rmSync(folder, { recursive: true, force: true });
});

/** How a client of a profile writes each request. */
function dialect(name: ProfileName) {
  const profile = profileOf(name);
  const token = `:${randomBytes(32).toString("base64")}:`;
  const base: Record<string, string> =
    name === "tus" ? { "tus-resumable": "1.0.0" } : { "upload-draft-interop-version": String(name) };
  if (profile.naming === "token") base["upload-token"] = token;
  const flag = (completes: boolean): Record<string, string> => {
    if (profile.flag === "upload-complete") return { "upload-complete": completes ? "?1" : "?0" };
    if (profile.flag === undefined || (completes && profile.naming === "token")) return {};
    return { "upload-incomplete": completes ? "?0" : "?1" };
  };
  const type: Record<string, string> = profile.appendType === undefined ? {} : { "content-type": profile.appendType };
  return {
    profile,
    base,
    flag,
    append: (offset: number, completes: boolean) => ({
      ...base,
      ...flag(completes),
      ...type,
      "upload-offset": String(offset),
    }),
  };
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

const offsetOf = ({ headers }: Reply): number => Number(headers["upload-offset"]);

/** Sends a request, and reads the whole response, since HTTP/1.1 carries one at a time. */
async function ask(
  client: TestClient,
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: string | Uint8Array,
): Promise<Reply> {
  const content = body === undefined ? {} : { body };
  const length: Record<string, string> =
    body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  return reply(client.request({ method, path, headers: { ...headers, ...length }, ...content }));
}

async function reply({ response }: TestExchange): Promise<Reply> {
  const { status, headers, text } = await response;
  return { status, headers, text: await text() };
}

const head = (client: TestClient, path: string, headers: Record<string, string>): Promise<Reply> =>
  ask(client, "HEAD", path, headers);

describe.each(VERSIONS)("over %s", (_version, open) => {
  let client: TestClient;
  beforeAll(async () => {
    client = await open(server.url);
  });
  afterAll(() => client.close());

  describe.each<[ProfileName]>([...INTEROP_VERSIONS.map((each) => [each] as [ProfileName]), ["tus"]])(
    "profile %s",
    (name) => {
      test("an upload in parts, cut off in between, ends byte-identical", async () => {
        const { profile, base, flag, append } = dialect(name);
        const content = randomBytes(300_000);
        const lengthField: Record<string, string> = name === "tus" ? { "upload-length": String(content.length) } : {};
        const creation = client.request({
          method: "POST",
          path: "/files/",
          headers: { ...base, ...flag(false), ...lengthField },
          body: name === "tus" ? "" : content.subarray(0, 1_000),
        });
        const created = await reply(creation);
        expect(created.status).toBe(201);
        const informs = name !== "tus" && name !== 1;
        // Version 1 tells of its support only to clients that do not show that they know.
        expect(creation.informational.map(({ status }) => status)).toEqual(informs ? [104] : []);
        if (informs) {
          const { headers } = creation.informational[0]!;
          expect(headers["upload-draft-interop-version"]).toBe(String(name));
          expect(headers.location).toBe(profile.naming === "token" ? undefined : created.headers.location);
          expect(headers["upload-limit"] !== undefined).toBe(profile.ageKey !== undefined);
        }
        const path = profile.naming === "token" ? "/files/" : created.headers.location!;
        let offset = name === "tus" ? 0 : offsetOf(created);
        expect(offset).toBe(name === "tus" ? 0 : 1_000);

        // A request that is cut off.
        const cut = client.request({ method: "PATCH", path, headers: append(offset, true), streaming: true });
        await cut.send(content.subarray(offset, 150_000));
        cut.cancel();
        if (client.protocol === "http/1.1") client = await open(server.url);
        const found = await head(client, path, base);
        expect([200, 204]).toContain(found.status);
        expect(found.headers["cache-control"]).toBe("no-store");
        offset = offsetOf(found);
        expect(offset).toBeGreaterThanOrEqual(1_000 * (name === "tus" ? 0 : 1));
        expect(offset).toBeLessThanOrEqual(150_000);
        if (profile.flag !== undefined) {
          expect(found.headers[profile.flag]).toBe(profile.flag === "upload-complete" ? "?0" : "?1");
        }

        // An append at a wrong offset does nothing, and tells the right one.
        const wrong = await ask(client, "PATCH", path, append(offset + 1, false), "x");
        expect(wrong.status).toBe(409);
        expect(offsetOf(wrong)).toBe(offset);
        if (profile.hasProblems) {
          expect(JSON.parse(wrong.text)).toMatchObject({
            type: "https://iana.org/assignments/http-problem-types#mismatching-upload-offset",
            "expected-offset": offset,
            "provided-offset": offset + 1,
          });
        }

        const middle = await ask(client, "PATCH", path, append(offset, false), content.subarray(offset, 200_000));
        expect(middle.status).toBe(profile.partialStatus);
        expect(offsetOf(middle)).toBe(200_000);
        const last = await ask(client, "PATCH", path, append(200_000, true), content.subarray(200_000));
        expect(last.status).toBe(name === "tus" ? 204 : 201);
        expect(offsetOf(last)).toBe(content.length);
        if (profile.flag === "upload-complete") expect(last.headers["upload-complete"]).toBe("?1");
        const upload = completed.at(-1)!;
        expect(readFileSync(upload.path!).equals(content)).toBe(true);

        // A client that lost the last response.
        const again = await head(client, path, base);
        expect(offsetOf(again)).toBe(content.length);
        if (profile.flag === "upload-complete") expect(again.headers["upload-complete"]).toBe("?1");
        if (profile.flag === "upload-incomplete") expect(again.headers["upload-incomplete"]).toBe("?0");
        expect(await head(client, path.replace(/[0-9a-f]{32}$/, "0".repeat(32)), dialect(name).base)).toMatchObject({
          status: 404,
        });
      });

      test("cancelled, an upload is gone", async () => {
        const { profile, base, flag, append } = dialect(name);
        const headers: Record<string, string> = {
          ...base,
          ...flag(false),
          ...(name === "tus" ? { "upload-length": "9" } : {}),
        };
        const created = await ask(client, "POST", "/files/", headers, "");
        const path = profile.naming === "token" ? "/files/" : created.headers.location!;
        const remove = (more: Record<string, string> = {}) => ask(client, "DELETE", path, { ...base, ...more });
        if (profile.refusesStateFields) expect((await remove({ "upload-offset": "0" })).status).toBe(400);
        expect((await remove()).status).toBe(204);
        expect((await remove()).status).toBe(404);
        expect((await head(client, path, base)).status).toBe(404);
        expect((await ask(client, "PATCH", path, append(0, true), "x")).status).toBe(404);
      });
    },
  );

  test("a plain upload, with a name, is one file", async () => {
    const name = `${client.protocol.replace("/", "")}.txt`;
    const exchange = client.request({ method: "PUT", path: `/files/${name}`, body: "hello" });
    expect((await reply(exchange)).status).toBe(201);
    expect(exchange.informational).toEqual([]);
    expect(readFileSync(join(folder, name), "utf8")).toBe("hello");
  });

  test("a newer request takes over from a stalled one", async () => {
    const { base, append, flag } = dialect(9);
    const { headers } = await ask(client, "POST", "/files/", { ...base, ...flag(false) });
    const path = headers.location!;
    const stalled = client.request({ method: "PATCH", path, headers: append(0, true), streaming: true });
    await stalled.send("abc");
    const other = await open(server.url);
    const offset = offsetOf(await head(other, path, base));
    expect([0, 3]).toContain(offset);
    expect((await ask(other, "PATCH", path, append(offset, true), "abcdef".slice(offset))).status).toBe(201);
    expect(readFileSync(completed.at(-1)!.path!, "utf8")).toBe("abcdef");
    stalled.cancel();
    other.close();
    if (client.protocol === "http/1.1") client = await open(server.url);
  });
});

describe("over one version", () => {
  let client: TestClient;
  beforeAll(async () => {
    client = await VERSIONS[1]![1](server.url);
  });
  afterAll(() => client.close());
  const send = (method: string, path: string, headers: Record<string, string>, body?: string | Uint8Array) =>
    ask(client, method, path, headers, body);
  const create = async (headers: Record<string, string>, body = "") =>
    (await send("POST", "/files/", headers, body)).headers.location!;
  const newest = dialect(9);
  const tus = dialect("tus");

  test("a response of the application is repeated to a client that lost it", async () => {
    const path = await create(
      { ...newest.base, ...newest.flag(false), "content-disposition": 'attachment; filename="asked.txt"' },
      "ab",
    );
    const last = await send("PATCH", path, newest.append(2, true), "cd");
    expect([last.status, last.headers["x-file"], last.text]).toEqual([200, "asked.txt", "thank you"]);
    const again = await send("PATCH", path, newest.append(4, true), "");
    expect([again.status, again.headers["upload-complete"], again.text]).toEqual([200, "?1", "thank you"]);
    const unframed = client.request({ method: "PATCH", path, headers: newest.append(4, true), streaming: true });
    unframed.finish();
    expect((await reply(unframed)).text).toBe("thank you");
    expect((await send("PATCH", path, newest.append(4, true), "more")).status).toBe(400);
    expect(readFileSync(join(folder, "asked.txt"), "utf8")).toBe("abcd");
  });

  test.each([
    [
      "the length of the last part does not fit",
      { "upload-length": "6" },
      { "upload-offset": "4" },
      "abc",
      400,
      "inconsistent-upload-length",
    ],
    [
      "two lengths",
      { "upload-length": "6" },
      { "upload-offset": "4", "upload-length": "7" },
      "ef",
      400,
      "inconsistent-upload-length",
    ],
    ["an offset from the future", {}, { "upload-offset": "400" }, "ef", 409, "mismatching-upload-offset"],
    ["no offset", {}, { "upload-offset": "-1" }, "ef", 400, "Upload-Offset"],
    ["an offset that is no integer", {}, { "upload-offset": "4.0" }, "ef", 400, "Upload-Offset"],
    ["no flag", {}, { "upload-complete": "1" }, "ef", 400, "Upload-Complete"],
    ["another media type", {}, { "content-type": "text/plain" }, "ef", 415, "application/partial-upload"],
    ["concatenation", {}, { "upload-concat": "partial" }, "ef", 400, "tus 1.0"],
    ["too much", {}, {}, "x".repeat(1_000_000), 413, "limit"],
    [
      "a digest that differs",
      {},
      { "content-digest": `sha-256=:${createHash("sha256").update("other").digest("base64")}:` },
      "ef",
      400,
      "digest",
    ],
  ])(
    "refused: %s",
    async (_what, creation: Record<string, string>, append: Record<string, string>, body, status, words) => {
      const path = await create({ ...newest.base, ...newest.flag(false), ...creation }, "abcd");
      const refused = await send("PATCH", path, { ...newest.append(4, true), ...append }, body);
      expect(refused.status).toBe(status);
      expect(refused.text).toContain(words);
      // Nothing of it was stored.
      expect(offsetOf(await send("HEAD", path, newest.base))).toBe(4);
    },
  );

  test("more than the length ends the upload, whatever the request announced", async () => {
    const path = await create({ ...newest.base, ...newest.flag(false), "upload-length": "6" }, "abcd");
    const lying = client.request({ method: "PATCH", path, headers: newest.append(4, false), streaming: true });
    await lying.send("efg");
    lying.finish();
    expect((await reply(lying)).status).toBe(400);
    expect((await send("HEAD", path, newest.base)).status).toBe(410);
    expect((await send("PATCH", path, newest.append(4, true), "ef")).status).toBe(410);
  });

  test("the digest of the whole upload", async () => {
    const right = `sha-256=:${createHash("sha256").update("abcdef").digest("base64")}:`;
    const path = await create({ ...newest.base, ...newest.flag(false), "repr-digest": right }, "abcd");
    const done = await send("PATCH", path, { ...newest.append(4, true), "want-repr-digest": "sha-256=1" }, "ef");
    expect([done.status, done.headers["repr-digest"]]).toEqual([201, right]);
    const other = await create({ ...newest.base, ...newest.flag(false), "repr-digest": right }, "abcd");
    const wrong = await send("PATCH", other, newest.append(4, true), "XX");
    expect([wrong.status, wrong.headers["upload-complete"]]).toEqual([400, "?0"]);
  });

  test("a token names one upload", async () => {
    const { base, flag } = dialect(2);
    expect((await send("POST", "/files/", { ...base, ...flag(false) }, "abcd")).status).toBe(201);
    const second = await send("POST", "/files/", { ...base, ...flag(false) }, "abcd");
    expect([second.status, second.headers["upload-offset"]]).toEqual([409, "4"]);
  });

  test("tus: checksums, deferred length, concatenation, and what the client may not do", async () => {
    const sum = (text: string) => `sha1 ${createHash("sha1").update(text).digest("base64")}`;
    const path = await create({
      ...tus.base,
      "upload-defer-length": "1",
      "upload-metadata": `filename ${Buffer.from("tus.txt").toString("base64")}`,
    });
    const bad = await send("PATCH", path, { ...tus.append(0, false), "upload-checksum": sum("other") }, "abc");
    expect([bad.status, offsetOf(bad)]).toEqual([460, 0]);
    expect(
      (await send("PATCH", path, { ...tus.append(0, false), "upload-checksum": "crc32 AAAA" }, "abc")).status,
    ).toBe(400);
    expect((await send("PATCH", path, { ...tus.append(0, false), "upload-checksum": sum("abc") }, "abc")).status).toBe(
      204,
    );
    const found = await send("HEAD", path, tus.base);
    expect(found.headers).toMatchObject({
      "upload-defer-length": "1",
      "upload-offset": "3",
      "upload-metadata": "filename dHVzLnR4dA==",
    });
    expect((await send("PATCH", path, { ...tus.append(3, false), "upload-length": "6" }, "def")).status).toBe(204);
    expect(readFileSync(join(folder, "tus.txt"), "utf8")).toBe("abcdef");

    const part = (text: string) =>
      send(
        "POST",
        "/files/",
        {
          ...tus.base,
          "upload-concat": "partial",
          "upload-length": String(text.length),
          "content-type": "application/offset+octet-stream",
        },
        text,
      );
    const [a, b] = [await part("one "), await part("two")];
    const unfinished = await create({ ...tus.base, "upload-concat": "partial", "upload-length": "9" });
    const join2 = (parts: string[]) =>
      send("POST", "/files/", { ...tus.base, "upload-concat": `final;${parts.join(" ")}` }, "");
    expect((await join2([a.headers.location!, unfinished])).status).toBe(400);
    expect((await join2([a.headers.location!, a.headers.location!])).status).toBe(400);
    const final = await join2([`https://example.com${a.headers.location}`, b.headers.location!]);
    expect(final.status).toBe(201);
    expect(readFileSync(completed.at(-1)!.path!, "utf8")).toBe("one two");
    const whole = await send("HEAD", final.headers.location!, tus.base);
    expect([whole.headers["upload-length"], whole.headers["upload-concat"]]).toEqual([
      "7",
      expect.stringMatching(/^final;/),
    ]);
    expect((await send("PATCH", final.headers.location!, tus.append(7, false), "")).status).toBe(403);

    expect((await send("POST", "/files/", { "tus-resumable": "0.2.2", "upload-length": "1" })).status).toBe(412);
    expect((await send("POST", "/files/", tus.base)).status).toBe(400);
    expect(
      (await send("POST", "/files/", { ...tus.base, "upload-length": "1", "upload-metadata": "a !" })).status,
    ).toBe(400);
    expect((await send("POST", "/files/", { ...tus.base, "upload-length": "1000001" })).status).toBe(413);
    const options = await send("OPTIONS", "/files/", {});
    expect(options.headers).toMatchObject({
      "tus-version": "1.0.0",
      "tus-max-size": "1000000",
      "upload-limit": "max-size=1000000",
    });
  });

  test("names lead nowhere else, and files are never replaced", async () => {
    const named = (name: string) =>
      send("POST", "/files/", { "content-disposition": `attachment; filename="${name}"` }, name);
    for (const name of ["../../evil.txt", "..", ".hidden", "a/b/evil.txt", "nul"])
      expect((await named(name)).status).toBe(201);
    expect(existsSync(join(folder, "..", "evil.txt"))).toBe(false);
    expect(readFileSync(join(folder, "evil.txt"), "utf8")).toBe("../../evil.txt");
    expect(existsSync(join(folder, ".hidden"))).toBe(false);
    expect(completed.at(-2)!.path).toMatch(/evil-[0-9a-f]{8}\.txt$/);
    expect((await named("virus.exe")).status).toBe(422);
    expect((await send("POST", "/files/", { authorization: "nobody" }, "x")).status).toBe(403);
  });

  test("pages of other origins", async () => {
    const preflight = await send("OPTIONS", "/files/", {
      origin: "https://app.example",
      "access-control-request-method": "PATCH",
    });
    expect(preflight.headers["access-control-allow-headers"]).toContain("upload-offset");
    const simple = await send("HEAD", "/files/", { ...tus.base, origin: "https://app.example" });
    expect(simple.headers["access-control-allow-origin"]).toBe("*");
  });

  test("a fetch handler is the same service, in memory", async () => {
    const memory = createUploads({ storage: new MemoryUploadStorage() });
    const at = (method: string, path: string, headers: Record<string, string>, body?: string) =>
      memory.fetch(
        new Request(`https://example.com${path}`, { method, headers, ...(body === undefined ? {} : { body }) }),
      );
    const created = await at("POST", "/files", { ...newest.base, ...newest.flag(false) }, "abcd");
    const path = created.headers.get("location")!;
    expect(path).toMatch(/^\/files\/[0-9a-f]{32}$/);
    expect((await at("PATCH", path, newest.append(4, true), "ef")).status).toBe(201);
    expect((await at("HEAD", path, newest.base)).headers.get("upload-complete")).toBe("?1");
    await memory.close();
  });
});
