import { once } from "node:events";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer as createHttpServer, get as httpGet, type IncomingMessage } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createClient } from "../../client/index.ts";
import { openHttp2 } from "../../edge/testing/client.ts";
import { get } from "../../edge/testing/test-client.ts";
import type { IdentitySource } from "../../host/certificates/identity.ts";
import { expiredIdentity, localhostIdentity, otherIdentity } from "../../host/http/testing/identities.ts";
import { Run } from "./testing/run.ts";

let folder: string;
const file = (name: string): string => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-serve-"));
  mkdirSync(file("site"));
  writeFileSync(file("site/index.html"), "<h1>site</h1>");
  writeFileSync(file("cert.pem"), localhostIdentity.cert);
  writeFileSync(file("key.pem"), localhostIdentity.key);
  writeFileSync(file("other.key"), otherIdentity.key);
  writeFileSync(file("expired.pem"), expiredIdentity.cert);
  writeFileSync(
    file("app.mjs"),
    'export default { fetch: (request, { protocol }) => new Response("module over " + protocol) };',
  );
  writeFileSync(
    file("app.ts"),
    "enum Word { Hello = 'typed' }\nexport default (request: Request): Response => new Response(Word.Hello);",
  );
  writeFileSync(file("nothing.mjs"), "export default 42;");
  writeFileSync(file("broken.mjs"), "throw new Error('no database');");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Starts a server that is stopped after the test. */
async function serving(
  args: readonly string[],
  env?: Record<string, string>,
  pair: readonly string[] = ["--cert", file("cert.pem"), "--key", file("key.pem")],
): Promise<{ run: Run; url: URL }> {
  const run = new Run([...args, "-p", "0", "-H", "127.0.0.1", ...pair], env);
  const url = await run.url();
  closers.push(() => {
    run.signal("SIGTERM");
    run.signal("SIGTERM");
    return run.code;
  });
  return { run, url };
}

async function textOf(url: URL, path = "/"): Promise<string> {
  const client = await openHttp2(url);
  try {
    return await (await get(client, path)).text();
  } finally {
    client.close();
  }
}

test("serves a folder, prints the URL on its own line, and exits with 0 when stopped", async () => {
  const { run, url } = await serving(["serve", file("site")]);
  expect(run.stdout).toBe(`https://127.0.0.1:${url.port}/\n`);
  expect(await textOf(url)).toBe("<h1>site</h1>");
  run.signal("SIGINT");
  expect(await run.code).toBe(0);
});

test("a second signal exits immediately", async () => {
  const { run, url } = await serving(["serve", file("app.mjs"), "--grace", "1h"]);
  const client = await openHttp2(url);
  const upload = client.request({ method: "POST", streaming: true });
  await upload.send("unfinished");
  run.signal("SIGTERM");
  run.signal("SIGTERM");
  expect(await run.code).toBe(143);
  client.close();
});

test("serves modules, including TypeScript", async () => {
  expect(await textOf((await serving(["serve", file("app.mjs")])).url)).toBe("module over h2");
  expect(await textOf((await serving(["serve", file("app.ts")])).url)).toBe("typed");
});

test("prints one object per event with --json", async () => {
  const { run, url } = await serving(["serve", file("site"), "--json"]);
  await textOf(url, "/index.html");
  run.signal("SIGTERM");
  expect(await run.code).toBe(0);
  const events = run.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(events).toMatchObject([
    { event: "listening", url: url.href, protocols: expect.arrayContaining(["h2", "http/1.1"]) },
    { event: "request", protocol: "h2", method: "GET", path: "/index.html", status: 200, aborted: false },
    { event: "closed" },
  ]);
});

test("writes a line for each request with --log", async () => {
  const { run, url } = await serving(["serve", file("site"), "--log"]);
  await textOf(url, "/index.html?a=%1b");
  run.signal("SIGTERM");
  expect(await run.code).toBe(0);
  expect(run.stderr).toMatch(/^\S+Z 127\.0\.0\.1 h2 GET localhost:\d+\/index\.html\?a=\* 200 [\d.]+ ms$/m);
});

test("serves no HTTP/3 with --no-h3, and tells clients to forget it", async () => {
  const { run, url } = await serving(["serve", file("site"), "--no-h3", "--json"]);
  expect(JSON.parse(run.stdout)).toMatchObject({ event: "listening", protocols: ["h2", "http/1.1"] });
  const client = await openHttp2(url);
  expect((await get(client, "/")).headers["alt-svc"]).toBe("clear");
  client.close();
});

