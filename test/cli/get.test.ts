import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DnsService } from "../../src/edge/dns/index.ts";
import { serve } from "../../src/edge/serve.ts";
import type { Server } from "../../src/edge/server.ts";
import { loadIdentity } from "../../src/host/certificates/index.ts";
import { makeAuthority } from "../../src/host/client/testing/certificates.ts";
import { serveHttps, type TestServer, testCertificate } from "../../src/host/client/testing/servers.ts";
import { problemsOf } from "../qlog/validate.ts";
import { run } from "./run.ts";

let directory: string;
let caFile: string;
/** Our own server, with all protocols. */
let server: Server;
let url: string;
/** Called when /never is requested. */
let onNever = () => {};

const BIG = Buffer.alloc(3 << 20, "nagare");

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nagare-get-"));
  const { authority, issued } = testCertificate();
  caFile = join(directory, "ca.pem");
  await writeFile(caFile, authority.ca);
  server = await serve({ port: 0, host: "127.0.0.1", ...issued, log: () => {} }, answer);
  url = `https://localhost:${server.port}/`;
});

afterAll(async () => {
  await server.close({ timeout: 0 });
  await rm(directory, { recursive: true });
});

async function answer(request: Request, { protocol }: { readonly protocol: string }): Promise<Response> {
  const { pathname } = new URL(request.url);
  const status = /^\/status\/(\d+)$/.exec(pathname)?.[1];
  if (status !== undefined) return new Response(`this is ${status}\n`, { status: Number(status) });
  if (pathname === "/big") return new Response(BIG);
  if (pathname === "/redirect") return new Response("moved\n", { status: 302, headers: { location: "/protocol" } });
  if (pathname === "/protocol") return new Response(protocol);
  if (pathname === "/gzip") return new Response(gzipSync("unpacked"), { headers: { "content-encoding": "gzip" } });
  if (pathname === "/never") {
    onNever();
    return new Promise(() => {});
  }
  if (pathname === "/terminal") return new Response("", { headers: { "x-evil": "\u009b31mred" } });
  const body = await request.text();
  const headers = Object.fromEntries(request.headers);
  return Response.json({ method: request.method, path: request.url.slice(url.length - 1), headers, body });
}

const get = (args: readonly string[], options?: Parameters<typeof run>[1]) =>
  run(["get", "--cacert", caFile, ...args], options);

/** Returns the request as the server received it. */
async function echoed(
  ...args: string[]
): Promise<{ method: string; path: string; headers: Record<string, string>; body: string }> {
  const { stdout, stderr, exitCode } = await get(args);
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  return JSON.parse(stdout);
}

describe("the request", () => {
  test("is a GET with our user-agent and without accept-encoding", async () => {
    const { method, path, headers } = await echoed(`${url}a?b=c`);
    expect({ method, path }).toEqual({ method: "GET", path: "/a?b=c" });
    expect(headers["user-agent"]).toMatch(/^nagare/);
    expect(headers).not.toHaveProperty("accept-encoding");
  });

  test("defaults to https://", async () => {
    expect(await echoed(`localhost:${server.port}/x`)).toMatchObject({ path: "/x" });
  });

  test("-X, -H and -A", async () => {
    const { method, headers } = await echoed("-X", "DELETE", "-H", "X-One: 1", "-H", "x-two:2", "-A", "me", url);
    expect(method).toBe("DELETE");
    expect(headers).toMatchObject({ "x-one": "1", "x-two": "2", "user-agent": "me" });
  });

  test("-d posts a form, joins several, and reads files and stdin", async () => {
    const file = join(directory, "data");
    await writeFile(file, "from\r\na=file\n");
    const { method, headers, body } = await echoed("-d", "x=1", "-d", `@${file}`, url);
    expect({ method, body }).toEqual({ method: "POST", body: "x=1&froma=file" });
    expect(headers["content-type"]).toBe("application/x-www-form-urlencoded");
    expect(await echoed("--data-binary", `@${file}`, url)).toMatchObject({ body: "from\r\na=file\n" });
    const { stdout } = await get(["-d", "@-", "-H", "content-type: text/x", url], { stdin: "typed" });
    expect(JSON.parse(stdout)).toMatchObject({ body: "typed", headers: { "content-type": "text/x" } });
  });

  test("-u, a user in the URL, and -r", async () => {
    const basic = `Basic ${Buffer.from("me:secret").toString("base64")}`;
    expect((await echoed("-u", "me:secret", url)).headers.authorization).toBe(basic);
    expect((await echoed(url.replace("//", "//me:secret@"))).headers.authorization).toBe(basic);
    expect((await echoed("-r", "0-99", url)).headers.range).toBe("bytes=0-99");
  });

  test.each([
    [["--http1.1"], "http/1.1"],
    [["--http2"], "h2"],
    [["--http3-only"], "h3"],
  ])("%s", async (flags, protocol) => {
    expect((await get([...flags, `${url}protocol`])).stdout).toBe(protocol);
  });

  test("--resolve", async () => {
    const { authority } = testCertificate();
    const named = authority.issue({ names: ["app.test"] });
    const other = await serveHttps((_request, response) => void response.end("found"), named);
    const entry = `app.test:${other.port}:127.0.0.1`;
    const { stdout } = await get(["--http2", "--resolve", entry, `https://app.test:${other.port}/`]);
    expect(stdout).toBe("found");
    await other.close();
  });
});

