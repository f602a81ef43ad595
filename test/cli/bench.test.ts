// `nagare bench` against our own server: its reports, its errors and its exit codes.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serve } from "../../src/edge/serve.ts";
import type { Server } from "../../src/edge/server.ts";
import { testCertificate } from "../../src/host/client/testing/servers.ts";
import { run } from "./run.ts";

let directory: string;
let caFile: string;
let server: Server;
let url: string;
let onNever = () => {};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nagare-bench-"));
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

async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === "/missing") return new Response("no", { status: 404 });
  if (pathname === "/never") {
    onNever();
    return new Promise(() => {});
  }
  return new Response(`${request.method} ${request.headers.get("x-one")} ${(await request.arrayBuffer()).byteLength}`);
}

const bench = (...args: string[]) => run(["bench", "--cacert", caFile, ...args]);

describe("the result", () => {
  test.each(["h3", "h2", "http/1.1"])("as JSON, over %s", async (protocol) => {
    const { stdout, stderr, exitCode } = await bench("--json", "-n", "40", "-c", "2", "--protocol", protocol, url);
    expect([stderr, exitCode]).toEqual(["", 0]);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({
      ...{ url, protocol, method: "GET", connections: 2, streams: protocol === "http/1.1" ? 1 : 8, loop: "closed" },
      requests: { started: 40, completed: 40, failed: 0, unfinished: 0, unsent: 0 },
      bytes: { received: 40 * "GET null 0".length, sent: 0 },
      statuses: { 200: 40 },
      errors: [],
      connect: { opened: 2, failed: 0, count: 2 },
    });
    const { count, min, p50, p99, p99_9, max, histogram } = result.latency;
    expect([count, histogram.reduce((sum: number, [, , bin]: number[]) => sum + bin!, 0)]).toEqual([40, 40]);
    expect([min, p50, p99, p99_9, max]).toEqual([min, p50, p99, p99_9, max].sort((a, b) => a - b));
    expect(result.requestsPerSecond).toBeCloseTo(40 / result.seconds, 0);
  });

  test("for people: throughput, statuses, percentiles, the distribution", async () => {
    const { stdout, stderr, exitCode } = await bench("-n", "30", "-r", "1000", `${url}missing`);
    expect([stderr, exitCode]).toEqual(["", 0]);
    expect(stdout).toContain(`${url}missing  HTTP/3, 8 × 8 streams, 1,000 requests/s\n`);
    expect(stdout).toMatch(/^30 responses in \d+\.\d\d s: \d+ requests\/s, .*\/s received$/m);
    expect(stdout).toContain("status 404: 30\n");
    expect(stdout).toMatch(/^ +p50 +p75 +p90 +p99 +p99\.9 +max$/m);
    for (const row of ["latency", "service", "connect"])
      expect(stdout).toMatch(new RegExp(`^${row} (?: +\\S+ m?s){6}$`, "m"));
    expect(stdout).toMatch(/^< .*%.*█/m);
    expect(stdout).not.toContain("\x1b");
  });

  test("on a terminal, the view shows how far it is, and vanishes", async () => {
    const args = ["bench", "--cacert", caFile, "-D", "500ms", "-r", "200", url];
    const { stderr } = await run(args, { isTTY: true });
    expect(stderr).toContain("HTTP/3, 8 × 8 streams, 200 requests/s");
    expect(stderr).toMatch(/━*╌* [\d.]+ m?s {2}\d+ responses?, \d+ in progress/);
    expect(stderr).toMatch(/\/s now, .*\/s on average/);
    expect(stderr.endsWith("\x1b[3A\r\x1b[J")).toBe(true);
  });
});

describe("a request", () => {
  test("has the given method, fields and content", async () => {
    const file = join(directory, "content");
    await writeFile(file, "12345");
    const received = async (...args: string[]): Promise<number> =>
      JSON.parse((await bench("--json", "-n", "1", "-c", "1", ...args, url)).stdout).bytes.received;
    expect(await received("-X", "DELETE", "-H", "X-One: two")).toBe("DELETE two 0".length);
    expect(await received("-d", `@${file}`)).toBe("POST null 5".length);
    expect(await received("-X", "PUT", "--body-size", "100k")).toBe("PUT null 102400".length);
  });
});

