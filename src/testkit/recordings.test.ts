/** Recordings of simulations: deterministic, and written even if the test fails. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { simulate } from "./index.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-qlog-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const LINK = { rtt: 100, loss: 0.05 };

async function record(directory: string, seed = 7): Promise<Record<string, string>> {
  const handler = () => new Response("x".repeat(50_000));
  await simulate({ seed, link: LINK, handler, qlog: directory }, async (fetch) => (await fetch("/")).text());
  return Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), "utf8")]));
}

test("both sides of the connection are recorded, in virtual time", async () => {
  const files = await record(folder);
  const names = Object.keys(files).sort();
  expect(names.map((name) => name.replace(/^[0-9a-f]+_/, ""))).toEqual(["client.sqlog", "server.sqlog"]);
  const [client, server] = names.map((name) => files[name]!);
  for (const text of [client, server]) expect(text).toContain('"wall_clock_time":"2026-01-01T00:00:00');
  expect(server).toContain('"name":"quic:packet_lost"');
  // The client sends first; its packet takes half of the round-trip time.
  expect(client).toContain('{"time":0,"name":"quic:packet_sent"');
  expect(client).toContain('"smoothed_rtt":100,');
});

test("the same seed gives the same files, and another seed others", async () => {
  const first = await record(join(folder, "first"));
  expect(await record(join(folder, "second"))).toEqual(first);
  // They replace those of the earlier run.
  expect(await record(join(folder, "first"))).toEqual(first);
  expect(Object.keys(await record(join(folder, "third"), 8))).not.toEqual(Object.keys(first));
});

test("recording does not change the run", async () => {
  const run = (qlog?: string) =>
    simulate({ seed: 3, link: LINK, handler: () => new Response("x".repeat(50_000)), qlog }, async (fetch) =>
      (await fetch("/")).text(),
    );
  expect((await run(folder)).digest).toBe((await run()).digest);
});

test("a failed test is recorded too", async () => {
  const failing = simulate({ handler: () => new Response("hello"), qlog: folder }, async (fetch) => {
    await fetch("/");
    throw new Error("failed on purpose");
  });
  await expect(failing).rejects.toThrow("failed on purpose");
  expect(readdirSync(folder)).toHaveLength(2);
});

test("a folder that cannot be written is a line of the log", async () => {
  const directory = join(folder, "file");
  writeFileSync(directory, "");
  const lines: string[] = [];
  const { value } = await simulate(
    { handler: () => new Response("hello"), qlog: directory, log: (line) => lines.push(line) },
    async (fetch) => (await fetch("/")).text(),
  );
  expect(value).toBe("hello");
  expect(lines).toEqual([expect.stringMatching(/^nagare: qlog: cannot write to .*file: EEXIST/)]);
});

test.each(["", { file: "all.sqlog" } as never])("the options %j are refused", async (qlog) => {
  const unusable = simulate({ handler: () => new Response(), qlog }, () => {});
  await expect(unusable).rejects.toMatchObject({ code: "OPTION_INVALID" });
});
