/** `npm run properties [-- FILTER…]`: the property tests with 100 times the examples. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const SCALE = 100;

const filters = process.argv.slice(2);
const files = ["src", "test", "interop", "bench"]
  .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: "utf8" }).map((file) => join(folder, file)))
  .filter((file) => file.endsWith(".test.ts") && readFileSync(file, "utf8").includes('from "fast-check"'))
  .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)));

const { status } = spawnSync("vitest", ["run", ...files], {
  stdio: "inherit",
  env: { ...process.env, NAGARE_PROPERTY_SCALE: String(SCALE) },
  shell: process.platform === "win32",
});
process.exit(status ?? 1);
