// `nagare audit` as a command: flags, exit codes, output.
import { createSocket } from "node:dgram";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AuditFacts, Finding } from "../../src/agent/audit/index.ts";
import { serve } from "../../src/edge/serve.ts";
import type { Server } from "../../src/edge/server.ts";
import { developmentIdentity } from "../../src/host/certificates/index.ts";
import { run } from "./run.ts";

let directory: string;
let identity: { readonly cert: string; readonly key: string };
let server: Server;
let url: string;
let trust: readonly string[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nagare-audit-test-"));
  identity = await developmentIdentity({ directory });
  const caFile = join(directory, "ca.pem");
  await writeFile(caFile, identity.cert);
  server = await serve({ port: 0, host: "127.0.0.1", ...identity, log: () => {} }, (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/never") return new Promise(() => {});
    if (pathname === "/odd")
      return new Response("", { headers: { "content-type": "text/html", "cross-origin-embedder-policy": "\x9b31m" } });
    if (pathname !== "/") return new Response("x", { headers: { "content-type": "image/gif", etag: '"1"' } });
    const body = `<img src="https://127.0.0.1:${server.port}/x.gif">`;
    return new Response(body, {
      headers: { "content-type": "text/html", "set-cookie": "id=1; Secure", "x-frame-options": "DENY" },
    });
  });
  url = `https://localhost:${server.port}/`;
  trust = ["--cacert", caFile, "--no-dns"];
});
afterAll(async () => {
  await server.close({ timeout: 0 });
  await rm(directory, { recursive: true });
});

const ids = (stdout: string): string[] =>
  (JSON.parse(stdout) as { findings: { id: string }[] }).findings.map(({ id }) => id);

test("says what a browser makes of a page, and how to mend it", async () => {
  const { exitCode, stdout } = await run(["audit", ...trust, url]);
  expect(stdout).toContain(
    `→ send Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp in the response of ${url}`,
  );
  expect(stdout).toMatch(/^0 errors, 1 warning, \d+ notes$/m);
  expect(exitCode).toBe(0);
});

test("tries headers, on the page and on others, and fails on a level", async () => {
  const isolate = ["--header", "COOP: same-origin", "--header", "coep: require-corp"];
  const blocked = await run(["audit", "--json", "--only", "isolation", ...isolate, ...trust, url]);
  expect([ids(blocked.stdout), blocked.exitCode]).toEqual([["isolation/blocked", "isolation/isolated"], 1]);
  const mended = ["--header", `https://127.0.0.1:${server.port}/ CORP: cross-origin`, "--fail-on", "info"];
  const good = await run(["audit", "--json", "--only", "isolation", ...isolate, ...mended, ...trust, url]);
  expect([ids(good.stdout), good.exitCode]).toEqual([["isolation/isolated"], 1]);
});

test("judges a page as embedded in a site", async () => {
  const use = ["--as", "third-party-of", "shop.example"];
  const { stdout, exitCode } = await run([
    "audit",
    "--json",
    "--only",
    "embedding",
    "--only",
    "cookies/not",
    ...use,
    ...trust,
    "--resolve",
    "shop.example:443:127.0.0.1",
    url,
  ]);
  expect([ids(stdout), exitCode]).toEqual([["embedding/refused", "cookies/not-third-party"], 0]);
});

test("names a certificate that is not trusted, and exits with 1", async () => {
  const { stdout, exitCode } = await run(["audit", "--json", "--no-dns", url]);
  expect(ids(stdout)).toEqual(["load/failed", "tls/untrusted", "tls/facts"]);
  expect(exitCode).toBe(1);
});

test("paints its own marks, and escapes what others wrote", async () => {
  const args = ["audit", "--only", "isolation/ignored", ...trust, `${url}odd`];
  const { stdout } = await run(args, { env: { FORCE_COLOR: "1" } });
  expect(stdout).toContain(`\x1b[1m${url}odd\x1b[22m  200 over`);
  expect(stdout).toContain("\x1b[33m!\x1b[39m cross-origin-embedder-policy: \\x9b31m counts as");
  expect(stdout).toContain("\n0 errors, 1 warning, 0 notes\n");
  expect(stdout).not.toContain("\x9b");
});

test("does not wait for the server longer than --max-time, and makes no finding of what is unanswered", async () => {
  const tcp = await serve(
    { ...identity, port: 0, host: "127.0.0.1", protocols: ["h2"], log: () => {} },
    () => new Response(),
  );
  // Takes HTTP/3's packets, and says nothing. Another process that has the port says nothing, either.
  const udp = createSocket("udp4").on("error", () => {});
  udp.bind(tcp.port, "127.0.0.1");
  const page = `https://localhost:${tcp.port}/`;
  const args = ["audit", "--json", "--max-time", "1", ...trust, page, "--as", "third-party-of", `${url}never`];
  const { stdout } = await run(args);
  udp.close();
  await tcp.close({ timeout: 0 });
  const { facts, findings } = JSON.parse(stdout) as {
    facts: AuditFacts;
    findings: readonly Finding[];
  };
  expect(facts.limits.at(-1)).toMatch(/^not answered within 1 s: .*\/never$/);
  // A machine under load may not even load the page.
  expect(facts.limits.join()).toMatch(/HTTP\/3|^the page was not loaded within 1 s/);
  expect([facts.http3, findings.filter(({ id }) => id.startsWith("http3/"))]).toEqual([undefined, []]);
});

test.each([
  [["audit"], "<url> is missing; see nagare audit --help"],
  [["audit", "--header", "nonsense", "a.test"], '--header takes "NAME: VALUE", after a URL or alone, not "nonsense"'],
  [["audit", "--as", "first-party", "a.test"], "--as takes third-party-of SITE"],
])("%j is refused", async (args, message) => {
  const { exitCode, stderr } = await run(args);
  expect(stderr).toContain(message);
  expect(exitCode).toBe(2);
});
