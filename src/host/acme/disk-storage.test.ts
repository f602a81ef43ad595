import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DiskStorage } from "./disk-storage.ts";

let folder: string;
let now = 1_000;
const open = (): DiskStorage => new DiskStorage(folder, () => now);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-storage-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("values are replaced, listed and deleted", async () => {
  const storage = open();
  expect(await storage.get("a/b.json")).toBeUndefined();
  expect(await storage.list("a/")).toEqual([]);
  await storage.put("a/b.json", "1");
  await storage.put("a/b.json", "2");
  expect(await storage.get("a/b.json")).toBe("2");
  expect(await storage.list("a/")).toEqual(["a/b.json"]);
  await storage.delete("a/b.json");
  await storage.delete("a/b.json");
  expect(await storage.get("a/b.json")).toBeUndefined();
});

test.each(["../a", "a/../b", "/a", "a//b", ".a", "a/.b", "a\0", "", "a b"])("%j is no key", async (key) => {
  await expect(open().get(key)).rejects.toThrow("is not a key");
  await expect(open().put(key, "")).rejects.toThrow("is not a key");
});

test("a lock has one holder among many, also when it has expired", async () => {
  for (let round = 0; round < 5; round += 1) {
    const taken = await Promise.all(Array.from({ length: 8 }, () => open().lock("a/b", 100)));
    expect(taken.filter((lock) => lock !== undefined)).toHaveLength(1);
    expect(await open().lock("a/b", 100)).toBeUndefined();
    now += 101;
  }
  expect(readdirSync(join(folder, "locks"))).toEqual(["a,b.5"]);
});

test("a lock of a process that was killed is free at once", async () => {
  await open().lock("a", 100);
  const path = join(folder, "locks", "a.1");
  const dead = spawnSync(process.execPath, ["-e", ""]).pid;
  writeFileSync(path, readFileSync(path, "utf8").replace(` ${process.pid} `, ` ${dead} `));
  expect(await open().lock("a", 100)).toBeDefined();
  writeFileSync(join(folder, "locks", "a.2"), `elsewhere ${dead} 1\n${now + 50}\n`);
  expect(await open().lock("a", 100)).toBeUndefined();
});

test("a lock is extended by its holder, until another has it", async () => {
  const lock = (await open().lock("a", 100))!;
  now += 90;
  expect(await lock.refresh()).toBe(true);
  now += 90;
  expect(await open().lock("a", 100)).toBeUndefined();
  now += 20;
  const other = await open().lock("a", 100);
  expect(other).toBeDefined();
  expect(await lock.refresh()).toBe(false);
  await lock.release(); // no longer its own
  expect(await open().lock("a", 100)).toBeUndefined();
  await other!.release();
  expect(await open().lock("a", 100)).toBeDefined();
});