describe("the answer", () => {
  test("goes to stdout, byte for byte", async () => {
    const { bytes, stderr, exitCode } = await get([`${url}big`]);
    expect(bytes.equals(BIG)).toBe(true);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  });

  test("-o writes a file; a terminal sees progress on stderr", async () => {
    const file = join(directory, "big");
    const { stdout, stderr } = await get(["-o", file, `${url}big`], { isTTY: true });
    expect((await readFile(file)).equals(BIG)).toBe(true);
    expect(stdout).toBe("");
    expect(stderr).toContain("100 %");
    expect((await get(["-s", "-o", file, `${url}big`], { isTTY: true })).stderr).toBe("");
    expect((await get(["-o", file, `${url}big`])).stderr).toBe("");
  });

  test("-o to an unwritable file prints one line and exits with 23", async () => {
    const { exitCode, stderr } = await get(["-o", "/nowhere/file", url]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 23,
      stderr: "nagare: /nowhere/file: no such file or directory; check the path\n",
    });
  });

  test("-i and -I print the head", async () => {
    const { stdout } = await get(["--http2", "-i", `${url}status/404`]);
    expect(stdout).toMatch(/^HTTP\/2 404 \r\n(.+\r\n)+\r\nthis is 404\n$/);
    expect((await get(["-I", "--http1.1", `${url}big`])).stdout).toMatch(/^HTTP\/1\.1 200 OK\r\n(.+\r\n)+\r\n$/);
  });

  test("terminal escape sequences are not printed", async () => {
    const { stdout } = await get(["--http1.1", "-i", `${url}terminal`]);
    expect(stdout).toContain("x-evil: \\x9b31mred");
  });

  test("redirects are followed with -L", async () => {
    expect((await get(["--http2", `${url}redirect`])).stdout).toBe("moved\n");
    expect((await get(["--http2", "-L", `${url}redirect`])).stdout).toBe("h2");
  });

  test("only --compressed decodes content", async () => {
    expect((await get(["--compressed", `${url}gzip`])).stdout).toBe("unpacked");
    expect((await get([`${url}gzip`])).bytes.equals(gzipSync("unpacked"))).toBe(true);
  });

  test("several URLs, sequentially or in parallel", async () => {
    const urls = ["a", "b", "c"].map((name) => `${url}${name}`);
    const { stdout } = await get(["--json", ...urls]);
    const facts = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(facts.map((each) => each.url)).toEqual(urls);
    expect(facts.map((each) => each.reused)).toEqual([false, true, true]);
    const parallel = await get(["-Z", "--json", ...urls]);
    expect(parallel.stdout.trim().split("\n")).toHaveLength(3);
  });
});

