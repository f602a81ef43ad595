/** Certificates replaced while a server runs, as clients of all versions see it. */

import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createClient } from "../client/index.ts";
import { makeCertificate, type TestCertificate } from "../host/certificates/testing/make-certificate.ts";
import type { HttpVersion } from "../host/http/exchange.ts";
import { type ServeOptions, serve } from "./serve.ts";
import type { Server } from "./server.ts";

const VERSIONS = ["h3", "h2", "http/1.1"] as const;
/** `RELOAD_SWAPS=1000 npx vitest run src/edge/reload.test.ts` is the full run. */
const SWAPS = Number(process.env.RELOAD_SWAPS ?? 50);

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const lines: string[] = [];
async function start(options: ServeOptions): Promise<Server> {
  lines.length = 0;
  const log = (line: string) => void lines.push(line);
  const server = await serve({ port: 0, host: "127.0.0.1", log, ...options }, () => new Response("ok"));
  closers.push(() => server.close({ timeout: 0 }));
  return server;
}

const make = (name = "localhost"): TestCertificate => makeCertificate({ names: [name] });

function clientFor(version: HttpVersion, cert: string) {
  const client = createClient({ protocols: [version], ca: cert, resolve: () => ["127.0.0.1"] });
  closers.push(() => client.destroy());
  return client;
}

/** True if a new connection gets this certificate; false if it gets another. */
async function serves(server: Server, version: HttpVersion, { cert }: TestCertificate, name = "localhost") {
  const client = clientFor(version, cert);
  try {
    return (await (await client.fetch(`https://${name}:${server.port}/`)).text()) === "ok";
  } catch (error) {
    expect((error as { code: string }).code).toMatch(/^CERTIFICATE_/);
    return false;
  } finally {
    await client.destroy();
  }
}

describe.each(VERSIONS)("over %s", (version) => {
  test("new connections get the new certificate, and established ones go on", async () => {
    const [before, after] = [make(), make()];
    const server = await start({ tls: before });
    const client = clientFor(version, before.cert);
    const ask = async () => (await client.fetch(`https://localhost:${server.port}/`)).text();
    expect(await ask()).toBe("ok");
    await server.reload({ tls: after });
    expect(await serves(server, version, after)).toBe(true);
    expect(await serves(server, version, before)).toBe(false);
    expect(await ask()).toBe("ok");
    expect(client.connections()).toHaveLength(1);
  });

  test("a pair that does not match is refused, and the previous one stays", async () => {
    const before = make();
    const server = await start({ tls: before });
    await expect(server.reload({ tls: { cert: make().cert, key: before.key } })).rejects.toMatchObject({
      code: "KEY_MISMATCH",
    });
    expect(await serves(server, version, before)).toBe(true);
  });

  test("files are watched", async () => {
    const folder = mkdtempSync(join(tmpdir(), "nagare-reload-"));
    closers.push(() => rmSync(folder, { recursive: true, force: true }));
    const files = { certFile: join(folder, "cert.pem"), keyFile: join(folder, "key.pem") };
    const place = ({ cert, key }: TestCertificate): void => {
      writeFileSync(files.certFile, cert);
      writeFileSync(files.keyFile, key);
    };
    const [before, after] = [make(), make()];
    place(before);
    const server = await start({ tls: files });
    expect(await serves(server, version, before)).toBe(true);
    place(after);
    await vi.waitUntil(() => lines.length > 0, { timeout: 10_000 });
    expect(lines).toEqual([expect.stringContaining("new certificate for localhost")]);
    expect(await serves(server, version, after)).toBe(true);
  });
});

