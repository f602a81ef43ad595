/**
 * Finds a file below the root. The system calls are synchronous: on a local disk they cost a few microseconds, where
 * handing them to a thread costs ten times that; only contents are read in the background.
 */
import { accessSync, constants, realpathSync, type Stats, statSync } from "node:fs";
import { join, sep } from "node:path";

export interface LocatedFile {
  /** Without symbolic links in it. */
  readonly path: string;
  readonly stats: Stats;
}

export interface ServedTree {
  readonly root: string;
  /** Told of a path whose symbolic links lead out of the tree. */
  readonly onEscape: (path: string, target: string) => void;
}

export type Located = { readonly type: "file"; readonly file: LocatedFile } | { readonly type: "folder" };

/** What a path names, or undefined if there is nothing that may be served. Symbolic links are followed within the root. */
export const locate = (tree: ServedTree, segments: readonly string[]): Located | undefined =>
  locatePath(tree, join(tree.root, ...segments));

export const locateFile = (tree: ServedTree, segments: readonly string[]): LocatedFile | undefined => {
  const located = locate(tree, segments);
  return located?.type === "file" ? located.file : undefined;
};

/** The file beside another whose name goes on with `suffix`. Mostly there is none, which has to cost little. */
export function locateBeside(tree: ServedTree, { path }: LocatedFile, suffix: string): LocatedFile | undefined {
  const beside = unlessAbsent(() => statSync(path + suffix, { throwIfNoEntry: false })); // unlike an error, costs little
  const located = beside === undefined ? undefined : locatePath(tree, path + suffix);
  return located?.type === "file" ? located.file : undefined;
}

/** Whether a path lies in a folder, both without symbolic links. */
export const isBelow = (folder: string, path: string): boolean =>
  path.startsWith(folder.endsWith(sep) ? folder : folder + sep);

const READABLE_BY_ALL = 0o444;

const locatePath = ({ root, onEscape }: ServedTree, path: string): Located | undefined =>
  unlessAbsent(() => {
    // The root too is resolved anew each time: it may be a link that a deployment turns to another folder.
    const realRoot = realpathSync.native(root);
    const real = realpathSync.native(path);
    if (real !== realRoot && !isBelow(realRoot, real)) {
      onEscape(path, real);
      return undefined;
    }
    const stats = statSync(real);
    if (stats.isDirectory()) return { type: "folder" };
    if (!stats.isFile()) return undefined; // a device, socket or pipe
    // Mostly everybody may read a file, and the system need not be asked.
    if ((stats.mode & READABLE_BY_ALL) !== READABLE_BY_ALL) accessSync(real, constants.R_OK);
    return { type: "file", file: { path: real, stats } };
  });

/** What a client may not tell from a file that is not there. */
const ABSENT = new Set(["ENOENT", "ENOTDIR", "EACCES", "EPERM", "ELOOP", "ENAMETOOLONG", "EINVAL"]);

export const isAbsence = (error: unknown): boolean => ABSENT.has((error as NodeJS.ErrnoException).code ?? "");

function unlessAbsent<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}
