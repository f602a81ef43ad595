/** Small files that outlive the process, in the user's cache directory: the development certificate, the reset key. */

import { randomBytes } from "node:crypto";
import { link, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

export function cacheDirectory(): string {
  const base = process.env.XDG_CACHE_HOME;
  // XDG Base Directory Specification: ignore a relative path.
  return join(base?.startsWith("/") === true ? base : join(homedir(), ".cache"), "nagare");
}

/** The user's folder for data, which, unlike the cache, nobody expects to be emptied. */
export function dataDirectory(): string {
  const base = process.env.XDG_DATA_HOME;
  return join(base?.startsWith("/") === true ? base : join(homedir(), ".local", "share"), "nagare");
}

/**
 * Atomically creates a file that only its owner can read. If another process has created it meanwhile, `existing` reads it
 * and that value is returned; if `existing` rejects the content, the file is replaced. Rejects if nothing can be written.
 */
export async function placeFile<T>(
  path: string,
  content: string,
  existing: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
  try {
    await makeDirectory(dirname(path));
    await writeFile(temporary, content, { mode: 0o600, flag: "wx" });
    try {
      // Unlike a rename, a link does not replace what another process has put there meanwhile.
      await link(temporary, path);
    } catch {
      const other = await existing();
      if (other !== undefined) return other;
      await rename(temporary, path);
    }
    return undefined;
  } finally {
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

/** Node's recursive mkdir never returns if a file system refuses new folders with ENOENT, as /proc does. */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || dirname(path) === path) throw error;
    await makeDirectory(dirname(path));
    await mkdir(path, { mode: 0o700 }).catch((second: NodeJS.ErrnoException) => {
      if (second.code !== "EEXIST") throw second; // another was first
    });
  }
}
