/** Checks the pages of the site as a browser would read them: every reference resolves, and none leads out while reading. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** What a page loads by itself; links that a reader may follow can lead anywhere. */
const LOADED = /<(?:script|img|link|iframe|source)\b[^>]*?\b(?:src|href)="((?:https?:)?\/\/[^"]+)"/g;
const REFERENCE = /\b(?:href|src)="([^"]+)"/g;

/** Returns a line for each problem. */
export function brokenLinks(directory: string): readonly string[] {
  const files = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".html"));
  const ids = new Map<string, ReadonlySet<string>>();
  const idsOf = (file: string): ReadonlySet<string> => {
    let known = ids.get(file);
    if (known === undefined) {
      known = new Set(
        [...readFileSync(file, "utf8").matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id!.replaceAll("&amp;", "&")),
      );
      ids.set(file, known);
    }
    return known;
  };
  return files.flatMap((name) => {
    const page = join(directory, name);
    const text = readFileSync(page, "utf8");
    const problems = [...text.matchAll(LOADED)].map(([, url]) => `${name} loads ${url}`);
    for (const [, written] of text.matchAll(REFERENCE)) {
      const target = written!.replaceAll("&amp;", "&");
      if (/^(?:[a-z]+:|\/\/)/.test(target)) continue;
      const [path = "", id] = target.split("#").map(decodeURIComponent);
      const file = path === "" ? page : join(dirname(page), path.split("?")[0]!);
      if (!existsSync(file) || !statSync(file).isFile()) problems.push(`${name} links to ${relative(directory, file)}`);
      else if (id !== undefined && id !== "" && file.endsWith(".html") && !idsOf(file).has(id)) {
        problems.push(`${name} links to ${relative(directory, file)}#${id}, which has no such heading`);
      }
    }
    return problems;
  });
}