test("uses --public-port in Alt-Svc and redirects", async () => {
  const { run, url } = await serving([
    ...["serve", file("site"), "--public-port", "443", "--alt-svc-max-age", "2m", "--http-port", "0", "--json"],
  ]);
  const client = await openHttp2(url);
  expect((await get(client, "/")).headers["alt-svc"]).toBe('h3=":443"; ma=120');
  client.close();
  const { httpPort } = JSON.parse(run.stdout.split("\n")[0]!) as { httpPort: number };
  const headers = { host: "shop.example:80" };
  const response = await new Promise<IncomingMessage>((resolve) =>
    httpGet({ host: "127.0.0.1", port: httpPort, path: "/a", headers }, resolve),
  );
  expect(response.headers.location).toBe("https://shop.example/a");
  response.resume();
});

test("listens on loopback only with a development certificate, and on all addresses with --name", async () => {
  const hosts = async (...args: string[]) => {
    const run = new Run(["serve", file("site"), "-p", "0", "--json", ...args]);
    await run.url();
    run.signal("SIGTERM");
    expect(await run.code).toBe(0);
    const [first] = run.stdout.split("\n");
    const { addresses } = JSON.parse(first!) as { addresses: { address: string }[] };
    return addresses.map(({ address }) => address);
  };
  for (const address of await hosts()) expect(["127.0.0.1", "::1"]).toContain(address);
  for (const address of await hosts("--name", "Phone.test")) expect(["0.0.0.0", "::"]).toContain(address);
});

test("--name makes a certificate for that name, and prints the URL", async () => {
  const run = new Run([
    "serve",
    file("site"),
    "-p",
    "0",
    "-H",
    "127.0.0.1",
    "--name",
    "app.test",
    "--name",
    "192.0.2.7",
  ]);
  const { port } = await run.url();
  expect(run.stdout.split("\n")).toEqual([
    `https://127.0.0.1:${port}/`,
    `https://app.test:${port}/`,
    `https://192.0.2.7:${port}/`,
    "",
  ]);
  const socket = connectTls({
    host: "127.0.0.1",
    port: Number(port),
    servername: "app.test",
    rejectUnauthorized: false,
  });
  await once(socket, "secureConnect");
  expect(socket.getPeerX509Certificate()!.subjectAltName).toContain("DNS:app.test, IP Address:192.0.2.7");
  socket.destroy();
  run.signal("SIGTERM");
  expect(await run.code).toBe(0);
});

test("proxies to an origin", async () => {
  const origin = createHttpServer((request, response) => response.end(`origin has ${request.url}`));
  origin.listen(0, "127.0.0.1");
  await once(origin, "listening");
  closers.push(() => origin.close());
  const { url } = await serving(["proxy", String((origin.address() as AddressInfo).port)]);
  expect(await textOf(url, "/x")).toBe("origin has /x");
});

test("redirects plain HTTP", async () => {
  const { run, url } = await serving(["serve", file("site"), "--http-port", "0", "--json"]);
  const { httpPort } = JSON.parse(run.stdout.split("\n")[0]!);
  const [response] = (await once(
    httpGet({ host: "127.0.0.1", port: httpPort, path: "/a?b", headers: { host: `localhost:${httpPort}` } }),
    "response",
  )) as [IncomingMessage];
  response.resume();
  expect([response.statusCode, response.headers.location]).toEqual([308, `https://localhost:${url.port}/a?b`]);
  const [bad] = (await once(
    httpGet({ host: "127.0.0.1", port: httpPort, headers: { host: "evil@example" } }),
    "response",
  )) as [IncomingMessage];
  bad.resume();
  expect(bad.statusCode).toBe(400);
});

test("logs keys on request, with a warning", async () => {
  const { run, url } = await serving(["serve", file("site"), "--keylog", file("keys.log")]);
  expect(run.stderr).toContain("WRITING TLS KEYS");
  await textOf(url);
  expect(readFileSync(file("keys.log"), "latin1")).toMatch(/^SERVER_TRAFFIC_SECRET_0 [0-9a-f]{64} [0-9a-f]{64,96}$/m);
  expect(statSync(file("keys.log")).mode & 0o777).toBe(0o600);
});

test.each([
  ["--qlog", (folder: string) => ({ args: ["--qlog", folder], env: {} })],
  ["QLOGDIR", (folder: string) => ({ args: [], env: { QLOGDIR: folder } })],
])("%s records HTTP/3 connections until the server has stopped", async (name, given) => {
  const recordings = file(`recordings${name}`);
  const { args, env } = given(recordings);
  const { run, url } = await serving(["serve", file("site"), ...args], env);
  const client = createClient({ protocols: ["h3"], ca: localhostIdentity.cert, resolve: () => ["127.0.0.1"] });
  await (await client.fetch(url)).text();
  run.signal("SIGTERM");
  expect(await run.code).toBe(0);
  await client.close();
  const [recording, ...others] = readdirSync(recordings);
  expect(recording).toMatch(/^[0-9a-f]+_server\.sqlog$/);
  expect(others).toEqual([]);
  expect(readFileSync(join(recordings, recording!), "utf8")).toContain('"new":"closed"');
});

