/** The page cache before, while and after its engine is loaded. */

import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { koffi } from "../engine/testing/koffi.ts";
import type { Fault } from "../guard.ts";
import { EnginePageCache } from "./engine-page-cache.ts";

const fd = openSync(fileURLToPath(import.meta.url), "r");
afterAll(() => closeSync(fd));
afterEach(() => {
  vi.unstubAllEnvs();
});

const chunk = new Uint8Array(100);
const faults: Fault[] = [];
const create = (engine?: "auto" | "portable") => new EnginePageCache(engine, (fault) => faults.push(fault));

const untilLoaded = (cache: EnginePageCache): Promise<number | undefined> =>
  vi.waitFor(() => {
    const read = cache.read(fd, chunk, 100, 0);
    expect(read).not.toBe(0);
    return read;
  });

test.each<[name: string, environment: string, option: "auto" | "portable" | undefined]>([
  ["the portable engine, as an option", "auto", "portable"],
  ["the portable engine, by NAGARE_ENGINE", "portable", undefined],
  ["an engine that does not exist", "turbo", "auto"],
])("%s, has no page cache", async (_name, environment, option) => {
  vi.stubEnv("NAGARE_ENGINE", environment);
  const cache = create(option);
  expect(cache.read(fd, chunk, 100, 0)).toBe(0);
  expect(await untilLoaded(cache)).toBeUndefined();
  expect(faults).toEqual([]);
});

test.skipIf(koffi === undefined)(
  "the fast engine has one once it is loaded (needs koffi on Linux)",
  async ({ skip }) => {
    vi.stubEnv("NAGARE_ENGINE", "fast");
    const cache = create();
    expect(cache.read(fd, chunk, 100, 0)).toBe(0);
    if ((await untilLoaded(cache)) === undefined) skip("this filesystem has no RWF_NOWAIT");
    expect(Buffer.from(chunk).toString()).toMatch(/^\/\*\* The page cache before/);
  },
);