describe("details of the exchange", () => {
  test.each([
    ["--http1.1", "http/1.1"],
    ["--http2", "h2"],
    ["--http3-only", "h3"],
  ])("--json %s", async (flag, protocol) => {
    const { stdout } = await get(["--json", flag, `${url}big`]);
    const facts = JSON.parse(stdout);
    expect(facts).toMatchObject({
      url: `${url}big`,
      status: 200,
      protocol,
      remoteAddress: "127.0.0.1",
      contentBytes: BIG.length,
    });
    const { lookupStart, handshakeEnd, requestStart, responseStart, responseEnd } = facts.timings;
    const moments = [lookupStart, handshakeEnd, requestStart, responseStart, responseEnd];
    expect(moments).toEqual([...moments].sort((a, b) => a - b));
  });

  test("--json keeps the body for -o", async () => {
    const file = join(directory, "json-body");
    const { stdout } = await get(["--json", "-o", file, `${url}big`]);
    expect(JSON.parse(stdout)).toMatchObject({ bodyBytes: BIG.length, output: file });
    expect((await stat(file)).size).toBe(BIG.length);
  });

  test("--congestion-control selects what --trace shows", async () => {
    const args = ["--trace", "--http3-only", `${url}big`];
    expect((await get(args)).stdout).toMatch(/congestion +CUBIC/);
    expect((await get(["--congestion-control", "bbr", ...args])).stdout).toMatch(/congestion +BBR/);
    expect(await get(["--congestion-control", "vegas", ...args])).toMatchObject({ exitCode: 2 });
  });

  test.each(["--http1.1", "--http2", "--http3-only"])("--trace %s is an aligned waterfall", async (flag) => {
    const { stdout } = await get(["--trace", flag, `${url}big`]);
    const phases = [
      "lookup",
      ...(flag === "--http3-only" ? [] : ["connect"]),
      "handshake",
      "request",
      "first byte",
      "transfer",
    ];
    const bars = stdout.split("\n").filter((line) => line.includes("━"));
    const names = bars.map((line) => line.slice(2, 14).trim()).filter((name) => name !== "waiting");
    expect(names.slice(0, phases.length)).toEqual(phases);
    // The race for the connection: questions and attempts.
    for (const name of names.slice(phases.length)) expect(name).toMatch(/^(A|AAAA|attempt \d)$/);
    expect(new Set(bars.map((line) => line.length)).size).toBe(1);
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(stdout).toContain("RTT");
    if (flag === "--http3-only") expect(stdout).toMatch(/packets +\d+ sent, \d+ received\n +loss/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: checks that there are no colors
    expect(stdout).not.toMatch(/\x1b/);
  });

  test("colors are only for terminals, and NO_COLOR is respected", async () => {
    const args = ["--trace", "--http2", url];
    expect((await get(args, { isTTY: true })).stdout).toContain("\x1b[");
    expect((await get(args, { isTTY: true, env: { NO_COLOR: "1" } })).stdout).not.toContain("\x1b[");
  });

  test("-v prints on stderr what is sent and received", async () => {
    const { stderr } = await get(["-v", "--http2", "-H", "x-mine: yes", `${url}protocol`]);
    expect(stderr).toContain("> GET /protocol HTTP/2\n");
    expect(stderr).toContain("> x-mine: yes\n");
    const order = [
      "* connected to",
      "* handshake in",
      "> GET /protocol",
      "> host: localhost",
      "> x-mine: yes",
      "> \n",
      "< HTTP/2 200",
    ];
    const places = order.map((each) => stderr.indexOf(each));
    expect(places).toEqual([...places].sort((one, other) => one - other));
    expect(places[0]).toBe(0);
    for (const field of ["> accept: */*\n", "> user-agent: nagare/"]) expect(stderr).toContain(field);
    expect(stderr).toMatch(/\* connected to 127\.0\.0\.1 port \d+\n\* handshake in .*TLS 1\.3/);
    expect(stderr).toContain("< HTTP/2 200 \n");
  });

  test("-v counts uploaded bytes, and shows each redirect", async () => {
    const { stderr } = await get(["-v", "--http1.1", "-L", "-d", "a=b", `${url}redirect`]);
    expect(stderr).toMatch(/> POST \/redirect HTTP\/1\.1\n[\s\S]*> content-length: 3\n> \n< HTTP\/1\.1 302/);
    expect(stderr).toMatch(
      /< \n\* https:.*answered 302, following to .*\n\* reusing the connection to .*\n> GET \/protocol/,
    );
  });

  test("--qlog and QLOGDIR record HTTP/3 connections", async () => {
    const [flag, env] = ["qlog-flag", "qlog-env"].map((name) => join(directory, name)) as [string, string];
    const byFlag = await get(["--http3-only", "--qlog", flag, "--qlog-dialect", "qvis", `${url}?secret`]);
    const byEnv = await get(["--http3-only", `${url}?secret`], { env: { QLOGDIR: env } });
    for (const [result, folder, format] of [
      [byFlag, flag, '"qlog_format":"JSON-SEQ"'],
      [byEnv, env, '"serialization_format":"application/qlog+json-seq"'],
    ] as const) {
      expect(result).toMatchObject({ exitCode: 0, stderr: "" });
      const names = await readdir(folder);
      expect(names.filter((name) => name.endsWith("_client.sqlog"))).toEqual(names);
      const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
      const text = texts.find((each) => each.includes('"frame_type":"headers"'))!;
      expect(text).toContain(format);
      expect(text).toContain('"value":"/?[redacted]"');
      // Complete, although the command has ended the connection itself.
      expect(text).toContain('"new":"closed"');
    }
  });

  test("QLOGFILE records all HTTP/3 connections in one file, and --qlog goes before it", async () => {
    const file = join(directory, "all.sqlog");
    expect(await get(["--http3-only", url], { env: { QLOGFILE: file } })).toMatchObject({ exitCode: 0, stderr: "" });
    const text = await readFile(file, "utf8");
    expect(problemsOf(text, "rfc")).toEqual([]);
    expect(text).toContain('"new":"closed"');
    const folder = join(directory, "qlog-before-file");
    await get(["--http3-only", "--qlog", folder, url], { env: { QLOGFILE: join(directory, "unused.sqlog") } });
    expect(await readdir(folder)).not.toEqual([]);
    expect(await readdir(directory)).not.toContain("unused.sqlog");
  });

  test("QLOGDIR and QLOGFILE together are an error", async () => {
    const result = await get(["--http3-only", url], { env: { QLOGDIR: directory, QLOGFILE: "all.sqlog" } });
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain("QLOGDIR and QLOGFILE are both set");
  });

  test("a folder for --qlog that cannot be written is a warning", async () => {
    const result = await get(["--http3-only", "--qlog", join(caFile, "folder"), url]);
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toBe(
      `nagare: qlog recording has ended: cannot write to ${join(caFile, "folder")}: it is not a folder\n`,
    );
  });

  test.each(["--http2", "--http3-only"])("--keylog and SSLKEYLOGFILE print a warning %s", async (flag) => {
    const file = join(directory, `keys${flag}`);
    const { stderr } = await get([flag, "--keylog", file, url]);
    expect(stderr).toContain(`writing TLS keys to ${file}`);
    const { stderr: again } = await get([flag, url], { env: { SSLKEYLOGFILE: file } });
    expect(again).toContain("(SSLKEYLOGFILE)");
    const lines = (await readFile(file, "utf8")).trim().split("\n");
    expect(lines.filter((line) => line.startsWith("SERVER_TRAFFIC_SECRET_0 "))).toHaveLength(2);
    expect((await stat(file)).mode & 0o077).toBe(0);
  });
});

describe("the exit code", () => {
  test("22 with -f from status 400, and no body", async () => {
    expect(await get(["-f", `${url}status/404`])).toMatchObject({
      exitCode: 22,
      stdout: "",
      stderr: expect.stringMatching(/^nagare: https:.*\/status\/404 answered 404[^\n]*\n$/),
    });
    expect(await get(["-f", `${url}status/500`])).toMatchObject({ exitCode: 22 });
    expect(await get(["-f", `${url}status/399`])).toMatchObject({ exitCode: 0 });
    expect(await get([`${url}status/404`])).toMatchObject({ exitCode: 0, stdout: "this is 404\n" });
  });

  test.each(["--http2", "--http3-only"])("60 for a certificate, with the reason %s", async (flag) => {
    const { exitCode, stderr } = await run(["get", flag, url]);
    expect(exitCode).toBe(60);
    expect(stderr).toMatch(
      /^nagare: certificate for localhost is issued by an authority this machine does not trust \(Test Authority\); [^\n]*--cacert[^\n]*\n$/,
    );
    expect(await run(["get", flag, "-k", url])).toMatchObject({ exitCode: 0 });
    const stranger = join(directory, "stranger.pem");
    await writeFile(stranger, makeAuthority("Stranger").ca);
    expect(await run(["get", flag, "--cacert", stranger, url])).toMatchObject({ exitCode: 60 });
  });

  test("7 for a closed port; -s prints nothing, -sS does", async () => {
    const closed: TestServer = await serveHttps(() => {});
    await closed.close();
    expect(await get(["--http2", closed.url])).toMatchObject({
      exitCode: 7,
      stderr: expect.stringContaining(`port ${closed.port}; check the port`),
    });
    expect(await get(["--http2", "-s", closed.url])).toMatchObject({ exitCode: 7, stderr: "" });
    expect((await get(["--http2", "-sS", closed.url])).stderr).toContain("nothing is listening");
  });

  test("28 after --max-time", async () => {
    const { exitCode, stderr } = await get(["--http2", "-m", "0.1", `${url}never`]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 28,
      stderr: "nagare: not finished within 0.1 s; allow more with --max-time\n",
    });
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s exits with %i, silently", async (signal, code) => {
    const interrupt = (send: (signal: "SIGINT" | "SIGTERM") => void) => {
      onNever = () => send(signal);
    };
    expect(await get(["--http2", `${url}never`], { interrupt })).toMatchObject({
      exitCode: code,
      stdout: "",
      stderr: "",
    });
  });

  test("with -Z, one failure is reported and the other transfers complete", async () => {
    const file = join(directory, "parallel");
    const { exitCode, stderr } = await get(["-Z", "-f", "-o", "-", "-o", file, `${url}status/404`, `${url}big`]);
    expect(exitCode).toBe(22);
    expect(stderr).toContain("answered 404");
    expect((await stat(file)).size).toBe(BIG.length);
  });
});

