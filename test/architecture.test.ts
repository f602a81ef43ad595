/** The house (src/layers.json): imports only point down, siblings do not import each other, pure floors stay pure. */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

interface Layers {
  readonly floors: readonly (readonly string[])[];
  readonly lastPureFloor: number;
  readonly impure: readonly string[];
}

const source = fileURLToPath(new URL("../src/", import.meta.url));
const layers = JSON.parse(readFileSync(join(source, "layers.json"), "utf8")) as Layers;
const floorOf = new Map(layers.floors.flatMap((folders, floor) => folders.map((folder) => [folder, floor] as const)));

const files = readdirSync(source, { recursive: true, encoding: "utf8" })
  .map((file) => file.split(sep).join("/"))
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !file.includes("/testing/"));

/** Static imports, exports and import() of a file, types included. */
function importsOf(file: string): { specifier: string; isType: boolean }[] {
  const text = readFileSync(join(source, file), "utf8");
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s[^"'`;]*?from\s*"([^"]+)"|(?:^|\n)\s*import\s*"([^"]+)"|\bimport\(\s*"([^"]+)"/g,
  );
  return [...found].map((match) => ({
    specifier: (match[1] ?? match[2] ?? match[3])!,
    isType: /^\s*(?:import|export) type\s/.test(match[0]),
  }));
}

const edges = files.flatMap((file) =>
  importsOf(file).map(({ specifier, isType }) => ({
    file,
    specifier,
    isType,
    target: specifier.startsWith(".")
      ? relative(source, resolve(source, dirname(file), specifier))
          .split(sep)
          .join("/")
      : undefined,
  })),
);

const folderOf = (file: string): string => file.split("/")[0]!;
const isPure = (file: string): boolean =>
  floorOf.get(folderOf(file))! <= layers.lastPureFloor &&
  !layers.impure.some((folder) => file.startsWith(`${folder}/`));

describe("the house", () => {
  test("was really looked at", () => {
    expect(files.length).toBeGreaterThan(150);
    expect(edges.filter(({ target }) => target !== undefined).length).toBeGreaterThan(500);
    for (const { target } of edges)
      if (target !== undefined && !target.startsWith("..")) expect(files.concat("layers.json")).toContain(target);
  });

  test("every folder has a floor", () => {
    expect(files.filter((file) => file.includes("/") && !floorOf.has(folderOf(file)))).toEqual([]);
  });

  test("imports only point down, and never to a sibling", () => {
    const wrong = edges
      .filter(({ file, target }) => target !== undefined && file.includes("/") && target.includes("/"))
      .filter(({ file, target }) => {
        const from = folderOf(file);
        const to = folderOf(target!);
        return from !== to && floorOf.get(to)! >= floorOf.get(from)!;
      })
      .map(({ file, target }) => `${file} -> ${target}`);
    expect(wrong).toEqual([]);
  });

  test("pure floors import no Node modules and no impure folder", () => {
    const wrong = edges
      .filter(({ file }) => file.includes("/") && isPure(file))
      .filter(({ specifier, target }) => specifier.startsWith("node:") || (target !== undefined && !isPure(target)))
      .map(({ file, specifier }) => `${file} -> ${specifier}`);
    expect(wrong).toEqual([]);
  });

  test("pure floors depend on audited cryptography alone", () => {
    const packages = edges
      .filter(({ file, target }) => target === undefined && file.includes("/") && isPure(file))
      .map(({ specifier }) => specifier.split("/").slice(0, 2).join("/"));
    expect([...new Set(packages)].filter((name) => !name.startsWith("@noble/"))).toEqual([]);
  });

  test("no file needs itself, by way of others, to be loaded", () => {
    const next = new Map<string, string[]>();
    for (const { file, target, isType } of edges) {
      if (target !== undefined && !isType) next.set(file, [...(next.get(file) ?? []), target]);
    }
    const circles: string[] = [];
    const done = new Set<string>();
    const visit = (file: string, path: string[]): void => {
      const at = path.indexOf(file);
      if (at >= 0) {
        circles.push([...path.slice(at), file].join(" -> "));
        return;
      }
      if (done.has(file)) return;
      for (const target of next.get(file) ?? []) visit(target, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    expect(circles).toEqual([]);
  });
});
