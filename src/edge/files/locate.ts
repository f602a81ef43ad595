/**
 * Finds a file below the root. The system calls are synchronous: on a local disk they take a few microseconds, and
 * moving them to a thread would cost ten times that. Only file contents are read asynchronously.
 */
import { accessSync, constants, realpathSync, type Stats, statSync } from "node:fs";
import { join, sep } from "node:path";
import { holdsPrivateKey } from "./private-key.ts";

export interface LocatedFile {
  /** Has no symbolic links. */
  readonly path: string;
  readonly stats: Stats;
}

export interface ServedTree {
  readonly root: string;
  /** Called with a path that exists but may not be served, and why. */
  readonly onRefused: (path: string, why: string) => void;
}

export type Located = { readonly type: "file"; readonly file: LocatedFile } | { readonly type: "folder" };

/** Finds what a path names; undefined if it may not be served. Follows symbolic links within the root. */
export const locate = (tree: ServedTree, segments: readonly string[]): Located | undefined =>
  locatePath(tree, join(tree.root, ...segments));

export const locateFile = (tree: ServedTree, segments: readonly string[]): LocatedFile | undefined => {
  const located = locate(tree, segments);
  return located?.type === "file" ? located.file : undefined;
};

/** Finds the file next to another whose name has an additional `suffix`. Usually there is none, which must be cheap. */
export function locateSibling(tree: ServedTree, { path }: LocatedFile, suffix: string): LocatedFile | undefined {
  const sibling = unlessAbsent(() => statSync(path + suffix, { throwIfNoEntry: false })); // cheaper than an error
  const located = sibling === undefined ? undefined : locatePath(tree, path + suffix);
  return located?.type === "file" ? located.file : undefined;
}

/** True if the path is inside the folder. Neither may contain symbolic links. */
export const isBelow = (folder: string, path: string): boolean =>
  path.startsWith(folder.endsWith(sep) ? folder : folder + sep);

const READABLE_BY_ALL = 0o444;

const locatePath = ({ root, onRefused }: ServedTree, path: string): Located | undefined =>
  unlessAbsent(() => {
    // The root is also resolved each time: it may be a link that a deployment points at another folder.
    const realRoot = realpathSync.native(root);
    const real = realpathSync.native(path);
    if (real !== realRoot && !isBelow(realRoot, real)) {
      onRefused(path, `it links to ${real}, outside the served folder`);
      return undefined;
    }
    const stats = statSync(real);
    if (stats.isDirectory()) return { type: "folder" };
    if (!stats.isFile()) return undefined; // a device, socket or pipe
    // Most files are readable by all, which saves a system call.
    if ((stats.mode & READABLE_BY_ALL) !== READABLE_BY_ALL) accessSync(real, constants.R_OK);
    if (holdsPrivateKey(real)) {
      onRefused(path, "it holds a private key");
      return undefined;
    }
    return { type: "file", file: { path: real, stats } };
  });

/** Errors that a client must not be able to distinguish from a missing file. */
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
