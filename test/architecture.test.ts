/**
 * Enforces the architecture (src/layers.json): imports only point down, siblings do not import each other, pure floors
 * stay pure, sockets belong to host/, there are no import cycles, and no file is too long.
 */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

interface Layers {
  readonly floors: readonly (readonly string[])[];
  readonly lastPureFloor: number;
  readonly impure: readonly string[];
}

const root = fileURLToPath(new URL("../", import.meta.url));
const layers = JSON.parse(readFileSync(join(root, "src/layers.json"), "utf8")) as Layers;
const floorOf = new Map(layers.floors.flatMap((folders, floor) => folders.map((folder) => [folder, floor] as const)));

const FOLDERS = ["src", "test", "interop", "bench", "fuzz", "examples", "scripts"];
/** Modules that open sockets. wire/ has its own versions of their pure helpers, such as isIP. */
const SOCKET_MODULES = /^(?:node:)?(?:net|tls|dgram|http|https|http2)$|^undici(?:\/|$)/;
/** Public suffixes, structured fields, URL patterns. */
const DATA = ["tldts", "structured-headers", "urlpattern-polyfill/urlpattern"];
const MAX_LINES = 500;

/** Every source file, including tests, as a path relative to the repository root. Follows no links. */
const filesIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === "node_modules" || entry.name.startsWith(".")) return [];
    if (entry.isDirectory()) return filesIn(`${folder}/${entry.name}`);
    return entry.name.endsWith(".ts") ? [`${folder}/${entry.name}`] : [];
  });
const files = FOLDERS.flatMap(filesIn);
const textOf = new Map(files.map((file) => [file, readFileSync(join(root, file), "utf8")]));

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^"'`;]*?from\s*"([^"]+)"|(?:^|\n)\s*import\s*"([^"]+)"|\bimport\(\s*"([^"]+)"/g;

/** Static imports, exports and import() of all files, including types; `target` is set for our own files. */
const edges = files.flatMap((file) =>
  [...textOf.get(file)!.matchAll(IMPORT)].map((match) => {
    const specifier = (match[1] ?? match[2] ?? match[3])!;
    const target = specifier.startsWith(".")
      ? relative(root, resolve(root, dirname(file), specifier))
          .split(sep)
          .join("/")
      : undefined;
    return { file, specifier, target };
  }),
);

/** Tests may import from higher floors, and open sockets. */
const isProduct = (file: string): boolean =>
  file.startsWith("src/") && !file.endsWith(".test.ts") && !file.includes("/testing/");
const productFiles = files.filter(isProduct);
const productEdges = edges.filter(({ file }) => isProduct(file));

const folderOf = (file: string): string => file.split("/")[1]!;
const isPure = (file: string): boolean =>
  floorOf.get(folderOf(file))! <= layers.lastPureFloor &&
  !layers.impure.some((folder) => file.startsWith(`src/${folder}/`));

describe("the architecture", () => {
  test("check covers all files", () => {
    expect(productFiles.length).toBeGreaterThan(250);
    expect(files.length).toBeGreaterThan(400);
    expect(productEdges.filter(({ target }) => target !== undefined).length).toBeGreaterThan(1000);
    for (const folder of FOLDERS) expect(files.some((file) => file.startsWith(`${folder}/`))).toBe(true);
    // Every import of our own files leads to one that was read.
    const known = new Set(files);
    const lost = edges.filter(
      ({ target }) => target?.endsWith(".ts") && !known.has(target) && !target.startsWith(".."),
    );
    expect(lost.map(({ file, target }) => `${file} -> ${target}`)).toEqual([]);
  });

  test("every folder has a floor", () => {
    expect(productFiles.filter((file) => !floorOf.has(folderOf(file)))).toEqual([]);
  });

  test("imports only point down, and never to a sibling", () => {
    const wrong = productEdges
      .filter(({ file, target }) => {
        if (target === undefined || target === "src/layers.json") return false;
        const from = folderOf(file);
        const to = folderOf(target);
        return target.startsWith("src/") && from !== to && !(floorOf.get(to)! < floorOf.get(from)!);
      })
      .map(({ file, target }) => `${file} -> ${target}`);
    expect(wrong).toEqual([]);
  });

  test("product code imports no tests and no tools", () => {
    const wrong = productEdges
      .filter(({ target }) => target?.endsWith(".ts") && !isProduct(target))
      .map(({ file, target }) => `${file} -> ${target}`);
    expect(wrong).toEqual([]);
  });

  test("sockets belong to host/", () => {
    const users = productEdges.filter(({ specifier }) => SOCKET_MODULES.test(specifier)).map(({ file }) => file);
    expect(users.length).toBeGreaterThan(5);
    expect([...new Set(users)].filter((file) => !file.startsWith("src/host/"))).toEqual([]);
  });

  test("pure floors import no Node modules and no impure folder", () => {
    const wrong = productEdges
      .filter(({ file }) => isPure(file))
      .filter(({ specifier, target }) => specifier.startsWith("node:") || (target !== undefined && !isPure(target)))
      .map(({ file, specifier }) => `${file} -> ${specifier}`);
    expect(wrong).toEqual([]);
  });

  test("pure floors depend only on audited cryptography, and on small synchronous libraries for data", () => {
    const packages = productEdges
      .filter(({ file, target }) => target === undefined && isPure(file))
      .map(({ specifier }) => specifier.split("/").slice(0, 2).join("/"));
    expect([...new Set(packages)].filter((name) => !name.startsWith("@noble/") && !DATA.includes(name))).toEqual([]);
  });

  test("there are no import cycles, not even of types", () => {
    const next = new Map<string, string[]>();
    for (const { file, target } of edges) {
      if (target === undefined) continue;
      next.set(file, [...(next.get(file) ?? []), target]);
    }
    const cycles: string[] = [];
    const done = new Set<string>();
    const visit = (file: string, path: string[]): void => {
      const at = path.indexOf(file);
      if (at >= 0) {
        cycles.push([...path.slice(at), file].join(" -> "));
        return;
      }
      if (done.has(file)) return;
      for (const target of next.get(file) ?? []) visit(target, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });

  test(`no source file has more than ${MAX_LINES} lines`, () => {
    const long = files.filter((file) => textOf.get(file)!.trimEnd().split("\n").length > MAX_LINES);
    expect(long).toEqual([]);
  });
});
