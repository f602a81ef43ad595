/**
 * Builds into the user's cache, outside the repository. The folder of a build is named after a digest of all that
 * decides its content, so a change rebuilds it, and nothing else does.
 */

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Skip } from "../result.ts";
import { exists } from "./debian.ts";
import { peersDirectory } from "./trixie.ts";

const BUILD_MINUTES = 30;

export interface Recipe {
  readonly name: string;
  /** Folders with sources. */
  readonly sources?: readonly string[];
  /** Package versions, and all else that decides the result. */
  readonly pinned?: readonly string[];
  /** Leaves its result in this folder. */
  build(directory: string, signal: AbortSignal): Promise<void>;
}

/** Sources are not compiled with these tools, which run from dist-tools/interop/install. */
export const peerSource = (name: string): string =>
  fileURLToPath(new URL(`../../../interop/peers/${name}`, import.meta.url));

/** Returns the folder of the build, which exists already or is made now. */
export async function built(
  recipe: Recipe,
  log: (line: string) => void,
  builds: string = join(peersDirectory(), "builds"),
): Promise<string> {
  const { name } = recipe;
  const directory = join(builds, `${name}-${await digestOf(recipe)}`);
  if (await exists(directory)) return directory;
  log(`building ${name} (once; it is kept in ${builds})`);
  const partial = `${directory}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  try {
    await recipe.build(partial, AbortSignal.timeout(BUILD_MINUTES * 60_000));
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw new Skip(`cannot build ${name}: ${(error as Error).message}`, { cause: error });
  }
  await rename(partial, directory);
  return directory;
}

async function digestOf({ sources = [], pinned = [] }: Recipe): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify(pinned));
  for (const folder of sources) {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    for (const file of files.sort()) {
      const content = await readFile(file);
      hash.update(JSON.stringify([file.slice(folder.length), content.length])).update(content);
    }
  }
  return hash.digest("hex").slice(0, 16);
}
