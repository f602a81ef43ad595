import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";
import layers from "./src/layers.json" with { type: "json" };
import { PROPERTY_SCALE } from "./test/properties/runs.ts";
import tsconfig from "./tsconfig.json" with { type: "json" };

/**
 * The package by its own name, as examples import it: its sources, so that tests need no build. The compiler's table lists names
 * before the patterns that would match them.
 */
const alias = Object.entries(tsconfig.compilerOptions.paths).map(([name, [path]]) => ({
  find: new RegExp(`^${name.replace("*", "(.+)")}$`),
  replacement: fileURLToPath(new URL(path!.replace("*", "$1"), import.meta.url)),
}));

/**
 * Tests of the pure floors, and of those in virtual time: no state outlives a test, so they share loaded modules, which saves
 * two fifths of their time.
 */
const pure = layers.floors
  .slice(0, layers.lastPureFloor + 1)
  .flat()
  .map((folder) => `src/${folder}/**/*.test.ts`)
  .concat(["simulator", "qlog", "tcp", "conformance"].map((folder) => `test/${folder}/**/*.test.ts`))
  .concat("web/**/*.test.ts");
/** Engines on those floors that use Node. Garbage collection calls them back, perhaps when another file is running. */
const impure = layers.impure.map((folder) => `src/${folder}/**/*.test.ts`);

/**
 * Tests of floors that do I/O, but close what they open. Loading the modules under them takes most of their time, so these share
 * them too, apart from those that replace modules or the environment, patch what others use, or count the process's resources.
 */
const shared = [
  ...["host", "client", "cookies", "edge", "cli"].map((folder) => `src/${folder}/**/*.test.ts`),
  ...["bench", "interop"].map((folder) => `${folder}/**/*.test.ts`),
];
const alone = [
  "src/cli/{dev,doctor/engine-checks,serve/acme-flags}.test.ts",
  "src/client/{client,decode,plan-b,unread}.test.ts",
  "src/client/net-connect/*.test.ts",
  "src/edge/{alt-svc,auto-certificates,engine,memory-limit,reload,serve,stalled}.test.ts",
  "src/edge/files/*.test.ts",
  "src/host/acme/*.test.ts",
  "src/host/certificates/trust.test.ts",
  "src/host/client/staggered.test.ts",
  "src/host/engine/engine.test.ts",
  "src/host/files/engine-page-cache.test.ts",
  "src/host/http/{fetch-face,http2-session-timer}.test.ts",
  "src/host/memcache/lua/*.test.ts",
  "src/host/system/*.test.ts",
  "src/host/timer.test.ts",
];

export default defineConfig({
  resolve: {
    alias,
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
          name: "shared",
          include: shared,
          exclude: [...configDefaults.exclude, ...alone],
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: "host",
          include: ["src/**/*.test.ts", "test/**/*.test.ts", "examples/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...pure, ...shared],
        },
      },
      { extends: true, test: { name: "alone", include: [...impure, ...alone] } },
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