test("--hsts keeps hosts in curl's file, and turns http into https", async () => {
  const file = join(directory, "hsts");
  await writeFile(file, `localhost "unlimited"\n`);
  const { stdout, exitCode } = await get(["--hsts", file, "--", `http://localhost:${server.port}/protocol`]);
  expect([stdout, exitCode]).toEqual(["h3", 0]);
  expect(await readFile(file, "utf8")).toContain('\nlocalhost "unlimited"\n');
});

test("--alt-svc keeps alternative services in curl's file, and reports lines that it cannot read", async () => {
  const file = join(directory, "alt-svc");
  const line = `h2 localhost ${server.port} h3 localhost ${server.port} "20991231 23:59:59" 1 0`;
  await writeFile(file, `${line}\nh2 other.test 443 h2 alt.test 8443 "20991231 23:59:59" 0 0\n${"broken\n".repeat(7)}`);
  const { stdout, stderr, exitCode } = await get(["--alt-svc", file, "--", `${url}protocol`]);
  expect([stdout, exitCode]).toEqual(["h3", 0]);
  expect(stderr.match(/line \d+ is left out: it has not nine fields/g)).toHaveLength(5);
  expect(stderr).toContain("2 more lines are left out");
  const kept = await readFile(file, "utf8");
  expect(kept).toContain(`\n${line}\n`);
  expect(kept).toContain('\nh2 other.test 443 h2 alt.test 8443 "20991231 23:59:59" 0 0\n');
  // What a response says replaces what was known of its origin.
  await get(["--alt-svc", file, "--http2", "--", `${url}protocol`]);
  expect(await readFile(file, "utf8")).toMatch(/\nh2 localhost (\d+) h3 localhost \1 "20[2-8]\d{5} [\d:]{8}" 0 0\n/);
  expect(await get(["--alt-svc", "", "--hsts", "", "--", `${url}protocol`])).toMatchObject({ stderr: "", exitCode: 0 });
});

