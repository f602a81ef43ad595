/** The page cache of this machine, and what the kernel may answer instead. */

import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { intercepted } from "../../base/testing/intercepted.ts";
import { koffi } from "../engine/testing/koffi.ts";
import { BYTES_PER_TURN, createKernelPageCache } from "./kernel-page-cache.ts";
import type { PageCache } from "./page-cache.ts";

const LENGTH = 100_000;
const ERRORS = { EPERM: 1, EINTR: 4, EIO: 5, EAGAIN: 11, EINVAL: 22, ENOSYS: 38, EOPNOTSUPP: 95 } as const;

let folder: string;
let fd: number;
const content = Uint8Array.from({ length: LENGTH }, (_, i) => (i * 7) % 251);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-page-cache-"));
  writeFileSync(join(folder, "file"), content);
  fd = openSync(join(folder, "file"), "r");
});
afterAll(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

/** How the kernel answers the next calls; the real answer where there is none. */
const cacheWith = (...answers: (number | undefined)[]) => {
  const preadv2 = vi.fn(() => answers.shift());
  return { cache: createKernelPageCache(intercepted(koffi!, { preadv2 })), preadv2 };
};

const realCache = (skip: (reason: string) => never): PageCache => {
  const { cache } = cacheWith();
  const answer = cache.read(fd, new Uint8Array(1), 0, 0);
  return answer === undefined ? skip("the filesystem of the temporary folder has no RWF_NOWAIT") : cache;
};

describe.skipIf(koffi === undefined)("the kernel's page cache (needs koffi on Linux)", () => {
  test("gives what was written just now, from any position", ({ skip }) => {
    const cache = realCache(skip);
    const chunk = new Uint8Array(new ArrayBuffer(64 * 1024));
    for (const [position, length] of [
      [0, chunk.length],
      [LENGTH - 5, 5],
      [4_095, 3],
    ] as const) {
      expect(cache.read(fd, chunk, length, position)).toBe(length);
      expect(Buffer.compare(chunk.subarray(0, length), content.subarray(position, position + length))).toBe(0);
    }
  });

  test("reads to where the chunk is in its buffer, and no further than asked", ({ skip }) => {
    const cache = realCache(skip);
    const buffer = new Uint8Array(new ArrayBuffer(1_000)).fill(255);
    expect(cache.read(fd, buffer.subarray(100, 200), 10, 1)).toBe(10);
    expect([...buffer.subarray(98, 112)]).toEqual([255, 255, ...content.subarray(1, 11), 255, 255]);
  });

  test("ends where the file ends, even if it has become shorter", ({ skip }) => {
    const cache = realCache(skip);
    const path = join(folder, "shrinking");
    writeFileSync(path, content);
    const shrinking = openSync(path, "r");
    try {
      const chunk = new Uint8Array(new ArrayBuffer(1_000));
      truncateSync(path, 50_300);
      expect(cache.read(shrinking, chunk, chunk.length, 50_000)).toBe(300);
      expect(cache.read(shrinking, chunk, chunk.length, 50_300)).toBe(0);
      expect(cache.read(shrinking, chunk, chunk.length, LENGTH)).toBe(0);
    } finally {
      closeSync(shrinking);
    }
  });

  test.each(["EAGAIN", "EINTR"] as const)("%s: nothing is at hand now", (name) => {
    const { cache, preadv2 } = cacheWith(ERRORS[name], ERRORS[name]);
    const chunk = new Uint8Array(1_000);
    expect(cache.read(fd, chunk, 1_000, 0)).toBe(0);
    expect(cache.read(fd, chunk, 1_000, 0)).toBe(0);
    expect(preadv2).toHaveBeenCalledTimes(2);
  });

  test.each(["EOPNOTSUPP", "EINVAL", "EIO"] as const)("%s: not for this file, but other files are asked", (name) => {
    const { cache, preadv2 } = cacheWith(ERRORS[name]);
    const chunk = new Uint8Array(1_000);
    expect(cache.read(fd, chunk, 1_000, 0)).toBeUndefined();
    cache.read(fd, chunk, 1_000, 0);
    expect(preadv2).toHaveBeenCalledTimes(2);
  });

  test.each(["ENOSYS", "EPERM"] as const)("%s: the kernel is not asked again", (name) => {
    const { cache, preadv2 } = cacheWith(ERRORS[name]);
    const chunk = new Uint8Array(1_000);
    expect(cache.read(fd, chunk, 1_000, 0)).toBeUndefined();
    expect(cache.read(fd, chunk, 1_000, 0)).toBeUndefined();
    expect(preadv2).toHaveBeenCalledOnce();
  });

  test("a bad descriptor is an error of that file", () => {
    const { cache } = cacheWith();
    expect(cache.read(1 << 20, new Uint8Array(1_000), 1_000, 0)).toBeUndefined();
  });

  test("gives a bounded number of bytes in one turn of the event loop", async ({ skip }) => {
    const cache = realCache(skip);
    const chunk = new Uint8Array(new ArrayBuffer(64 * 1024));
    const readAll = (): number => {
      for (let total = 0; ; ) {
        const read = cache.read(fd, chunk, chunk.length, 0)!;
        if (read === 0) return total;
        total += read;
      }
    };
    expect(readAll()).toBe(BYTES_PER_TURN);
    expect(readAll()).toBe(0);
    await nextTurn();
    expect(readAll()).toBe(BYTES_PER_TURN);
  });

  test("is missing where the C library is too old", () => {
    const func = (name: string): never => {
      throw new Error(`Cannot find symbol '${name}' in shared library`);
    };
    const old = { ...koffi!, load: () => ({ func }) };
    expect(() => createKernelPageCache(old)).toThrow("preadv2");
  });
});
