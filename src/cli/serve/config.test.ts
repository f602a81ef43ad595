import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { openHttp2 } from "../../edge/testing/client.ts";
import { get } from "../../edge/testing/test-client.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { backendServer } from "../../host/memcache/testing/backend.ts";
import { Run } from "./testing/run.ts";

let folder: string;
const file = (name: string): string => join(folder, name);
const config = (body: string, listen: object = { port: 0, host: "127.0.0.1" }): object => ({
  listen,
  sites: { "*": { tls: { certFile: "cert.pem", keyFile: "key.pem" }, routes: [{ path: "/*", respond: { body } }] } },
});
const write = (value: object): void => writeFileSync(file("sites.json"), JSON.stringify(value));

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-config-cli-"));
  mkdirSync(file("site"));
  writeFileSync(file("cert.pem"), localhostIdentity.cert);
  writeFileSync(file("key.pem"), localhostIdentity.key);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serving(...args: string[]): Promise<{ run: Run; url: URL }> {
  const run = new Run(["serve", "--config", file("sites.json"), ...args]);
  const url = await run.url();
  closers.push(() => {
    run.signal("SIGTERM");
    run.signal("SIGTERM");
    return run.code;
  });
  return { run, url };
}

async function textOf(url: URL): Promise<string> {
  const client = await openHttp2(url);
  try {
    return await (await get(client, "/")).text();
  } finally {
    client.close();
  }
}

test("serves the sites of a file, reads it again when it changes and on SIGHUP, and keeps the last that works", async () => {
  write(config("first"));
  const { run, url } = await serving();
  expect(await textOf(url)).toBe("first");
  write(config("second"));
  await run.said("sites.json is in use");
  expect(await textOf(url)).toBe("second");
  write({ ...config("third"), sights: {} });
  await run.said("the previous configuration stays in use");
  expect(run.stderr).toMatch(/sites\.json:1:\d+: sights is unknown/);
  run.hangUp();
  expect(await textOf(url)).toBe("second");
});

test("flags win over the file", async () => {
  write(config("text", { port: 1, host: "203.0.113.1", http3: true }));
  const { url } = await serving("-p", "0", "-H", "127.0.0.1", "--no-h3");
  expect(await textOf(url)).toBe("text");
});

test.each<[args: string[], code: number, output: RegExp]>([
  [["serve", "--config", "none.json"], 2, /^nagare: none\.json: there is no such file: name one that exists$/m],
  [["serve", "--config", "none.json", "site"], 2, /a configuration file says what is served; leave out the target/],
  [["check-config", "none.json"], 2, /^none\.json: there is no such file/m],
])("%j exits with %i and says why", async (args, code, output) => {
  const run = new Run(args);
  expect(await run.code).toBe(code);
  expect(run.stderr).toMatch(output);
});

test("check-config prints each problem with its place, for people and for programs", async () => {
  write({ ...config("text", { port: -1 }), sights: {} });
  const people = new Run(["check-config", file("sites.json")]);
  expect(await people.code).toBe(2);
  expect(people.stderr.trim().split("\n")).toEqual([
    expect.stringMatching(/:1:\d+: listen\.port -1 is not a port/),
    expect.stringMatching(/:1:\d+: sights is unknown/),
  ]);
  const programs = new Run(["check-config", file("sites.json"), "--json"]);
  expect(await programs.code).toBe(2);
  expect(JSON.parse(programs.stdout)).toMatchObject({
    ok: false,
    problems: [
      { path: "listen.port", line: 1 },
      { path: "sights", line: 1 },
    ],
    warnings: [],
  });
  write(config("text"));
  const good = new Run(["check-config", file("sites.json")]);
  expect(await good.code).toBe(0);
  expect(good.stdout).toMatch(/sites\.json can be used: 1 site, 1 route$/m);
});

async function memcached(where: string): Promise<number> {
  const server = await backendServer(where);
  closers.push(() => server.stop());
  return server.port;
}

const pools = (port: number): object => ({
  pools: { a: { backends: [`127.0.0.1:${port}`] } },
  routes: { default: "a" },
});

test("a memcached proxy listens beside the sites, follows the file, and counts with them", async () => {
  const [first, second] = [await memcached("first"), await memcached("second")];
  const path = file("memcache.sock");
  write({ ...config("text"), memcache: { listen: path, ...pools(first) } });
  const { run, url } = await serving("--metrics-port", "0");
  expect(run.stderr).toContain(`nagare: memcached proxy on ${path}\n`);
  const client = connect(path);
  closers.push(() => client.destroy());
  const ask = async (): Promise<string> => {
    client.write("mg where v\r\n");
    return String((await once(client, "data"))[0]);
  };
  expect(await ask()).toBe("VA 5\r\nfirst\r\n");
  write({ ...config("other"), memcache: { listen: path, ...pools(second) } });
  await run.said("sites.json is in use");
  expect(await ask()).toBe("VA 6\r\nsecond\r\n");
  expect(await textOf(url)).toBe("other");
  const [, metrics] = /metrics on (\S+)/.exec(run.stderr)!;
  expect(await (await fetch(metrics!)).text()).toContain('nagare_memcache_requests_total{command="mg"} 2\n');
});

test.each([
  [{ pools: {}, routes: { default: "b" } }, /memcache cannot be used: there is no pool "b"/],
  [{ pools: {} }, /memcache\.routes is missing$/m],
  [{ ...pools(1), listen: "localhost:99999" }, /the port of localhost:99999 is not a number/],
  [{ ...pools(1), multigetErrors: "none" }, /memcache\.multigetErrors/],
])("memcache: %j is a problem of the configuration", async (memcache, words) => {
  write({ ...config("text"), memcache });
  const run = new Run(["check-config", file("sites.json")]);
  expect(await run.code).toBe(2);
  expect(run.stderr).toMatch(words);
});
