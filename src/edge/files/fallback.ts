/** Fallbacks for a path without a file: the page of that name, or the page of a single-page application. */
import { type Located, type LocatedFile, locateFile, type ServedTree } from "./locate.ts";

export interface Fallback {
  readonly segments: readonly string[];
  readonly file: LocatedFile;
}

/** about.html for `/about`. */
export function findPage(
  tree: ServedTree,
  segments: readonly string[],
  located: Located | undefined,
): Fallback | undefined {
  const last = segments.at(-1);
  if (located !== undefined || last === undefined) return undefined;
  return findFallback(tree, [...segments.slice(0, -1), `${last}.html`]);
}

/** index.html for every path that looks like a page; a missing image or script stays a 404. */
export function findApplication(tree: ServedTree, segments: readonly string[]): Fallback | undefined {
  return segments.at(-1)?.includes(".") === true ? undefined : findFallback(tree, ["index.html"]);
}

function findFallback(tree: ServedTree, segments: readonly string[]): Fallback | undefined {
  const file = locateFile(tree, segments);
  return file === undefined ? undefined : { segments, file };
}
