/** What must hold with a real authority: first start, renewal under load, and what an operator reads when it refuses. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient } from "../../src/client/index.ts";
import { serve } from "../../src/edge/serve.ts";
import { Account } from "../../src/host/acme/account.ts";
import { AcmeClient } from "../../src/host/acme/client.ts";
import { DiskStorage } from "../../src/host/acme/disk-storage.ts";
import type { AcmeOptions } from "../../src/host/acme/options.ts";
import { TestAuthority } from "../../src/host/acme/testing/authority.ts";
import type { HttpVersion } from "../../src/host/http/exchange.ts";
import { Child } from "../child.ts";
import { LOOPBACK } from "../loopback.ts";
import { EXTERNAL, type Pebble } from "./pebble.ts";

/** The command as `npm run build` leaves it; these tools run from dist-tools/interop/acme. */
const CLI = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));
const NAME = "www.nagare.test";
const VERSIONS: readonly HttpVersion[] = ["h3", "h2", "http/1.1"];

export interface AcmeCase {
  readonly name: string;
  readonly externalAccounts?: true;
  /** Returns a line of figures, or the message that an operator reads. Throws if it does not hold. */
  run(pebble: Pebble): Promise<string>;
}

/** Requests a page over one version on a new connection. */
async function get(version: HttpVersion, port: number, ca: string, name = NAME): Promise<string> {
  const client = createClient({ protocols: [version], ca, resolve: () => [LOOPBACK] });
  try {
    return await (await client.fetch(`https://${name}:${port}/`)).text();
  } finally {
    await client.destroy();
  }
}