describe("an end before the plan's", () => {
  test("Ctrl-C prints what was measured so far", async () => {
    const args = ["bench", "--cacert", caFile, "--json", "-n", "3", "-c", "1", "-m", "1", `${url}never`];
    const { stdout, exitCode } = await run(args, {
      interrupt: (send) => {
        onNever = () => send("SIGINT");
      },
    });
    expect(exitCode).toBe(130);
    expect(JSON.parse(stdout).requests).toEqual({ started: 1, completed: 0, failed: 0, unfinished: 1, unsent: 0 });
  });

  test("without any response, it has failed", async () => {
    const { stdout, exitCode } = await bench("-n", "2", "-c", "1", "--timeout", "100ms", `${url}never`);
    expect(exitCode).toBe(1);
    expect(stdout).toContain("2 failed\n");
    expect(stdout).toContain("2 × RESPONSE_TIMEOUT: no response within 0.1 s\n");
  });

  test("without a connection, one line says why", async () => {
    const { stdout, stderr, exitCode } = await run(["bench", "-n", "2", url]);
    expect([stdout, exitCode]).toEqual(["", 1]);
    expect(stderr).toMatch(/^nagare: certificate for localhost .*\n$/);
  });
});

describe("a mistake on the command line", () => {
  test.each<[args: string[], message: string]>([
    [[], "url is missing; see nagare bench --help"],
    [["http://localhost/"], "http://localhost/ has no TLS, which h3 needs; use https://, or --protocol http/1.1"],
    [["-c", "0", "URL"], "--connections 0 is not a number from 1 to 20000"],
    [["-c", "1e3", "URL"], "--connections 1e3 is not a number from 1 to 20000"],
    [["-m", "x", "URL"], "--streams x is not a number from 1 to 10000"],
    [
      ["--protocol", "http/1.1", "-m", "2", "URL"],
      "HTTP/1.1 has one request at a time on a connection; use more --connections instead of --streams",
    ],
    [["-r", "0", "URL"], "--rate 0 is not a number of requests per second; give one up to 1000000"],
    [["-r", "-5", "URL"], "--rate -5 is not a number of requests per second; give one up to 1000000"],
    [["-D", "0", "URL"], "--duration 0 is no time; give a longer one, such as 10s"],
    [["-D", "soon", "URL"], "--duration soon is not a duration; give one such as 10s or 500ms"],
    [["-n", "1.5", "URL"], "--requests 1.5 is not a number from 1 to 1000000000000"],
    [["-X", "GE T", "URL"], "-X GE T is not a method that can be measured; use GET, POST or another one"],
    [["-X", "CONNECT", "URL"], "-X CONNECT is not a method that can be measured; use GET, POST or another one"],
    [["-H", "no colon", "URL"], `-H "no colon" is not a field that can be set; write it as 'name: value'`],
    [
      ["-H", "content-length: 3", "URL"],
      `-H "content-length: 3" is not a field that can be set; write it as 'name: value'`,
    ],
    [["--body-size", "2G", "URL"], "--body-size 2G is too large; give at most 1G"],
    [
      ["-d", "x", "--body-size", "2", "URL"],
      "option '-d, --data <data>' cannot be used with option '--body-size <size>'; see nagare bench --help",
    ],
  ])("%j", async (args, message) => {
    const { stdout, stderr, exitCode } = await run(["bench", ...args.map((each) => (each === "URL" ? url : each))]);
    expect(stderr).toBe(`nagare: ${message}\n`);
    expect([stdout, exitCode]).toEqual(["", 2]);
  });

  test("a file that does not exist", async () => {
    const { stderr, exitCode } = await run(["bench", "-d", "@/nowhere/x", url]);
    expect([stderr, exitCode]).toEqual(["nagare: /nowhere/x: no such file or directory; check the path\n", 1]);
  });
});
