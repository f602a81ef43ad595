import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { run } from "../../test/cli/run.ts";
import { createClient } from "../client/index.ts";
import { onKeys } from "./dev/keys.ts";
import { trustSteps } from "./dev/trust.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-dev-"));
  vi.stubEnv("XDG_DATA_HOME", folder);
  vi.stubEnv("XDG_CACHE_HOME", folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const authority = (): string => readFileSync(join(folder, "nagare/development/authority.crt"), "utf8");

/** Runs `nagare dev`, requests the page over each version with only the authority trusted, and stops it. */
async function visit(args: readonly string[], name = "localhost"): Promise<{ bodies: string[]; stderr: string }> {
  let stop: () => void = () => undefined;
  const { port } = await freePort();
  const running = run(["dev", "-p", String(port), ...args], {
    interrupt: (send) => {
      stop = () => send("SIGTERM");
    },
  });
  const bodies: string[] = [];
  for (const version of ["h3", "h2", "http/1.1"] as const) {
    await vi.waitFor(
      async () => {
        const client = createClient({ protocols: [version], ca: authority(), resolve: () => ["127.0.0.1"] });
        try {
          bodies.push(await (await client.fetch(`https://${name}:${port}/`)).text());
        } finally {
          await client.destroy();
        }
      },
      { timeout: 10_000 },
    );
  }
  stop();
  const { exitCode, stderr } = await running;
  expect(exitCode).toBe(0);
  return { bodies, stderr };
}

async function freePort(): Promise<AddressInfo> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return address;
}

test("serves a folder under localhost and other names, and prints the steps to trust once", async () => {
  writeFileSync(join(folder, "index.html"), "a page");
  const first = await visit([folder]);
  expect(first.bodies).toEqual(["a page", "a page", "a page"]);
  expect(first.stderr).toContain("How to trust the development authority");
  const named = await visit(["--name", "shop.test", folder], "shop.test");
  expect(named.bodies).toEqual(["a page", "a page", "a page"]);
  expect(named.stderr).not.toContain("How to trust");
});

test("passes requests on to a development server, by its port", async () => {
  const origin = createServer((_request, response) => response.end("from the origin")).listen(0, "127.0.0.1");
  await once(origin, "listening");
  const { bodies } = await visit([`http://127.0.0.1:${(origin.address() as AddressInfo).port}`]);
  expect(bodies).toEqual(Array(3).fill("from the origin"));
  origin.closeAllConnections();
  origin.close();
});

test("refuses names that are not private", async () => {
  const { exitCode, stderr } = await run(["dev", "--name", "bank.example", folder]);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(
    /^nagare: --name bank\.example is not private; the development authority signs names below localhost/,
  );
});

test.each<[NodeJS.Platform, RegExp]>([
  ["linux", /certutil -d sql:\$HOME\/\.pki\/nssdb -A -t C,, -n nagare-development -i '\/a b\/ca\.crt'/],
  ["darwin", /security add-trusted-cert -r trustRoot -k \S+login\.keychain-db '\/a b\/ca\.crt'/],
  ["win32", /certutil -user -addstore Root "\/a b\/ca\.crt"/],
])("the steps for %s", (platform, command) => {
  const given = { certFile: "/a b/ca.crt", sha256: new Uint8Array(32) };
  const text = trustSteps(given, new URL("https://localhost:4433/"), platform).join("\n");
  expect(text).toMatch(command);
  expect(text).toContain("--origin-to-force-quic-on=localhost:4433");
  expect(text).toContain("network.http.http3.disable_when_third_party_roots_found");
  expect(text).toContain("00:00:00");
});

test("--trust prints the steps and ends", async () => {
  const { exitCode, stderr } = await run(["dev", "--trust"]);
  expect(exitCode).toBe(0);
  expect(stderr).toContain(join(folder, "nagare/development/authority.crt"));
});

test("keys act without Enter, and Ctrl-C still interrupts", async () => {
  const pressed: string[] = [];
  const modes: boolean[] = [];
  const terminal = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (mode: boolean) => modes.push(mode) });
  const stop = onKeys(terminal, { o: () => pressed.push("open") }, () => pressed.push("interrupt"));
  terminal.write("xO\u0003q");
  await vi.waitFor(() => expect(pressed).toEqual(["open", "interrupt", "interrupt"]));
  stop();
  terminal.write("o");
  expect(modes).toEqual([true, false]);
  expect(pressed).toHaveLength(3);
  expect(onKeys(new PassThrough(), {}, () => undefined)()).toBeUndefined();
});