test("QLOGFILE records all HTTP/3 connections in one file", async () => {
  const { run, url } = await serving(["serve", file("site")], { QLOGFILE: file("all.sqlog") });
  for (let count = 0; count < 2; count += 1) {
    const client = createClient({ protocols: ["h3"], ca: localhostIdentity.cert, resolve: () => ["127.0.0.1"] });
    await (await client.fetch(url)).text();
    await client.close();
  }
  run.signal("SIGTERM");
  expect(await run.code).toBe(0);
  const groups = readFileSync(file("all.sqlog"), "utf8").match(/(?<="group_id":)"[0-9a-f]+"/g);
  expect(new Set(groups).size).toBe(2);
});

test("respects SSLKEYLOGFILE on loopback only", async () => {
  const local = await serving(["serve", file("site")], { SSLKEYLOGFILE: file("env.log") });
  expect(local.run.stderr).toContain(`WRITING TLS KEYS to ${file("env.log")}`);
  const files = ["--cert", file("cert.pem"), "--key", file("key.pem")];
  const open = new Run(["serve", file("site"), "-p", "0", "-H", "::", ...files], { SSLKEYLOGFILE: file("env2.log") });
  await open.url();
  expect(open.stderr).toContain("SSLKEYLOGFILE is ignored unless the server listens on loopback");
  expect(statSync(file("env2.log"), { throwIfNoEntry: false })).toBeUndefined();
  open.signal("SIGTERM");
  expect(await open.code).toBe(0);
});

test("prints one line that says what is wrong and what to do", async () => {
  const taken = createServer();
  taken.listen(0, "127.0.0.1");
  await once(taken, "listening");
  closers.push(() => taken.close());
  const busy = String((taken.address() as AddressInfo).port);
  symlinkSync(file("elsewhere.log"), file("link.log"));
  writeFileSync(file("open.log"), "");
  chmodSync(file("open.log"), 0o666);
  const identity = ["--cert", file("cert.pem"), "--key", file("key.pem")];
  const cases: [args: string[], code: number, line: RegExp][] = [
    [
      ["serve", file("site"), "-p", busy, ...identity],
      1,
      /TCP port \d+ is in use: stop the program that uses it, or choose another/,
    ],
    [["serve", file("none")], 2, /there is no folder .*none: name one that exists/],
    [["serve", file("none.ts")], 2, /there is no file .*none\.ts/],
    [["serve", file("site/index.html")], 2, /neither a folder nor a module/],
    [["serve", file("nothing.mjs")], 2, /exports no handler/],
    [["serve", file("broken.mjs")], 2, /cannot load .*broken\.mjs: .*no database/],
    [["serve", "--name", "a/b", file("site")], 2, /--name a\/b is not a host name/],
    [["serve", "--name", "a.test", ...identity, file("site")], 2, /--name with --cert/],
    [["serve", "--public-port", "0x1", file("site")], 2, /--public-port 0x1 is not a port/],
    [["serve", "--public-port", "0", file("site")], 2, /--public-port 0 is not a port; give a number from 1 to 65535/],
    [["serve", "-p", "70000"], 2, /--port 70000 is not a port/],
    [["serve", "--grace", "soon"], 2, /--grace soon is not a duration/],
    [["serve", "--stall-timeout", "never"], 2, /--stall-timeout never is not a duration/],
    [["serve", "--memory-limit", "much"], 2, /--memory-limit much is not a size/],
    [["serve", "--memory-limit", "0"], 2, /--memory-limit 0 is not a size/],
    [["serve", file("site"), "--stall-timeout", "0", ...identity], 2, /stallTimeout 0 is not a limit/],
    [["serve", "--cert", file("cert.pem"), file("site")], 2, /--cert without --key/],
    [
      ["serve", "--cert", file("cert.pem"), "--key", file("none"), file("site")],
      2,
      /cannot read the key .*none: there is no such file/,
    ],
    [
      ["serve", "--cert", file("cert.pem"), "--key", file("cert.pem"), file("site")],
      2,
      /the key .*cert\.pem is not a private key/,
    ],
    [
      ["serve", "--cert", file("cert.pem"), "--key", file("other.key"), file("site")],
      2,
      /the key .*other\.key does not belong to the certificate/,
    ],
    [
      ["serve", "--cert", file("site"), "--key", file("key.pem"), file("site")],
      2,
      /cannot read the certificate .*site: it is a folder/,
    ],
    [
      ["serve", "--cert", file("broken.mjs"), "--key", file("key.pem"), file("site")],
      2,
      /the certificate .*broken\.mjs is not PEM text$/m,
    ],
    [["serve", "--cert", file("expired.pem"), "--key", file("key.pem"), file("site")], 2, /expired on 2020/],
    [["serve", file("site"), "--keylog", file("link.log"), ...identity], 2, /symbolic link/],
    [["serve", file("site"), "--keylog", file("open.log"), ...identity], 2, /writable by all users; run: chmod 600/],
    [["serve", file("site"), "--keylog", file("none/keys"), ...identity], 2, /its folder does not exist/],
    [["proxy"], 2, /origin is missing; see nagare proxy --help/],
    [["proxy", "ftp://x"], 2, /ftp:\/\/x is not an origin/],
    [["proxy", "3000", "--balance", "random"], 2, /balance random is unknown: give round-robin/],
    [["proxy", "3000", "--health-check", "health"], 2, /healthCheck.path health is not a path/],
    [["proxy", "3000", "--retries", "x"], 2, /--retries x is not a number/],
    [["proxy", "3000", "--origin-proxy-protocol", "3"], 2, /--origin-proxy-protocol 3 is not a version/],
    [["proxy", "3000", "--trusted-proxies", "10.0.0.0/40"], 2, /trustedProxies: "10.0.0.0\/40" is not an address/],
    [["proxy", "3000", "--proxy-protocol", "x"], 2, /proxyProtocol.trusted: "x" is not an address/],
    [
      ["serve", file("site"), "-H", "203.0.113.7", "-p", "0", ...identity],
      1,
      /203\.0\.113\.7 is not an address of this machine/,
    ],
  ];
  for (const [args, code, line] of cases) {
    const run = new Run(args.includes("-H") ? args : [...args, "-H", "127.0.0.1"]);
    expect([args, await run.code]).toEqual([args, code]);
    expect(run.stderr).toMatch(line);
    expect(run.stderr.trimEnd().split("\n").at(-1)).toMatch(/^nagare: /);
    expect(run.stdout).toBe("");
  }
});

