/** Peers in Go: built from their folder by the installed toolchain, and kept in the user's cache. */

import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findProgram } from "../../src/cli/find-program.ts";
import { runChild } from "../child.ts";
import { Skip } from "../result.ts";
import { peersDirectory } from "./trixie.ts";

const BUILD_MINUTES = 10;

/** Sources are not compiled with these tools, which run from dist-tools/interop/install. */
const sourceOf = (name: string): string => fileURLToPath(new URL(`../../../interop/peers/${name}`, import.meta.url));

/** Builds the program in a folder of `interop/peers/`; returns its path and the version of a module that it uses. */
export async function goProgram(
  name: string,
  module: string,
  log: (line: string) => void,
): Promise<{ readonly path: string; readonly version: string }> {
  const go = await findProgram(["go"], process.env);
  if (go === undefined) throw new Skip(`${name} needs Go, which is not installed`);
  const source = sourceOf(name);
  const version = new RegExp(`${module} v(\\S+)`).exec(await readFile(join(source, "go.mod"), "utf8"))?.[1] ?? "?";
  const directory = join(peersDirectory(), name);
  await mkdir(directory, { recursive: true });
  const path = join(directory, `${name}-${version}`);
  log(`building ${name} ${version}`);
  try {
    await runChild([go, "build", "-o", path, "."], {
      cwd: source,
      signal: AbortSignal.timeout(BUILD_MINUTES * 60_000),
    });
  } catch (error) {
    throw new Skip(`cannot build ${name}: ${(error as Error).message}`, { cause: error });
  }
  return { path, version };
}
