/** Sources import the package by its own name, as its users do; the compiler and the tests find it without a build. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import tsconfig from "../tsconfig.json" with { type: "json" };

const ROOT = join(import.meta.dirname, "..");
const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  readonly exports: Readonly<Record<string, string | { readonly types?: string }>>;
};

/** The first entry of the table that matches; a pattern has one `*`. */
function sourceOf(name: string): string | undefined {
  for (const [pattern, [path]] of Object.entries(tsconfig.compilerOptions.paths)) {
    if (pattern === name) return path;
    const [start, end] = pattern.split("*") as [string, string | undefined];
    if (end !== undefined && name.startsWith(start)) return path!.replace("*", name.slice(start.length));
  }
  return undefined;
}

test("the compiler's table has the sources of each export", () => {
  const found: Record<string, string | undefined> = {};
  const expected: Record<string, string> = {};
  for (const [path, target] of Object.entries(exports)) {
    if (typeof target === "string" || target.types === undefined) continue;
    const name = `nagare${path.slice(1)}`;
    const source = target.types.replace("./dist/", "./src/").replace(/\.d\.ts$/, ".ts");
    // What only pages load has a folder of its own.
    expected[name] = existsSync(join(ROOT, source)) ? source : source.replace("./src/", "./web/");
    expect(existsSync(join(ROOT, expected[name])), expected[name]).toBe(true);
    found[name] = sourceOf(name);
  }
  expect(Object.keys(expected).length).toBeGreaterThan(20);
  expect(found).toEqual(expected);
});
