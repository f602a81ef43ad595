import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Skip } from "../result.ts";
import { built, type Recipe } from "./build.ts";

let folder: string;
let sources: string;
let builds: string;
let count: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-build-"));
  [sources, builds] = [mkdtempSync(join(folder, "sources-")), join(folder, "builds")];
  writeFileSync(join(sources, "main"), "one");
  count = 0;
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const recipe = (more: Partial<Recipe> = {}): Recipe => ({
  name: "copy",
  sources: [sources],
  build: async (directory) => {
    count += 1;
    writeFileSync(join(directory, "out"), readFileSync(join(sources, "main")));
  },
  ...more,
});

const build = (more?: Partial<Recipe>) => built(recipe(more), () => {}, builds);

test("unchanged sources are built once", async () => {
  const first = await build();
  expect(await build()).toBe(first);
  expect(count).toBe(1);
  expect(readFileSync(join(first, "out"), "utf8")).toBe("one");
});

test("a change of content, of a name or of a pinned version makes another build, and going back none", async () => {
  const first = await build();
  writeFileSync(join(sources, "main"), "two");
  const second = await build();
  writeFileSync(join(sources, "more"), "");
  const third = await build();
  const fourth = await build({ pinned: ["library 2"] });
  expect(new Set([first, second, third, fourth]).size).toBe(4);
  expect(count).toBe(4);
  rmSync(join(sources, "more"));
  expect(await build()).toBe(second);
  expect(count).toBe(4);
});

test("a build that fails is a skip with its reason, and leaves nothing", async () => {
  const failing = build({ build: () => Promise.reject(new Error("no compiler")) });
  await expect(failing).rejects.toThrow(new Skip("cannot build copy: no compiler"));
  expect(readdirSync(builds)).toEqual([]);
  await build();
  expect(count).toBe(1);
});
