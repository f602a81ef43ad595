import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { loadConfig } from "../config/load.ts";
import { type Server, startServer } from "../server.ts";
import { VERSIONS } from "../testing/client.ts";
import { get, type TestClient, type TestRequest } from "../testing/test-client.ts";
import { checkConfig } from "./check.ts";
import { ConfiguredSites } from "./configured-sites.ts";

const folder = mkdtempSync(join(tmpdir(), "nagare-sites-"));
const file = join(folder, "nagare.config.mjs");
const TEXT = "words and words and words\n".repeat(200);

/** The configuration; `word` changes with a reload. */
const configuration = (word: string): string => `
const stream = (chunks, type) => {
  const waiting = [...chunks];
  const pull = (controller) => waiting.length > 0 ? controller.enqueue(new TextEncoder().encode(waiting.shift())) : controller.close();
  return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), { headers: { "content-type": type, etag: '"1"' } });
};
export default {
  sites: {
    localhost: {
      headers: { "X-Site": "site", "x-both": "site", "x-powered-by": "" },
      routes: [
        { path: "/old/:id", redirect: "/new/:id" },
        { path: "/gone", respond: { status: 410, body: "gone" } },
        { path: "/word", handler: () => new Response("${word}", { headers: { "x-powered-by": "app" } }), headers: { "x-both": "route" } },
        { path: "/held", handler: (request) => new Promise((resolve) => {
          globalThis.heldRequests.push(() => resolve(new Response("${word}")));
        }) },
        { path: "/api/*", stripPrefix: "/api", handler: (request) => new Response(new URL(request.url).pathname) },
        { path: "/admin/*", respond: 403 },
        { path: "/echo", methods: ["POST"], maxBodySize: "10 B", handler: async (request) => new Response(await request.text()) },
        { path: "/stream", compress: true, handler: () => stream(${JSON.stringify([TEXT, TEXT])}, "text/plain") },
        { path: "/events", compress: true, handler: () => stream(["data: 1\\n\\n"], "text/event-stream") },
        { path: "/files/*", stripPrefix: "/files", files: "./files", compress: { minSize: 100 } },
        { path: "/module", handler: "./module.mjs" },
        { path: "/rate", respond: 204, limits: { requestsPerSecond: 0.001, burst: 2 } },
        { path: "/busy/:version", limits: { concurrentRequests: 1, retryAfter: "7s" }, handler: () => new Promise((resolve) => {
          globalThis.heldRequests.push(() => resolve(new Response("late")));
        }) },
      ],
    },
    "*.wild.test": { routes: [{ path: "/*", respond: { body: "wild" } }] },
  },
};`;

const held: (() => void)[] = [];
let sites: ConfiguredSites;
let server: Server;
const lines: string[] = [];

beforeAll(async () => {
  (globalThis as { heldRequests?: unknown }).heldRequests = held;
  mkdirSync(join(folder, "files"));
  writeFileSync(join(folder, "files/a.txt"), TEXT);
  writeFileSync(join(folder, "files/short.txt"), "short");
  writeFileSync(join(folder, "module.mjs"), "export default () => new Response('module');");
  writeFileSync(file, configuration("first"));
  sites = await ConfiguredSites.open(file, (await loadConfig(file)).config, (line) => lines.push(line));
  const identities = [loadIdentity(localhostIdentity)] as const;
  server = await startServer({ port: 0, host: "127.0.0.1", identities, log: (line) => lines.push(line) }, sites);
});
afterAll(async () => {
  await server.close({ timeout: 0 });
  rmSync(folder, { recursive: true, force: true });
});

