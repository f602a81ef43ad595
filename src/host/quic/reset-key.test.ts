import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { portableEngine } from "../../crypto/portable/index.ts";
import { keptResetKey, resetSecret } from "./reset-key.ts";

describe("the reset key", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "nagare-test-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  test("is kept for the next run, readable only by its owner", async () => {
    const { key, isKept } = await keptResetKey(directory);
    expect([key.length, isKept]).toEqual([32, true]);
    expect(await keptResetKey(directory)).toEqual({ key, isKept: true });
    const [name] = await readdir(directory);
    if (process.platform !== "win32") expect((await stat(join(directory, name!))).mode & 0o777).toBe(0o600);
  });

  test("is the same for servers that start at the same time", async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => keptResetKey(directory)));
    expect(new Set(keys.map(({ key }) => String(key))).size).toBe(1);
    expect(await readdir(directory)).toHaveLength(1);
  });

  test("is replaced if damaged", async () => {
    await writeFile(join(directory, "reset-key"), "not a key");
    const { key, isKept } = await keptResetKey(directory);
    expect(isKept).toBe(true);
    expect((await readFile(join(directory, "reset-key"), "latin1")).trim()).toBe(Buffer.from(key).toString("hex"));
  });

  test.runIf(process.platform === "linux")("lasts as long as the process if it cannot be stored", async () => {
    const first = await keptResetKey("/proc/nagare/cache");
    expect([first.key.length, first.isKept]).toEqual([32, false]);
    expect((await keptResetKey("/proc/nagare/cache")).key).not.toEqual(first.key);
  });

  test("yields a different secret per endpoint, or one could compute another's tokens (RFC 9000 §21.11)", () => {
    const key = new Uint8Array(32).fill(1);
    const secret = (host: string, port: number) => resetSecret(portableEngine, key, { family: 4, host, port });
    expect(secret("0.0.0.0", 443)).toEqual(secret("0.0.0.0", 443));
    expect(secret("0.0.0.0", 443)).not.toEqual(secret("0.0.0.0", 8443));
    expect(secret("127.0.0.1", 443)).not.toEqual(secret("127.0.0.2", 443));
  });
});
