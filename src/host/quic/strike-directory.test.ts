/** One register for several processes: the same folder, opened as often as there are processes. */

import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Instant } from "../../base/time.ts";
import { REPLAY_WINDOW } from "../../tls/index.ts";
import { openRegister } from "./strike-directory.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "nagare-strikes-"));
});
afterEach(async () => {
  await chmod(directory, 0o700).catch(() => undefined);
  await rm(directory, { recursive: true, force: true });
});

const START = (1_000 * REPLAY_WINDOW) as Instant;
const at = (windows: number) => (START + windows * REPLAY_WINDOW) as Instant;
const id = (seed: number) => new Uint8Array(32).fill(seed);

test("an id is accepted once, by whichever process is first, also after a restart", async () => {
  const [one, other] = await Promise.all([openRegister(directory), openRegister(directory)]);
  expect(one.claim(id(1), START)).toBe(true);
  expect(other.claim(id(1), START)).toBe(false);
  expect(other.claim(id(2), START)).toBe(true);
  expect(one.claim(id(2), START)).toBe(false);
  expect((await openRegister(directory)).claim(id(1), START)).toBe(false);
});

test("an id is remembered for the whole replay window, wherever it began", async () => {
  const one = await openRegister(directory);
  const other = await openRegister(directory);
  for (const [seed, offset] of [0, 0.1, 0.5, 0.999].entries()) {
    expect(one.claim(id(seed), at(offset))).toBe(true);
    for (const later of [0.2, 0.5, 0.99]) {
      expect(other.claim(id(seed), at(offset + later))).toBe(false);
      expect(one.claim(id(seed), at(offset + later))).toBe(false);
    }
  }
});

test("processes on both sides of a boundary do not both accept", async () => {
  const one = await openRegister(directory);
  const other = await openRegister(directory);
  expect(one.claim(id(1), at(0.999))).toBe(true);
  expect(other.claim(id(1), at(1))).toBe(false);
  expect(other.claim(id(2), at(1))).toBe(true);
  expect(one.claim(id(2), at(0.999))).toBe(false);
});

test("what is no longer fresh is removed", async () => {
  const register = await openRegister(directory);
  for (let window = 0; window < 10; window += 1) expect(register.claim(id(window), at(window))).toBe(true);
  await vi.waitUntil(async () => (await readdir(directory)).length === 2);
});

test("without the folder, nothing is accepted", async () => {
  const register = await openRegister(directory);
  expect(register.claim(id(1), START)).toBe(true);
  await rm(directory, { recursive: true });
  expect(register.claim(id(2), START)).toBe(false);
});
