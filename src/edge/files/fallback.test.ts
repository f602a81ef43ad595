import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Client, createClient } from "../../client/index.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { serve } from "../serve.ts";
import type { Server } from "../server.ts";
import { type FilesOptions, serveFiles } from "./index.ts";

let folder: string;
let server: Server | undefined;
let client: Client;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-fallback-"));
  const site = join(folder, "site");
  mkdirSync(join(site, "docs"), { recursive: true });
  mkdirSync(join(site, "both"));
  writeFileSync(join(site, "index.html"), "first");
  writeFileSync(join(site, "about.html"), "about");
  writeFileSync(join(site, "both.html"), "page next to a folder");
  writeFileSync(join(site, "docs/two <b>.txt"), "12345");
  writeFileSync(join(site, "docs/.hidden"), "secret");
  writeFileSync(join(site, "docs/page.html"), "page");
  mkdirSync(join(site, "docs/inner"));
  writeFileSync(join(folder, "outside.txt"), "secret");
  symlinkSync(join(folder, "outside.txt"), join(site, "docs/link.txt"));
  client = createClient({ protocols: ["h2"], rejectUnauthorized: false });
});
afterEach(async () => {
  await server?.close({ timeout: 0 });
});
afterAll(async () => {
  await client.destroy();
  rmSync(folder, { recursive: true });
});

async function get(
  path: string,
  options: FilesOptions = {},
  method = "GET",
): Promise<{ status: number; text: string; headers: Headers }> {
  await server?.close({ timeout: 0 });
  server = await serve(
    { port: 0, host: "127.0.0.1", tls: localhostIdentity, log: () => {} },
    serveFiles(join(folder, "site"), { log: () => {}, ...options }),
  );
  const response = await client.fetch(new URL(path, server.url), { method, redirect: "manual" });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

describe("a page's address without .html", () => {
  test("serves the page", async () => {
    const { status, text, headers } = await get("/about");
    expect({ status, text }).toEqual({ status: 200, text: "about" });
    expect(headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(await get("/docs/page")).toMatchObject({ status: 200, text: "page" });
  });

  test("is not a page with a trailing slash, and a folder takes precedence", async () => {
    expect((await get("/about/")).status).toBe(404);
    expect((await get("/both")).status).toBe(301);
    expect((await get("/missing")).status).toBe(404);
  });
});

describe("a single-page application", () => {
  test("is served for every path that looks like a page", async () => {
    for (const path of ["/users/7", "/docs/", "/users/7/"]) {
      expect(await get(path, { spa: true }), path).toMatchObject({ status: 200, text: "first" });
    }
    expect((await get("/users/7")).status).toBe(404);
  });

  test("leaves files, pages and missing assets alone", async () => {
    expect(await get("/about", { spa: true })).toMatchObject({ text: "about" });
    expect((await get("/missing.js", { spa: true })).status).toBe(404);
    expect((await get("/.env", { spa: true })).status).toBe(404);
  });
});

describe("a folder listing", () => {
  test("contains only entries that may be served, folders first", async () => {
    const { status, text, headers } = await get("/docs/", { listing: true });
    expect(status).toBe(200);
    const links = [...text.matchAll(/href="([^"]+)"/g)].map(([, href]) => href);
    expect(links).toEqual(["../", "./inner/", "./page.html", "./two%20%3Cb%3E.txt"]);
    expect(text).toContain("two &lt;b&gt;.txt");
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
  });

  test("is replaced by index.html, and is off by default", async () => {
    expect(await get("/", { listing: true })).toMatchObject({ text: "first" });
    expect((await get("/docs/")).status).toBe(404);
  });

  test("in response to HEAD has a length and no content", async () => {
    const { text, headers } = await get("/docs/", { listing: true }, "HEAD");
    expect(text).toBe("");
    expect(Number(headers.get("content-length"))).toBeGreaterThan(100);
  });

  test("of a very large folder is truncated", async () => {
    mkdirSync(join(folder, "site/many"));
    for (let i = 0; i < 6000; i += 1) writeFileSync(join(folder, `site/many/${i}.txt`), "");
    const { text } = await get("/many/", { listing: true });
    expect([...text.matchAll(/href="\.\//g)]).toHaveLength(1000);
    expect(text).toContain("Only 1000 names are shown");
  });
});