test("each of 1,000 names has its certificate, before and after, over every version", async () => {
  // One key, since making keys takes most of the time.
  const key = make();
  const names = Array.from({ length: 1_000 }, (_, i) => `n${i}.test`);
  const certify = (): TestCertificate[] => names.map((name) => makeCertificate({ names: [name], key }));
  const [before, after] = [certify(), certify()];
  const server = await start({ tls: before });
  for (const version of VERSIONS) expect(await serves(server, version, before[500]!, names[500])).toBe(true);
  await server.reload({ tls: after });
  for (const version of VERSIONS) {
    for (const i of [0, 999]) expect(await serves(server, version, after[i]!, names[i])).toBe(true);
    expect(await serves(server, version, before[999]!, names[999])).toBe(false);
  }
}, 60_000);

describe("many replacements under requests", () => {
  test("fail no request, and leak neither contexts nor handles", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const contexts: WeakRef<object>[] = [];
    const { createSecureContext } = tls;
    tls.createSecureContext = (options) => {
      const context = createSecureContext(options);
      contexts.push(new WeakRef(context));
      return context;
    };
    syncBuiltinESMExports();
    closers.push(() => {
      tls.createSecureContext = createSecureContext;
      syncBuiltinESMExports();
    });
    const pairs = [make(), make()] as const;
    const server = await start({ tls: pairs[0] });
    const ca = pairs.map(({ cert }) => cert).join("");
    const ask = async (client: ReturnType<typeof clientFor>) => {
      const response = await client.fetch(`https://localhost:${server.port}/`);
      expect(await response.text()).toBe("ok");
    };
    const kept = VERSIONS.map((version) => clientFor(version, ca));
    for (const client of kept) await ask(client);
    const resources = (): number => process.getActiveResourcesInfo().length;
    const resourcesBefore = resources();
    for (let i = 1; i <= SWAPS; i++) {
      const fresh = clientFor(VERSIONS[i % 3]!, ca);
      await Promise.all([server.reload({ tls: pairs[i % 2]! }), ask(fresh), ...kept.map(ask)]);
      await fresh.destroy();
      closers.pop();
    }
    await vi.waitFor(
      () => {
        collect();
        const alive = contexts.filter((each) => each.deref() !== undefined).length;
        // The server's current ones, and those of the three connections that were kept.
        expect(alive).toBeLessThan(15);
        expect(resources()).toBeLessThanOrEqual(resourcesBefore + 5);
      },
      { timeout: 20_000 },
    );
    expect(contexts.length).toBeGreaterThan(SWAPS);
  }, 120_000);
});

test("a certificate that OpenSSL refuses for TLS over TCP keeps the previous ones", async () => {
  const before = make();
  const server = await start({ tls: before });
  // Long enough to sign with (RFC 8017 §9.1.1), and too short for OpenSSL's lowest security level.
  const weak = makeCertificate({ names: ["weak.test"], key: generateKeyPairSync("rsa", { modulusLength: 768 }) });
  await expect(server.reload({ tls: [make(), weak] })).rejects.toMatchObject({ code: "CERTIFICATE_UNSUPPORTED" });
  for (const version of VERSIONS) expect(await serves(server, version, before)).toBe(true);
});

test("a client that resumes a session gets a full handshake with the new certificate", async () => {
  const server = await start({ tls: make() });
  const handshake = async (session?: Buffer) => {
    const options = { port: server.port, host: "127.0.0.1", servername: "localhost", rejectUnauthorized: false };
    const socket = tls.connect({ ...options, ...(session === undefined ? {} : { session }) });
    closers.push(() => socket.destroy());
    const ticket = session ?? once(socket, "session").then(([given]) => given as Buffer);
    await once(socket, "secureConnect");
    return { isResumed: socket.isSessionReused(), ticket: await ticket };
  };
  const { ticket } = await handshake();
  expect((await handshake(ticket)).isResumed).toBe(true);
  await server.reload({ tls: make() });
  expect((await handshake(ticket)).isResumed).toBe(false);
});

test("the set of certificates may not be empty", async () => {
  const server = await start({ tls: make() });
  await expect(server.reload({ tls: [] })).rejects.toMatchObject({ code: "OPTION_INVALID" });
});
