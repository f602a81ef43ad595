import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { serve } from "../../src/edge/serve.ts";
import { nameServer } from "../../src/host/dns/testing/name-server.ts";
import { freePort } from "../../src/host/udp/free-port.ts";
import { run } from "./run.ts";
import { whileRunning } from "./while-running.ts";

const folder = mkdtempSync(join(tmpdir(), "nagare-cli-dns-"));
afterAll(() => rmSync(folder, { recursive: true }));

const LINES = ["a.test. 300 HTTPS 1 . alpn=h3,h2 port=8443", "b.test. 60 CNAME a.test.", "a.test. 60 A 192.0.2.1"];

test("prints records as in a zone file", async () => {
  await using server = await nameServer(LINES);
  const at = ["@127.0.0.1", "-p", String(server.udp.port)];
  const { stdout, exitCode } = await run(["dns", "query", "a.test", "https", ...at]);
  expect(stdout).toContain("a.test.\t300\tIN\tHTTPS\t1 . alpn=h3,h2 port=8443\n");
  expect(exitCode).toBe(0);
  const alias = await run(["dns", "query", "b.test.", ...at, "--tcp", "--json", "--trace"]);
  expect(JSON.parse(alias.stdout)).toMatchObject({
    name: "b.test.",
    type: "A",
    kind: "records",
    canonicalName: "a.test.",
    records: ["a.test.\t60\tIN\tA\t192.0.2.1"],
    trace: expect.arrayContaining([
      expect.objectContaining({ type: "dns:query_sent", over: "tcp", name: "b.test." }),
      expect.objectContaining({ type: "dns:query_sent", over: "tcp", name: "a.test." }),
      expect.objectContaining({ type: "dns:answered", from: "network" }),
    ]),
  });
  const absent = await run(["dns", "query", "absent.test", ...at]);
  expect(absent).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("absent.test. does not exist") });
});

test("says why there is no answer, and what is wrong with the arguments", async () => {
  const server = await nameServer([]);
  await server[Symbol.asyncDispose]();
  const failed = await run(["dns", "query", "a.test", "@127.0.0.1", "-p", String(server.udp.port)]);
  expect(failed).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("no server answered") });
  for (const [args, message] of [
    [["a..b"], "a label is empty"],
    [["a.test", "NONSENSE"], "neither a record type nor @SERVER"],
    [["a.test", "-p", "0"], "not a port"],
    [["a.test", "--timeout", "x"], "--timeout"],
  ] as const) {
    const { exitCode, stderr } = await run(["dns", "query", ...args]);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(message)]);
  }
});

test("nagare get --trace shows each question, each attempt and each decision", async () => {
  const site = await serve({ port: 0, host: "127.0.0.1", log: () => {} }, () => new Response("hello"));
  const nothing = await freePort();
  await using names = await nameServer([
    `_${nothing}._https.localhost. 60 HTTPS 1 localhost. alpn=h3,h2 port=${site.port}`,
  ]);
  try {
    const url = `https://localhost:${nothing}/`;
    const records = ["--https-records", `127.0.0.1:${names.udp.port}`, "--happy-eyeballs-timeout-ms", "2000"];
    const traced = await run(["get", "-k", "--http2", "--trace", ...records, "--", url]);
    expect(traced.stdout).toMatch(/HTTPS +[━╌]+ .*ms\n/);
    expect(traced.stdout).toMatch(/attempt 1 +[━╌]+ .*ms\n/);
    expect(traced.stdout).toContain(`HTTPS of _${nothing}._https.localhost.: 1 localhost. h2,http/1.1`);
    expect(traced.stdout).toMatch(/attempt \d: 127\.0\.0\.1 port \d+ over TCP/);
    const facts = await run(["get", "-k", "--http2", "--json", ...records, "--", url]);
    const { decisions, remotePort } = JSON.parse(facts.stdout) as { decisions: unknown[]; remotePort: number };
    expect(remotePort).toBe(site.port);
    expect(decisions[0]).toMatchObject({ type: "race:query_sent", record: "HTTPS", at: expect.any(Number) });
    expect(decisions.at(-1)).toMatchObject({ type: "race:ended", how: "connected" });
  } finally {
    await site.close({ timeout: 0 });
  }
});

test("dns serve answers over each transport until it is interrupted, and says what was asked", async () => {
  const zone = join(folder, "example.test.zone");
  writeFileSync(zone, "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nwww HTTPS 1 . alpn=h3\n");
  const ports = ["-p", "0", "--tls", "0", "--https", "0"];
  const exitCode = await whileRunning(["dns", "serve", zone, ...ports, "--json"], async (line) => {
    const { event, port, securePort, url, zones } = JSON.parse(line);
    expect({ event, zones }).toEqual({ event: "listening", zones: [{ origin: "example.test.", records: 3 }] });
    const https = new URL(url);
    for (const [at, ...flags] of [
      [port],
      [port, "--tcp"],
      [securePort, "--tls", "-k"],
      [securePort, "--quic", "-k"],
      [https.port, "--https", https.pathname, "-k"],
    ]) {
      const { stdout } = await run([
        "dns",
        "query",
        "www.example.test",
        "HTTPS",
        "@127.0.0.1",
        "-p",
        `${at}`,
        ...flags,
      ]);
      expect(stdout, flags.join(" ")).toContain("www.example.test.\t60\tIN\tHTTPS\t1 . alpn=h3\n");
    }
  });
  expect(exitCode).toBe(0);
});

test("dns serve says which zone file cannot be used, and where", async () => {
  const broken = join(folder, "broken.zone");
  writeFileSync(broken, "@ SOA ns h 1 2 3 4 5\nwww NONSENSE\n");
  for (const [args, message] of [
    [[broken], `${broken}: line 2: NONSENSE is not a record type`],
    [[join(folder, "absent.zone")], "there is no such file"],
    [[join(folder, "file")], "which zone is it?"],
    [[broken, "--port", "x"], "--port is x"],
  ] as const) {
    const { exitCode, stderr } = await run(["dns", "serve", ...args]);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(message)]);
  }
});
