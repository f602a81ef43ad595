/** Peers in JavaScript: a published package, without its install scripts. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findProgram } from "../../src/cli/find-program.ts";
import { runChild } from "../child.ts";
import { Skip } from "../result.ts";
import { built } from "./build.ts";

/** Returns the `node_modules` folder with the package, `name@version`. */
export async function npmPackage(name: string, versioned: string, log: (line: string) => void): Promise<string> {
  const npm = await findProgram(["npm"], process.env);
  if (npm === undefined) throw new Skip(`${name} needs npm, which is not installed`);
  const directory = await built(
    {
      name,
      pinned: [versioned],
      build: async (output, signal) => {
        await writeFile(join(output, "package.json"), "{}");
        await runChild([npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", versioned], {
          cwd: output,
          signal,
        });
      },
    },
    log,
  );
  return join(directory, "node_modules");
}
