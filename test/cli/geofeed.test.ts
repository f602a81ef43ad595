/** `nagare geofeed`: files, published feeds, standard input; findings with their lines; a client's hint beside the feed. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "nagare/client";
import { clientLocationOf } from "nagare/http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../src/edge/config/load.ts";
import { type Server, startServer } from "../../src/edge/server.ts";
import { checkConfig } from "../../src/edge/sites/check.ts";
import { ConfiguredSites } from "../../src/edge/sites/configured-sites.ts";
import { loadIdentity } from "../../src/host/certificates/identity.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { run } from "./run.ts";

const folder = mkdtempSync(join(tmpdir(), "nagare-geofeed-"));
const file = (name: string): string => join(folder, name);
const FEED = "192.0.2.0/25,US,US-AL,,\n192.0.2.5,US,US-AL,Alabaster,\n127.0.0.0/8,JP,JP-13,東京,\n";
let server: Server;
const lines: string[] = [];

beforeAll(async () => {
  writeFileSync(file("good.csv"), FEED);
  writeFileSync(file("bad.csv"), "192.0.2.0/24,US,,,\n# a comment\n10.0.0.0/8,US,,,\nx,USA,,\n192.0.2.0/24,PL,,,\n");
  (globalThis as { geoHandler?: unknown }).geoHandler = (request: Request) =>
    Response.json({ seen: clientLocationOf(request) ?? null, raw: request.headers.get("nagare-geo") });
  writeFileSync(
    file("nagare.config.mjs"),
    `export default { sites: { "*": { routes: [
      { path: "/geofeed.csv", geofeed: { file: "./good.csv", maxAge: "1h" } },
      { path: "/where", handler: globalThis.geoHandler, geo: { feed: "./good.csv", critical: true }, clientHints: ["Sec-CH-UA-Arch"] },
      { path: "/plain", handler: globalThis.geoHandler },
    ] } } };`,
  );
  const log = (line: string): void => void lines.push(line);
  const sites = await ConfiguredSites.open(file("x"), (await loadConfig(file("nagare.config.mjs"))).config, log);
  const identities = [loadIdentity(localhostIdentity)] as const;
  server = await startServer({ port: 0, host: "127.0.0.1", identities }, sites);
});
afterAll(async () => {
  await server.close({ timeout: 0 });
  rmSync(folder, { recursive: true, force: true });
});

test("check names what is wrong with its line, and fails for errors", async () => {
  const good = await run(["geofeed", "check", file("good.csv")]);
  expect([good.exitCode, good.stdout]).toEqual([0, "3 lines, 3 usable entries, 0 errors, 0 warnings\n"]);
  const bad = await run(["geofeed", "check", file("bad.csv"), "--json"]);
  expect(bad.exitCode).toBe(1);
  const { findings, errors, warnings } = JSON.parse(bad.stdout);
  expect([errors, warnings]).toEqual([4, 1]);
  expect(findings.map(({ line, code }: { line: number; code: string }) => `${line} ${code}`)).toEqual([
    "3 private",
    "4 prefix-invalid",
    "4 field-count",
    "4 country",
    "5 duplicate",
  ]);
  const shown = await run(["geofeed", "check", file("bad.csv")]);
  expect(shown.stdout).toContain(`bad.csv:4: error: "x" is not an address or prefix\n`);
  expect((await run(["geofeed", "check", file("none.csv")])).exitCode).toBe(1);
  expect((await run(["geofeed", "check", "http://example.com/feed.csv"])).exitCode).toBe(2);
});

test("lookup finds the longest prefix, and compares a hint", async () => {
  const found = await run([
    "geofeed",
    "lookup",
    "192.0.2.6",
    "--feed",
    file("good.csv"),
    "--hint",
    '"US,US-AL,Alabaster"',
  ]);
  expect([found.exitCode, found.stdout]).toEqual([
    0,
    "192.0.2.0/25 US,US-AL (line 1)\nthe hint is finer: use US,US-AL\n",
  ]);
  expect((await run(["geofeed", "lookup", "198.51.100.1", "--feed", file("good.csv")])).exitCode).toBe(1);
  expect((await run(["geofeed", "lookup", "nowhere", "--feed", file("good.csv")])).exitCode).toBe(2);
});

describe.each(["http/1.1", "h2", "h3"] as const)("over %s", (protocol) => {
  const connect = (hint?: string) =>
    createClient({
      protocols: [protocol],
      rejectUnauthorized: false,
      ...(hint === undefined ? {} : { clientHints: { "Sec-CH-IP-Geo": hint, "Sec-CH-Never": "1" } }),
    });

  test("a route publishes a feed, which check reads", async () => {
    await using client = connect();
    const url = new URL("/geofeed.csv", server.url).href;
    const response = await client.fetch(url);
    expect(await response.text()).toBe(FEED);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/csv; charset=utf-8",
      "cache-control": "max-age=3600",
    });
    const again = await client.fetch(url, { headers: { "if-none-match": response.headers.get("etag")! } });
    expect(again.status).toBe(304);
    if (protocol !== "h3") return;
    const checked = await run(["geofeed", "check", url, "-k"]);
    expect([checked.exitCode, checked.stdout]).toEqual([0, "3 lines, 3 usable entries, 0 errors, 0 warnings\n"]);
  });

  test("a client sends a critical hint again, once, and the handler gets it beside the feed", async () => {
    for (const [hint, verdict, location] of [
      [undefined, "none", { country: "JP", region: "JP-13", city: "東京" }],
      ['"JP"', "coarser", { country: "JP", region: "", city: "" }],
      ['"PL,PL-MZ"', "mismatch", { country: "JP", region: "JP-13", city: "東京" }],
      ["broken", "none", { country: "JP", region: "JP-13", city: "東京" }],
    ] as const) {
      await using client = connect(hint);
      let sent = 0;
      const options = { headers: { "nagare-geo": "verdict=equal" }, onSend: () => void (sent += 1) };
      const response = await client.fetch(new URL("/where", server.url), options);
      expect((await response.json()).seen).toEqual({ location, verdict });
      expect(sent).toBe(hint === undefined ? 1 : 2);
      expect(response.headers.get("accept-ch")).toBe("Sec-CH-UA-Arch, Sec-CH-IP-Geo");
      expect(response.headers.get("critical-ch")).toBe("Sec-CH-IP-Geo");
      expect(response.headers.get("vary")).toBe("sec-ch-ua-arch, sec-ch-ip-geo");
      await (await client.fetch(new URL("/where", server.url), options)).text();
      expect(sent).toBe(hint === undefined ? 2 : 3);
      const posted = connect(hint);
      const post = await posted.fetch(new URL("/where", server.url), { ...options, method: "POST" });
      expect((await post.json()).seen.verdict).toBe("none");
      await posted.close();
    }
  });

  test("a route without geo passes on what a client says as any other field, which means nothing to it", async () => {
    await using client = connect('"JP"');
    expect(await (await client.fetch(new URL("/plain", server.url))).json()).toEqual({ seen: null, raw: null });
  });
});

test("contradicting hints are reported, at 1, 10, 100 …", () => {
  expect(lines.filter((line) => line.includes("contradict")).length).toBe(1);
});

test("a broken feed is not published", async () => {
  writeFileSync(
    file("broken.json"),
    JSON.stringify({ sites: { "*": { routes: [{ path: "/f", geofeed: "bad.csv" }] } } }),
  );
  const { problems } = await checkConfig(file("broken.json"));
  expect(problems.map(({ message }) => message)).toEqual([
    expect.stringMatching(/bad\.csv:3: "10\.0\.0\.0\/8" is private.*; and 1 more: see nagare geofeed check$/),
  ]);
});
