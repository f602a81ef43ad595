/**
 * Finds a file below the root. The system calls are synchronous: on a local disk they cost a few microseconds, where
 * handing them to a thread costs ten times that; only contents are read in the background.
 */
import { realpathSync, type Stats, statSync } from "node:fs";
import { join, sep } from "node:path";

export interface LocatedFile {
  /** Without symbolic links in it. */
  readonly path: string;
  readonly stats: Stats;
}

export type Located = { readonly type: "file"; readonly file: LocatedFile } | { readonly type: "folder" };

/** What a path names, or undefined if there is nothing that may be served. Symbolic links are followed within the root. */
export function locate(root: string, segments: readonly string[]): Located | undefined {
  try {
    // The root too is resolved anew each time: it may be a link that a deployment turns to another folder.
    const realRoot = realpathSync.native(root);
    const path = segments.length === 0 ? realRoot : realpathSync.native(join(realRoot, ...segments));
    if (path !== realRoot && !path.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep)) return undefined;
    const stats = statSync(path);
    if (stats.isDirectory()) return { type: "folder" };
    return stats.isFile() ? { type: "file", file: { path, stats } } : undefined; // not a device, socket or pipe
  } catch (error) {
    if (ABSENT.has((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

/** What a client may not tell from a file that is not there. */
const ABSENT = new Set(["ENOENT", "ENOTDIR", "EACCES", "EPERM", "ELOOP", "ENAMETOOLONG", "EINVAL"]);

export const locateFile = (root: string, segments: readonly string[]): LocatedFile | undefined => {
  const located = locate(root, segments);
  return located?.type === "file" ? located.file : undefined;
};
