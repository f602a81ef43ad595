/**
 * A program for tests that start processes: bundled, because loading a bundle takes a fifth of the time that compiling each
 * module takes, in every process again.
 */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";

const ROOT = join(import.meta.dirname, "..");

export interface BuiltProgram {
  /** The bundle's first file; it has the exports of the source. */
  readonly path: string;
  remove(): void;
}

/** Bundles a source file, named from the root, with all that it imports from this repository. */
export async function buildProgram(source: string): Promise<BuiltProgram> {
  // In the repository, so that it finds the dependencies; as deep as the sources, because the version is read from "../..".
  mkdirSync(join(ROOT, ".cache"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, ".cache", "program-"));
  const bundle = await rolldown({
    input: join(ROOT, source),
    platform: "node",
    external: (id) => !id.startsWith(".") && !id.startsWith("/"),
    onLog: (_level, { message }) => {
      throw new Error(message);
    },
  });
  await bundle.write({ dir: folder, format: "esm", entryFileNames: "program.js" });
  await bundle.close();
  return { path: join(folder, "program.js"), remove: () => rmSync(folder, { recursive: true, force: true }) };
}