/** `nagare serve` from an empty storage, until every version has an accepted certificate. */
async function firstStart(pebble: Pebble, flags: readonly string[], name = NAME): Promise<string> {
  const folder = mkdtempSync(join(pebble.folder, "first-"));
  const file = (path: string, content: string): string => {
    writeFileSync(join(folder, path), content);
    return join(folder, path);
  };
  file("index.html", "hello");
  const root = await pebble.root();
  const authority = ["--acme-directory", pebble.directory, "--acme-ca", file("ca.pem", pebble.ca)];
  const own = ["--acme", name, "--acme-agree", "--acme-storage", join(folder, "acme")];
  const place = ["-H", LOOPBACK, "-p", String(pebble.tlsPort)];
  const start = performance.now();
  await using command = new Child([process.execPath, CLI, "serve", folder, ...place, ...own, ...authority, ...flags], {
    env: { XDG_CACHE_HOME: folder },
  });
  const times: string[] = [];
  const host = name.replace("*", "any");
  for (const version of VERSIONS) {
    for (;;) {
      const body = await get(version, pebble.tlsPort, root, host).catch(() => undefined);
      if (body === "hello") break;
      if (performance.now() - start > 10_000)
        throw new Error(`no certificate over ${version} within 10 s: ${command.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    times.push(`${version} ${((performance.now() - start) / 1_000).toFixed(1)} s`);
  }
  return times.join(", ");
}

/** Serves in this process; `use` gets the lines of the log. */
async function serving(
  pebble: Pebble,
  options: Partial<AcmeOptions>,
  use: (lines: readonly string[]) => Promise<string>,
): Promise<string> {
  const storage = mkdtempSync(join(pebble.folder, "storage-"));
  const lines: string[] = [];
  const { directory, ca, tlsPort } = pebble;
  const auto: AcmeOptions = { domains: [NAME], agreeToTerms: true, directory, ca, storage, ...options };
  const log = (line: string): void => void lines.push(line);
  const server = await serve({ port: tlsPort, host: LOOPBACK, log, tls: { auto } }, () => new Response("hello"));
  try {
    return await use(lines);
  } finally {
    await server.close({ timeout: 0 });
    rmSync(storage, { recursive: true, force: true });
  }
}

/** The first line that matches, within half a minute. */
async function said(lines: readonly string[], pattern: RegExp): Promise<string> {
  for (const end = performance.now() + 30_000; performance.now() < end; ) {
    const line = lines.find((each) => pattern.test(each));
    if (line !== undefined) return line;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`no line matches ${pattern}: ${lines.join(" | ")}`);
}

async function renewalUnderLoad(pebble: Pebble): Promise<string> {
  const SECONDS = 25;
  const ca = await pebble.root();
  return serving(pebble, { profile: "brief" }, async (lines) => {
    await said(lines, /new certificate/);
    const counts = { kept: 0, new: 0 };
    const failures: string[] = [];
    const clients = VERSIONS.map((version) => createClient({ protocols: [version], ca, resolve: () => [LOOPBACK] }));
    const end = performance.now() + SECONDS * 1_000;
    const load = async (kind: keyof typeof counts, request: () => Promise<unknown>): Promise<void> => {
      while (performance.now() < end) {
        await request().catch((error: Error) => failures.push(error.message));
        counts[kind] += 1;
      }
    };
    const url = `https://${NAME}:${pebble.tlsPort}/`;
    await Promise.all(
      VERSIONS.flatMap((version, i) => [
        load("kept", async () => (await clients[i]!.fetch(url)).text()),
        load("new", () => get(version, pebble.tlsPort, ca)),
      ]),
    );
    await Promise.all(clients.map((client) => client.destroy()));
    const renewals = lines.filter((line) => line.includes("new certificate")).length - 1;
    if (failures.length > 0) throw new Error(`${failures.length} requests failed: ${failures[0]}`);
    if (renewals < 2) throw new Error(`${renewals} renewals: ${lines.join(" | ")}`);
    const [kept, fresh] = [counts.kept, counts.new].map((count) => count.toLocaleString("en"));
    return `${renewals} renewals in ${SECONDS} s, ${kept} requests on kept connections and ${fresh} on new ones, 0 failed`;
  });
}

/** A message: the options that lead to it, and what it says. */
const refused =
  (options: Partial<AcmeOptions>, pattern: RegExp, prepare?: (pebble: Pebble) => Promise<unknown>): AcmeCase["run"] =>
  async (pebble) => {
    await prepare?.(pebble);
    return serving(pebble, options, (lines) => said(lines, pattern));
  };

async function deactivated(pebble: Pebble): Promise<string> {
  const storage = mkdtempSync(join(pebble.folder, "account-"));
  const { directory, ca } = pebble;
  const client = new AcmeClient({ directory, ca });
  const account = new Account(client, new DiskStorage(storage), { directory, agreeToTerms: true });
  await account.deactivate(new AbortController().signal);
  client.close();
  return serving(pebble, { storage }, (lines) => said(lines, /is deactivated or revoked/));
}

/** Pebble has no rate limits, so a scripted authority takes its place. */
async function rateLimited(pebble: Pebble): Promise<string> {
  const authority = new TestAuthority();
  await authority.listen();
  const retryAfter = new Date(Date.now() + 7 * 86_400_000).toUTCString();
  authority.failures.set("newOrder", { type: "rateLimited", status: 429, retryAfter, detail: "too many certificates" });
  const { directory, ca } = authority;
  try {
    return await serving(pebble, { directory, ca }, (lines) => said(lines, /limits the rate/));
  } finally {
    await authority.close();
  }
}

export const ACME_CASES: readonly AcmeCase[] = [
  { name: "first start, tls-alpn-01", run: (pebble) => firstStart(pebble, []) },
  {
    name: "first start, http-01",
    run: (pebble) => firstStart(pebble, ["--http-port", `${pebble.httpPort}`, "--acme-challenge", "http-01"]),
  },
  {
    name: "first start, dns-01",
    run: (pebble) => firstStart(pebble, ["--acme-dns-hook", pebble.dnsHook()], "*.wild.test"),
  },
  {
    name: "first start, workers",
    run: (pebble) => firstStart(pebble, ["--workers", "2", "--http-port", `${pebble.httpPort}`]),
  },
  {
    name: "external account",
    externalAccounts: true,
    run: (pebble) => firstStart(pebble, ["--acme-eab", `${EXTERNAL.kid}:${EXTERNAL.hmacKey}`]),
  },
  {
    name: "external account missing",
    externalAccounts: true,
    run: refused({}, /opens accounts only for its customers/),
  },
  { name: "renewal under load", run: renewalUnderLoad },
  { name: "account deactivated", run: deactivated },
  { name: "rate limit", run: rateLimited },
  {
    name: "wrong DNS",
    run: refused({ domains: ["lost.test"] }, /finds no usable DNS record for lost\.test/, (pebble) =>
      pebble.dns("set-servfail", { host: "lost.test" }),
    ),
  },
  { name: "forbidden name", run: refused({ domains: ["blocked.test"] }, /issues no certificate for blocked\.test/) },
  {
    name: "server not reached",
    run: refused({ domains: ["far.test"] }, /cannot connect to far\.test/, (pebble) =>
      pebble.dns("add-a", { host: "far.test", addresses: ["127.0.0.9"] }),
    ),
  },
  { name: "authority down", run: refused({ directory: `https://${LOOPBACK}:1/dir` }, /cannot be reached/) },
];
