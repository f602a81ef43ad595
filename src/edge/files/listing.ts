/** A page of links for a folder without index.html: the entries that may be served, folders first. */
import { opendirSync } from "node:fs";
import { join } from "node:path";
import type { FieldLine } from "../../http/index.ts";
import { locate, type ServedTree } from "./locate.ts";
import { parsePath } from "./safe-path.ts";

/** A longer page is of no use, and each entry costs system calls. */
const MAX_ENTRIES = 1000;
/** The maximum number of names to read and sort. A folder may hold millions, and other requests wait meanwhile. */
const MAX_NAMES = 5000;

const { compare } = new Intl.Collator("en", { numeric: true });
const { format } = new Intl.NumberFormat("en");

export const LISTING_FIELDS: readonly FieldLine[] = [
  ["content-type", "text/html; charset=utf-8"],
  ["cache-control", "no-cache"],
  ["content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"],
  ["x-content-type-options", "nosniff"],
];

/** Returns the page as HTML, or undefined if the folder cannot be read. */
export function listing(tree: ServedTree, segments: readonly string[]): string | undefined {
  let names: string[];
  try {
    names = namesIn(join(tree.root, ...segments));
  } catch {
    return undefined;
  }
  const entries = names
    .filter((name) => parsePath(`/${encodeURIComponent(name)}`).ok)
    .sort(compare)
    .slice(0, MAX_ENTRIES)
    .flatMap((name) => {
      const located = locate(tree, [...segments, name]);
      return located === undefined ? [] : [{ name, located }];
    });
  const isFolder = (entry: (typeof entries)[number]): boolean => entry.located.type === "folder";
  const rows = [...entries.filter(isFolder), ...entries.filter((entry) => !isFolder(entry))].map(
    ({ name, located }) => {
      const slash = located.type === "folder" ? "/" : "";
      const size = located.type === "file" ? format(located.file.stats.size) : "";
      return `<tr><td><a href="./${encodeURIComponent(name)}${slash}">${text(name)}${slash}</a><td>${size}`;
    },
  );
  const title = text(`/${segments.map((each) => `${each}/`).join("")}`);
  const up = segments.length > 0 ? '<tr><td><a href="../">../</a><td>' : "";
  const more = names.length > MAX_ENTRIES ? `<p>Only ${MAX_ENTRIES} names are shown.` : "";
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
<style>:root{color-scheme:light dark}body{font:1rem/1.6 system-ui,sans-serif;margin:1.5rem auto;max-width:50rem;padding:0 1rem}td{overflow-wrap:anywhere;padding-right:1rem}td+td{text-align:right;font-variant-numeric:tabular-nums}</style>
<h1>${title}</h1><table>${up}${rows.join("\n")}</table>${more}
`;
}

function namesIn(path: string): string[] {
  const folder = opendirSync(path, { bufferSize: 256 });
  try {
    const names: string[] = [];
    for (let entry = folder.readSync(); entry !== null && names.length < MAX_NAMES; entry = folder.readSync()) {
      names.push(entry.name);
    }
    return names;
  } finally {
    folder.closeSync();
  }
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const text = (raw: string): string => raw.replace(/[&<>"]/g, (each) => ENTITIES[each]!);