test("a resource that ends: one line on stderr, once; --ip-geo answers a server that asks", async () => {
  const { issued } = testCertificate();
  await using api = await serve({ port: 0, host: "127.0.0.1", ...issued, log: () => {} }, (request) => {
    const headers = new Headers({
      deprecation: "@1688169599",
      sunset: "Thu, 31 Dec 2099 23:59:59 GMT",
      link: '</why>; rel="deprecation", </v2>; rel="successor-version"',
      "accept-ch": "Sec-CH-IP-Geo",
      "critical-ch": "Sec-CH-IP-Geo",
    });
    return new Response(request.headers.get("sec-ch-ip-geo") ?? "-", { headers });
  });
  const at = `https://localhost:${api.port}`;
  const { stdout, stderr } = await get(["-w", "\n", "--", `${at}/v1?a`, `${at}/v1?b`]);
  expect(stdout).toBe("-\n-\n");
  const dates = "is deprecated since 2023-06-30";
  expect(stderr).toBe(
    `nagare: ${at}/v1 ${dates} (${at}/why); is expected to end on 2099-12-31; is replaced by ${at}/v2\n`,
  );
  expect(await get(["-s", "--ip-geo", "192.0.2.0/24,US,US-AL,Alabaster,", "--", `${at}/v1`])).toMatchObject({
    stderr: "",
  });
  const wrong = await get(["--ip-geo", "10.0.0.0/8,US,,,", "--", at]);
  expect(wrong).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("--ip-geo line 1") });
});