describe.each(VERSIONS)("sites over %s", (_version, open) => {
  let client: TestClient;
  beforeAll(async () => {
    client = await open(server.url);
  });
  afterAll(() => client.close());

  /** Reads the whole response, since a connection of HTTP/1.1 has room for one. */
  const head = async (path: string, request: Partial<TestRequest> = {}, from = client) => {
    const response = await from.request({ path, ...request }).response;
    const bytes = await response.bytes();
    return { status: response.status, headers: response.headers, bytes };
  };
  const text = async (path: string, headers: Record<string, string> = {}): Promise<[number, string]> => {
    const response = await get(client, path, headers);
    return [response.status, await response.text()];
  };

  test.each<[path: string, status: number, body: string]>([
    ["/gone", 410, "gone"],
    ["/word", 200, "first"],
    ["/api/a/b?c", 200, "/a/b"],
    ["/api", 404, "404 Not Found\n"],
    ["/nowhere", 404, "404 Not Found\n"],
    ["/api/../admin/x", 403, "403 Forbidden\n"],
    ["/api/%2e%2e/admin/x", 403, "403 Forbidden\n"],
    ["/files/short.txt", 200, "short"],
    ["/files/%2e%2e/nagare.config.mjs", 404, "404 Not Found\n"],
    ["/module", 200, "module"],
  ])("GET %s is %i", async (path, status, body) => expect(await text(path)).toEqual([status, body]));

  test("a redirect has the path's groups and the query", async () => {
    const { status, headers } = await head("/old/a%20b?q=1");
    expect([status, headers.location]).toEqual([308, "/new/a%20b?q=1"]);
  });

  test("fields of the site and the route are added, replaced and removed", async () => {
    const { headers } = await head("/word");
    expect([headers["x-site"], headers["x-both"], headers["x-powered-by"]]).toEqual(["site", "route", undefined]);
    expect((await head("/nowhere")).headers["x-site"]).toBeUndefined();
  });

  test("another method is a 405 that names the allowed ones", async () => {
    const { status, headers } = await head("/echo");
    expect([status, headers.allow]).toEqual([405, "POST"]);
  });

  test("too much content is a 413, announced or not", async () => {
    const fitting = await head("/echo", { method: "POST", body: "x".repeat(10) });
    expect(fitting.bytes.byteLength).toBe(10);
    const other = await open(server.url);
    expect((await head("/echo", { method: "POST", body: "x".repeat(11) }, other)).status).toBe(413);
    other.close();
    const another = await open(server.url);
    const streamed = another.request({ method: "POST", path: "/echo", streaming: true });
    await streamed.send("x".repeat(11));
    expect((await streamed.response).status).toBe(413);
    another.close();
  });

  test("a route's limits refuse what is above them, and what has ended makes room", async () => {
    const statuses = [];
    for (let i = 0; i < 3; i += 1) statuses.push((await head("/rate")).status);
    // A reload, the last test of each version, begins anew.
    expect(statuses).toEqual([204, 204, 429]);
    expect((await head("/gone")).status).toBe(410);

    const before = held.length;
    const first = get(client, "/busy/now");
    const other = await open(server.url);
    await vi.waitFor(() => expect(held.length).toBe(before + 1));
    const refused = await head("/busy/now", {}, other);
    expect([refused.status, refused.headers["retry-after"], refused.headers["x-site"]]).toEqual([503, "7", "site"]);
    held.pop()!();
    expect(await (await first).text()).toBe("late");
    const next = get(other, "/busy/now");
    await vi.waitFor(() => expect(held.length).toBe(before + 1));
    held.pop()!();
    expect((await next).status).toBe(200);
    other.close();
  });

  test("compresses what is worth it, in the coding that the client accepts", async () => {
    const decoders = { br: brotliDecompressSync, gzip: gunzipSync };
    for (const coding of ["br", "gzip"] as const) {
      for (const path of ["/stream", "/files/a.txt"]) {
        const response = await head(path, { headers: { "accept-encoding": coding } });
        expect(response.headers).toMatchObject({ "content-encoding": coding, vary: "accept-encoding" });
        expect(response.headers.etag).toMatch(/^W\//);
        const { bytes } = response;
        expect(bytes.byteLength).toBeLessThan(TEXT.length / 4);
        expect(decoders[coding](bytes).toString()).toBe(path === "/stream" ? TEXT + TEXT : TEXT);
      }
    }
    const plain = await head("/stream", { headers: { "accept-encoding": "identity" } });
    expect([plain.headers["content-encoding"], plain.headers.vary]).toEqual([undefined, "accept-encoding"]);
    expect(plain.bytes.byteLength).toBe(2 * TEXT.length);
    for (const [path, fields] of [
      ["/files/short.txt", {}],
      ["/events", {}],
      ["/files/a.txt", { range: "bytes=0-9" }],
    ] as const) {
      const response = await head(path, { headers: { "accept-encoding": "br, gzip", ...fields } });
      expect([path, response.headers["content-encoding"]]).toEqual([path, undefined]);
    }
    // Node's client does not reuse a connection of HTTP/1.1 after this.
    const other = await open(server.url);
    const bodiless = await head("/files/a.txt", { method: "HEAD", headers: { "accept-encoding": "br" } }, other);
    expect(bodiless.headers).toMatchObject({ "content-encoding": "br" });
    expect(bodiless.headers["content-length"]).toBeUndefined();
    other.close();
  });

  test("a host without a site is a 421, and a wildcard matches one label", async () => {
    const statusOf = async (servername: string): Promise<number> => {
      const other = await open(server.url, { servername });
      const { status } = await get(other, "/");
      other.close();
      return status;
    };
    expect(await statusOf("other.test")).toBe(421);
    expect(await statusOf("a.wild.test")).toBe(200);
    expect(await statusOf("a.b.wild.test")).toBe(421);
  });

  test("a reload is for new requests; one in progress ends as it began, and a broken file changes nothing", async () => {
    const other = await open(server.url);
    const request = other.request({ path: "/held" });
    while (held.length === 0) await new Promise(setImmediate);
    writeFileSync(file, configuration("second"));
    await sites.reconfigure(server);
    expect(await text("/word")).toEqual([200, "second"]);
    held.splice(0)[0]!();
    expect(await (await request.response).text()).toBe("first");
    other.close();

    writeFileSync(file, configuration("third").replace("./files", "./nowhere"));
    await expect(sites.reconfigure(server)).rejects.toThrow(/there is no folder .*nowhere/);
    writeFileSync(file, configuration("third").replace('"/gone"', '"gone"'));
    await expect(sites.reconfigure(server)).rejects.toThrow(
      /sites\.localhost\.routes\[1\]\.path "gone" does not begin/,
    );
    expect(await text("/word")).toEqual([200, "second"]);
    writeFileSync(file, configuration("first"));
    await sites.reconfigure(server);
    expect(await text("/word")).toEqual([200, "first"]);
  });
});

test("a reload keeps actions that have not changed, and closes those that are gone", async () => {
  const path = join(folder, "proxy.config.json");
  const write = (origins: readonly string[]): void =>
    writeFileSync(path, JSON.stringify({ sites: { "*": { routes: [{ path: "/*", proxy: origins }] } } }));
  write(["http://127.0.0.1:1"]);
  const configured = await ConfiguredSites.open(path, (await loadConfig(path)).config, () => undefined);
  const fake = { reload: async () => undefined };
  await configured.reconfigure(fake);
  write(["http://127.0.0.1:2"]);
  await configured.reconfigure(fake);
  expect(configured.status().origins).toMatchObject([{ origin: "http://127.0.0.1:2" }]);
  await configured.close();
});

test("check-config finds what a start would: folders, modules, certificates, unreachable routes", async () => {
  const path = join(folder, "check.config.json");
  writeFileSync(join(folder, "cert.pem"), localhostIdentity.cert);
  writeFileSync(join(folder, "key.pem"), localhostIdentity.key);
  writeFileSync(join(folder, "none.mjs"), "export default 5;");
  const sitesOf = {
    "shop.test": {
      tls: { certFile: "cert.pem", keyFile: "key.pem" },
      routes: [
        { path: "/a/*", files: "nowhere" },
        { path: "/b/*", handler: "none.mjs" },
        { path: "/*", proxy: "ftp://x" },
        { path: "/never", respond: 204 },
      ],
    },
    localhost: { tls: { certFile: "cert.pem", keyFile: "cert.pem" }, routes: [{ path: "/*", respond: 204 }] },
  };
  writeFileSync(path, JSON.stringify({ sites: sitesOf }, undefined, 1));
  const { problems, warnings } = await checkConfig(path);
  const shown = (all: typeof problems): string[] => all.map((each) => `${each.line} ${each.path} ${each.message}`);
  expect(shown(problems)).toEqual([
    expect.stringMatching(/^\d+ sites\.localhost\.tls cannot be used: the key .* is not a private key/),
    expect.stringMatching(/^\d+ sites\["shop\.test"\]\.routes\[0\]\.files cannot be used: there is no folder/),
    expect.stringMatching(/^\d+ sites\["shop\.test"\]\.routes\[1\]\.handler cannot be used: .* exports no handler/),
    expect.stringMatching(/^\d+ sites\["shop\.test"\]\.routes\[2\]\.proxy cannot be used: ftp:\/\/x is not an origin/),
  ]);
  expect(shown(warnings)).toEqual([
    expect.stringMatching(/names a certificate for localhost.*, which browsers refuse for shop\.test$/),
    expect.stringMatching(/routes\[3\] is never used: routes\[2\] answers every path/),
  ]);
});
