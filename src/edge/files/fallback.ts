/** What is served where a path names no file: the page of that name, or the page of an application that routes by itself. */
import { type Located, type LocatedFile, locateFile, type ServedTree } from "./locate.ts";

export interface Fallback {
  readonly segments: readonly string[];
  readonly file: LocatedFile;
}

/** `/about` for about.html. */
export function pageFor(
  tree: ServedTree,
  segments: readonly string[],
  located: Located | undefined,
): Fallback | undefined {
  const last = segments.at(-1);
  if (located !== undefined || last === undefined) return undefined;
  return found(tree, [...segments.slice(0, -1), `${last}.html`]);
}

/** The first page for every address that looks like one; a missing picture or script stays a 404. */
export function applicationFor(tree: ServedTree, segments: readonly string[]): Fallback | undefined {
  return segments.at(-1)?.includes(".") === true ? undefined : found(tree, ["index.html"]);
}

function found(tree: ServedTree, segments: readonly string[]): Fallback | undefined {
  const file = locateFile(tree, segments);
  return file === undefined ? undefined : { segments, file };
}
