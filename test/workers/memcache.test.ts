/** The memcached proxy with workers: one port, metrics added up, and a configuration that is read again under clients. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { backendServer } from "../../src/host/memcache/testing/backend.ts";
import { type BuiltProgram, buildProgram } from "../built-program.ts";
import { run } from "../cli/run.ts";
import { ALL_SEEDS } from "../properties/seeds.ts";

let program: BuiltProgram;
beforeAll(async () => {
  program = await buildProgram("src/cli/main.ts");
});
afterAll(() => program?.remove());

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Event {
  readonly event: string;
  readonly addresses?: readonly string[];
  readonly metrics?: string;
  readonly line?: string;
}

function command(args: readonly string[]): {
  readonly child: ChildProcess;
  readonly events: Event[];
  errors(): string;
} {
  const child = spawn(process.execPath, [program.path, "memcache", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const events: Event[] = [];
  let [text, errors] = ["", ""];
  child.stdout!.on("data", (chunk: Buffer) => {
    text += String(chunk);
    const lines = text.split("\n");
    text = lines.pop()!;
    events.push(...lines.map((line) => JSON.parse(line) as Event));
  });
  child.stderr!.on("data", (chunk: Buffer) => {
    errors += String(chunk);
  });
  closers.push(() => child.kill("SIGKILL"));
  return { child, events, errors: () => errors };
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "nagare-memcache-"));
  closers.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function backend(where: string): Promise<number> {
  const server = await backendServer(where);
  closers.push(() => server.stop());
  return server.port;
}

const configOf = (port: number): string =>
  JSON.stringify({ pools: { a: { backends: [`127.0.0.1:${port}`] } }, routes: { default: "a" } });

test("serves on one port, counts as one, and reads its configuration again under its clients", async () => {
  const [first, second] = [await backend("first"), await backend("second")];
  const file = join(folder(), "pools.json");
  writeFileSync(file, configOf(first));
  const args = ["--config", file, "--port", "0", "--workers", "2", "--metrics-port", "0", "--no-watch", "--json"];
  const { child, events, errors } = command(args);
  const listening = await vi.waitUntil(
    () => {
      if (child.exitCode !== null) throw new Error(`the command ended: ${errors()}`);
      return events.find(({ event }) => event === "listening");
    },
    { timeout: 50_000, interval: 20 },
  );
  const port = Number(listening.addresses![0]!.split(":").at(-1));
  const client = connect(port, "127.0.0.1");
  closers.push(() => client.destroy());
  let received = "";
  client.on("data", (bytes) => {
    received += String(bytes);
  });
  const ask = async (): Promise<string> => {
    const before = received.length;
    client.write("get where\r\n");
    await vi.waitUntil(() => received.endsWith("END\r\n") && received.length > before, { timeout: 30_000 });
    return received.slice(before);
  };
  expect(await ask()).toBe("VALUE where 0 5\r\nfirst\r\nEND\r\n");

  writeFileSync(file, configOf(second));
  child.kill("SIGHUP");
  await vi.waitFor(async () => expect(await ask()).toBe("VALUE where 0 6\r\nsecond\r\nEND\r\n"), { timeout: 30_000 });

  const asked = received.split("VALUE").length - 1;
  const text = await (await fetch(listening.metrics!)).text();
  expect(text).toContain(`nagare_memcache_requests_total{command="get"} ${asked}\n`);
  expect(text).toContain("nagare_memcache_clients_total 1\n");

  child.kill("SIGTERM");
  const [code] = await once(child, "exit");
  expect({ code, errors: errors(), last: events.at(-1) }).toEqual({ code: 0, errors: "", last: { event: "closed" } });
}, 90_000);

test.each([
  [["--unix", "memcache.sock", "--workers", "2"], "not on a Unix socket"],
  [["-l", "127.0.0.1", "-l", "127.0.0.2", "--workers", "2"], "several addresses"],
  [["--workers", "none"], "is not a number of processes"],
])("%j is refused", async (args, words) => {
  const file = join(folder(), "pools.json");
  writeFileSync(file, configOf(1));
  const { exitCode, stderr } = await run(["memcache", "--config", file, ...args]);
  expect(exitCode).toBe(2);
  expect(stderr).toContain(words);
});

// Each process compiles the program.
test.runIf(ALL_SEEDS)(
  "a configuration that no worker can use ends the command with its message",
  async () => {
    const file = join(folder(), "pools.json");
    writeFileSync(file, JSON.stringify({ pools: {}, routes: { default: "missing" } }));
    const { child, errors } = command(["--config", file, "--port", "0", "--workers", "2"]);
    const [code] = await once(child, "exit");
    expect(code).toBe(2);
    expect(errors()).toContain('there is no pool "missing"');
  },
  90_000,
);
