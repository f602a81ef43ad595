import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";
import layers from "./src/layers.json" with { type: "json" };
import { PROPERTY_SCALE } from "./test/properties/runs.ts";

/** The package by its own name, as examples import it: its sources, so that tests need no build. */
const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/**
 * Tests of the pure floors, and of those in virtual time: no state outlives a test, so they share loaded modules, which saves
 * two fifths of their time.
 */
const pure = layers.floors
  .slice(0, layers.lastPureFloor + 1)
  .flat()
  .map((folder) => `src/${folder}/**/*.test.ts`)
  .concat(["simulator", "qlog", "tcp", "conformance"].map((folder) => `test/${folder}/**/*.test.ts`));
/** Engines on those floors that use Node. Garbage collection calls them back, perhaps when another file is running. */
const impure = layers.impure.map((folder) => `src/${folder}/**/*.test.ts`);

export default defineConfig({
  resolve: {
    alias: [
      { find: /^nagare$/, replacement: source("src/edge/index.ts") },
      { find: /^nagare\/http$/, replacement: source("src/handler/index.ts") },
      { find: /^nagare\/testing$/, replacement: source("src/testkit/index.ts") },
      { find: /^nagare\/webtransport$/, replacement: source("src/client/webtransport/index.ts") },
      { find: /^nagare\/(.+)$/, replacement: source("src/$1/index.ts") },
    ],
  },
  test: {
    projects: [
      {
        extends: true,
        test: { name: "pure", include: pure, exclude: [...configDefaults.exclude, ...impure], isolate: false },
      },
      {
        extends: true,
        test: {
          name: "host",
          include: [
            "src/**/*.test.ts",
            "test/**/*.test.ts",
            "interop/**/*.test.ts",
            "bench/**/*.test.ts",
            "examples/**/*.test.ts",
          ],
          exclude: [...configDefaults.exclude, ...pure],
        },
      },
      { extends: true, test: { name: "engines", include: impure } },
    ],
    setupFiles: [
      "test/patience.ts",
      // Loads fast-check, which most files do without.
      ...(PROPERTY_SCALE === 1 ? [] : ["test/properties/configure.ts"]),
    ],
    // A slow machine takes longer than the second of the default.
    expect: { poll: { timeout: 30_000 } },
    testTimeout: 60_000 * PROPERTY_SCALE,
    hookTimeout: 60_000,
    maxWorkers: 3,
  },
});