describe("new certificate files", () => {
  const place = (name: string, { cert, key }: IdentitySource): readonly string[] => {
    writeFileSync(file(`${name}.pem`), cert);
    writeFileSync(file(`${name}.key`), key);
    return ["--cert", file(`${name}.pem`), "--key", file(`${name}.key`)];
  };
  const namesOf = async ({ port }: URL): Promise<string | undefined> => {
    const socket = connectTls({ host: "127.0.0.1", port: Number(port), rejectUnauthorized: false });
    await once(socket, "secureConnect");
    const { subjectaltname } = socket.getPeerCertificate();
    socket.destroy();
    return subjectaltname;
  };

  test("are used without a signal", async () => {
    const { run, url } = await serving(["serve", file("site")], {}, place("watched", localhostIdentity));
    place("watched", otherIdentity);
    await run.said("new certificate for *.example.test");
    expect(await namesOf(url)).toContain("example.test");
  });

  test("are used on SIGHUP with --no-watch; unusable ones are not, and say why", async () => {
    const pair = place("signalled", localhostIdentity);
    const { run, url } = await serving(["serve", file("site"), "--no-watch"], {}, pair);
    writeFileSync(file("signalled.pem"), otherIdentity.cert);
    run.hangUp();
    await run.said("nagare: the previous certificate stays in use: the key");
    expect(await namesOf(url)).toContain("localhost");
    place("signalled", otherIdentity);
    run.hangUp();
    await run.said("new certificate for *.example.test");
    expect(await namesOf(url)).toContain("example.test");
  });

  test("are events with --json: replaced, kept and why, unchanged", async () => {
    const pair = place("events", localhostIdentity);
    const { run } = await serving(["serve", file("site"), "--json", "--no-watch"], {}, pair);
    const events = () =>
      run.stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line))
        .filter(({ event }) => event === "reload");
    run.hangUp();
    await run.said('"outcome":"unchanged"');
    writeFileSync(file("events.pem"), otherIdentity.cert);
    run.hangUp();
    await run.said('"outcome":"kept"');
    place("events", otherIdentity);
    run.hangUp();
    await run.said('"outcome":"replaced"');
    expect(events()).toEqual([
      { event: "reload", outcome: "unchanged" },
      {
        event: "reload",
        outcome: "kept",
        code: "KEY_MISMATCH",
        reason: expect.stringContaining("does not belong to the certificate"),
      },
      {
        event: "reload",
        outcome: "replaced",
        certificates: [
          { names: expect.arrayContaining(["*.example.test"]), notAfter: expect.stringMatching(/^2.*Z$/) },
        ],
      },
    ]);
  });
});