test("--interface takes an address or an interface, and fails with curl's code", async () => {
  for (const name of ["127.0.0.3", "host!127.0.0.3"]) {
    expect(await get(["--interface", name, "--", `${url}protocol`])).toMatchObject({ stdout: "h3", exitCode: 0 });
  }
  const results = await Promise.all(
    ["nosuch0", "if!nosuch0", "192.0.2.77"].map((name) => get(["--interface", name, "--", url])),
  );
  expect(results.map(({ exitCode }) => exitCode)).toEqual([45, 45, 45]);
  expect(results[0]!.stderr).toContain('"nosuch0" is neither an IP address nor an interface');
});

test("--doh-url looks names up by DNS over HTTPS, HTTPS records too, which turn http into https", async () => {
  const zone = join(directory, "example.test.zone");
  const record = `_${server.port}._https HTTPS 1 @ alpn=h2\n`;
  await writeFile(zone, `@ SOA ns h 1 2 3 4 5\n@ NS ns\n@ A 127.0.0.1\n@ AAAA ::1\n${record}`);
  await using dns = await DnsService.start({
    zones: [{ path: zone, origin: "example.test." }],
    host: "127.0.0.1",
    port: 0,
    httpsPort: 0,
    identity: loadIdentity(testCertificate().issued),
    watch: false,
    log: () => {},
    onFault: ({ error }) => console.error(error),
  });
  const doh = dns.addresses.url!.replace("127.0.0.1", "localhost");
  const there = `example.test:${server.port}/protocol`;
  // The record leaves out HTTP/3.
  for (const target of [`https://${there}`, `http://${there}`]) {
    expect(await get(["-k4", "--doh-url", doh, "--", target])).toMatchObject({ stdout: "h2", exitCode: 0 });
  }
  const unknown = await get(["--doh-url", doh, "--", "https://absent.example.test/"]);
  expect(unknown).toMatchObject({ exitCode: 6, stderr: expect.stringContaining("absent.example.test") });
  const wrong = await get(["--doh-url", `http://localhost/`, "--", url]);
  expect(wrong).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("is not an https URL") });
});
