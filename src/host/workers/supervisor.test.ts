/** Real processes, which speak the supervisor's protocol and serve nothing. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { portableUdp } from "../udp/portable-engine.ts";
import type { UdpEngine } from "../udp/udp-socket.ts";
import { Supervisor, type SupervisorOptions } from "./supervisor.ts";

let folder: string;
let lines: string[];
const closers: (() => unknown)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-supervisor-"));
  lines = [];
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

const file = (): string => join(folder, "starts");
const starts = (): string[] => (existsSync(file()) ? readFileSync(file(), "utf8").trim().split("\n") : []);

async function start(behavior: readonly string[], changes: Partial<SupervisorOptions> = {}): Promise<Supervisor> {
  const worker = fileURLToPath(new URL("testing/worker.mjs", import.meta.url));
  const supervisor = await Supervisor.start({
    port: 0,
    host: "127.0.0.1",
    workers: 2,
    transports: ["tcp"],
    preferred: [],
    udp: portableUdp,
    drainTimeout: 1_000,
    program: { executable: process.execPath, args: [worker, ...behavior] },
    log: (line) => lines.push(line),
    ...changes,
  });
  closers.push(() => supervisor.stop(0));
  return supervisor;
}

test("a configuration that is wrong is an error once, and starts nothing again", async () => {
  await expect(start(["fails", "app.js exports no handler"])).rejects.toMatchObject({
    name: "ServeError",
    code: "MODULE_INVALID",
    message: "app.js exports no handler",
  });
  expect(lines).toEqual([]);
});

test("a worker that dies at the start is an error that says how", async () => {
  await expect(start(["dies"])).rejects.toThrow(/^worker [01] ended before it served: exit code 3$/);
});

test("a program that cannot run is an error", async () => {
  const program = { executable: join(folder, "nothing"), args: [] };
  await expect(start([], { program })).rejects.toThrow(/^worker [01] ended before it served: spawn .* ENOENT$/);
});

test("a port in use is an error before any worker starts", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await vi.waitUntil(() => other.listening);
  closers.push(() => other.close());
  const { port } = other.address() as { port: number };
  await expect(start(["ready", file()], { port })).rejects.toMatchObject({ code: "PORT_IN_USE" });
  expect(starts()).toEqual([]);
});

test("a worker that is killed is started again", async () => {
  const supervisor = await start(["ready", file()]);
  const [victim, other] = supervisor.pids as [number, number];
  process.kill(victim, "SIGKILL");
  await vi.waitUntil(() => starts().length === 3 && supervisor.pids.length === 2 && !supervisor.pids.includes(victim));
  expect(supervisor.pids).toContain(other);
  expect(lines).toEqual(["nagare: worker 0 ended: signal SIGKILL"]);
});

test("a reload replaces all workers; one that cannot start changes nothing and says why", async () => {
  writeFileSync(file(), "");
  const supervisor = await start(["later", file()]);
  const before = supervisor.pids;
  await supervisor.reload();
  await vi.waitUntil(() => supervisor.generations.length === 1);
  const after = supervisor.pids;
  expect(after.filter((pid) => before.includes(pid))).toEqual([]);
  writeFileSync(file(), "the site is missing");
  await expect(supervisor.reload()).rejects.toThrow("the site is missing");
  expect(supervisor.pids).toEqual(after);
  writeFileSync(file(), "");
  await supervisor.reload();
  expect(supervisor.pids).not.toEqual(after);
});

test("a stop ends all workers, and removes the folder of their channels", async () => {
  const mine = (): string[] => readdirSync(tmpdir()).filter((name) => /^nagare-\w{6}$/.test(name));
  const before = mine();
  const supervisor = await start(["ready"]);
  const pids = supervisor.pids;
  expect(mine().length).toBeGreaterThan(before.length);
  await supervisor.stop(1_000);
  expect(() => process.kill(pids[0]!, 0)).toThrow("ESRCH");
  await expect(supervisor.reload()).rejects.toThrow("the server has closed");
});

test("an engine that cannot share a port serves HTTP/3 in the first worker, and says so", async () => {
  const engine: UdpEngine = { ...portableUdp, shared: { ...portableUdp.shared!, spreads: false } };
  const supervisor = await start(["ready"], { transports: ["tcp", "udp"], udp: engine });
  expect(supervisor.steering).toBe("single");
  expect(supervisor.problem).toBe(`node:dgram of Node ${process.versions.node} cannot share a port`);
});
