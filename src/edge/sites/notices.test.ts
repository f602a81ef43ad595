/** Notices and preferences: of routes by configuration, of handlers by nagare/http, in metrics and the report; over every version of HTTP. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { announce, answerInTime, noticeOf, untilSunset } from "../../handler/index.ts";
import { loadIdentity } from "../../host/certificates/identity.ts";
import type { Context } from "../../host/http/fetch-context.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { loadConfig } from "../config/load.ts";
import type { DeprecatedUsage } from "../operations/index.ts";
import { type Server, startServer } from "../server.ts";
import { VERSIONS } from "../testing/client.ts";
import type { TestClient } from "../testing/test-client.ts";
import { checkConfig } from "./check.ts";
import { ConfiguredSites } from "./configured-sites.ts";

const folder = mkdtempSync(join(tmpdir(), "nagare-notices-"));
const file = join(folder, "nagare.config.mjs");
const given = globalThis as { noticeHandlers?: unknown };

const finish: (() => void)[] = [];
given.noticeHandlers = {
  code: () => announce(new Response("code"), { deprecation: 1_000, successor: "/v3/" }),
  ended: untilSunset({ sunset: new Date(0) }, () => new Response("never")),
  prefers: (_request: Request, { preferences }: Context) => {
    preferences.apply("return");
    return new Response(preferences.return === "minimal" ? null : "all", { headers: { vary: "accept" } });
  },
  ignores: () => new Response("same"),
  slow: (_request: Request, context: Context) =>
    answerInTime(
      context,
      "/results/1",
      () => new Promise((resolve) => finish.push(() => resolve(new Response("late")))),
    ),
};

const configuration = (origin: number): string => `
const { code, ended, prefers, ignores, slow } = globalThis.noticeHandlers;
export default { sites: { localhost: { routes: [
  { path: "/v1/*", respond: { body: "v1" }, deprecation: "2020-01-01", sunset: { date: "2021-01-01T00:00:00+01:00", link: "/policy" } },
  { path: "/v2/*", respond: { body: "v2" }, deprecation: { date: new Date("2999-01-01"), link: "/why", successor: "/v3/" } },
  { path: "/ended", respond: { body: "never" }, sunset: { date: "2021-01-01", gone: true, link: "/policy" } },
  { path: "/later", respond: { body: "still" }, sunset: { date: "2999-01-01", gone: true } },
  { path: "/code", handler: code, deprecation: "2020-01-01", headers: { "x-route": "1" } },
  { path: "/code-ended", handler: ended },
  { path: "/prefers", handler: prefers }, { path: "/ignores", handler: ignores }, { path: "/slow", handler: slow },
  { path: "/origin", proxy: "http://127.0.0.1:${origin}" },
  { path: "/*", files: { directory: "./usual", safe: "./safe" } },
] } } };`;

let server: Server;
const usage: DeprecatedUsage[] = [];
const origin = createServer((request, response) => {
  response.setHeader("deprecation", "@1").end(`origin: ${request.headers.prefer ?? "none"}`);
});

beforeAll(async () => {
  for (const [path, text] of Object.entries({
    "usual/a.txt": "usual a",
    "usual/b.txt": "usual b",
    "safe/a.txt": "safe a",
  })) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
  writeFileSync(file, configuration((origin.address() as AddressInfo).port));
  const sites = await ConfiguredSites.open(file, (await loadConfig(file)).config, () => undefined);
  const identities = [loadIdentity(localhostIdentity)] as const;
  server = await startServer(
    {
      port: 0,
      host: "127.0.0.1",
      identities,
      metrics: { port: 0 },
      deprecationReport: { caller: "X-API-Key", onReport: (lines) => usage.push(...lines) },
    },
    sites,
  );
});
afterAll(async () => {
  await server.close({ timeout: 0 });
  origin.close();
  rmSync(folder, { recursive: true, force: true });
});

describe.each(VERSIONS)("over %s", (_version, open) => {
  let client: TestClient;
  beforeAll(async () => {
    client = await open(server.url);
  });
  afterAll(() => client.close());

  const ask = async (path: string, headers: Record<string, string> = {}) => {
    const response = await client.request({ path, headers: { "user-agent": "test", ...headers } }).response;
    const { "content-length": _length, date: _date, ...rest } = response.headers;
    return { status: response.status, headers: rest, text: await response.text() };
  };

  test("a route announces its deprecation and sunset, and ends when asked to", async () => {
    const first = await ask("/v1/users?id=1", { "x-api-key": "secret" });
    expect(first).toMatchObject({ status: 200, text: "v1" });
    expect(first.headers).toMatchObject({
      deprecation: "@1577836800",
      sunset: "Thu, 31 Dec 2020 23:00:00 GMT",
      link: '</policy>; rel="sunset"',
    });
    expect((await ask("/v2/")).headers).toMatchObject({
      deprecation: "@32472144000",
      link: '</why>; rel="deprecation"; type="text/html", </v3/>; rel="successor-version"',
    });
    const ended = await ask("/ended");
    expect([ended.status, ended.headers.link]).toEqual([410, '</policy>; rel="sunset"']);
    expect(ended.text).toBe("410 Gone: this resource ended on Fri, 01 Jan 2021 00:00:00 GMT\n");
    expect(await ask("/later")).toMatchObject({ status: 200, text: "still" });
  });

  test("a handler announces too, and its date counts before that of the route", async () => {
    const { status, headers } = await ask("/code");
    expect([status, headers.deprecation, headers["x-route"]]).toEqual([200, "@1", "1"]);
    expect(noticeOf({ headers })).toMatchObject({ deprecation: 1_000, successor: "/v3/", problems: [] });
    const ended = await ask("/code-ended");
    expect([ended.status, ended.headers.sunset]).toEqual([410, "Thu, 01 Jan 1970 00:00:00 GMT"]);
  });

  test("a handler reads preferences, and its responses vary with or without them", async () => {
    const minimal = await ask("/prefers", { prefer: "Return=minimal; a=1, return=representation" });
    expect(minimal).toMatchObject({ text: "", headers: { "preference-applied": "return=minimal" } });
    const plain = await ask("/prefers");
    expect([plain.text, plain.headers["preference-applied"]]).toEqual(["all", undefined]);
    for (const { headers } of [minimal, plain]) expect(headers.vary).toBe("accept, prefer");
    expect((await ask("/ignores", { prefer: "safe" })).headers.vary).toBeUndefined();
  });

  test("respond-async gets a 202, and others wait", async () => {
    const accepted = await ask("/slow", { prefer: "respond-async, wait=0" });
    expect([accepted.status, accepted.headers.location, accepted.headers["preference-applied"]]).toEqual([
      202,
      "/results/1",
      "respond-async, wait=0",
    ]);
    finish.pop()!();
    const waiting = ask("/slow");
    while (finish.length === 0) await new Promise(setImmediate);
    finish.pop()!();
    expect(await waiting).toMatchObject({ status: 200, text: "late", headers: { vary: "prefer" } });
  });

  test("files have a safe variant, and the rest of the folder stays", async () => {
    const rows = [];
    for (const [path, prefer] of [
      ["/a.txt", undefined],
      ["/a.txt", "SAFE"],
      ["/b.txt", "safe"],
      ["/c.txt", "safe"],
      ["/c.txt", undefined],
    ] as const) {
      const { status, headers, text } = await ask(path, prefer === undefined ? {} : { prefer });
      expect([path, headers.vary]).toEqual([path, expect.stringMatching(/(?:^|, )prefer$/)]);
      rows.push([status, text.trim(), headers["preference-applied"]]);
    }
    expect(rows).toEqual([
      [200, "usual a", undefined],
      [200, "safe a", "safe"],
      [200, "usual b", undefined],
      [404, "404 Not Found", undefined],
      [404, "404 Not Found", undefined],
    ]);
  });

  test("an origin gets preferences (RFC 7240 §2), and what it deprecates counts", async () => {
    expect(await ask("/origin", { prefer: "handling=strict" })).toMatchObject({
      text: "origin: handling=strict",
      headers: { deprecation: "@1" },
    });
  });
});

test("metrics count by state, and the report says who calls, without their keys", async () => {
  const metrics = await (await fetch(server.metricsUrl!)).text();
  const counted = [...metrics.matchAll(/nagare_deprecated_requests_total\{site="(\w+)",state="(\w+)"\} (\d+)/g)].map(
    ([, site, state, count]) => `${site} ${state} ${count}`,
  );
  expect(counted.sort()).toEqual([
    "localhost announced 6",
    "localhost deprecated 6",
    "localhost gone 6",
    "localhost sunset 3",
  ]);
  await server.close({ timeout: 0 });
  const line = usage.find(({ route }) => route === "/v1/*");
  expect(line).toMatchObject({
    site: "localhost",
    state: "sunset",
    address: "127.0.0.0",
    userAgent: "test",
    requests: 3,
  });
  expect(line!.caller).toMatch(/^sha256:[0-9a-f]{16}$/);
  expect(usage.map(({ route }) => route)).toEqual(expect.arrayContaining(["/v2/*", "/ended", "/code", "/origin"]));
});

test("broken dates in a configuration are named with their places", async () => {
  const path = join(folder, "broken.config.json");
  const routes = [
    { path: "/1", respond: 204, sunset: "2027-02-30" },
    { path: "/2", respond: 204, sunset: "30 June 2027" },
    { path: "/3", respond: 204, deprecation: "2027-06-30T12:00" },
    { path: "/4", respond: 204, deprecation: 5 },
    { path: "/5", respond: 204, sunset: { gone: true } },
    { path: "/6", respond: 204, deprecation: { link: "a b" } },
    { path: "/7", respond: 204, deprecation: "2027-06-30", sunset: "2027-01-01" },
  ];
  writeFileSync(path, JSON.stringify({ sites: { "*": { routes } } }));
  const { problems } = await checkConfig(path);
  expect(problems.map(({ path, message }) => `${path} ${message}`)).toEqual([
    expect.stringContaining('routes[0].sunset "2027-02-30" is not a date: give one such as "2027-06-30"'),
    expect.stringContaining('routes[1].sunset "30 June 2027" is not a date'),
    expect.stringContaining('routes[2].deprecation "2027-06-30T12:00" is not a date'),
    expect.stringContaining("routes[3].deprecation"),
    expect.stringContaining("routes[4].sunset"),
    expect.stringContaining('routes[5].deprecation.link "a b" is not a URL or path'),
    expect.stringContaining("routes[6].sunset sunset is before deprecation"),
  ]);
});
