/** Peers in Python: a virtual environment with the packages that the peer's `requirements.txt` names. */

import { cp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { findProgram } from "../../src/cli/find-program.ts";
import { runChild } from "../child.ts";
import { Skip } from "../result.ts";
import { built, peerSource } from "./build.ts";

/** Returns the command that runs `main.py` in a folder of `interop/peers/`, and the version of the package `NAME`. */
export async function pythonProgram(
  name: string,
  log: (line: string) => void,
): Promise<{ readonly command: readonly string[]; readonly version: string }> {
  const python = await findProgram(["python3"], process.env);
  if (python === undefined) throw new Skip(`${name} needs Python, which is not installed`);
  const source = peerSource(name);
  const requirements = await readFile(join(source, "requirements.txt"), "utf8");
  const { stdout } = await runChild([python, "--version"]);
  const directory = await built(
    {
      name,
      sources: [source],
      // The environment refers to the Python that made it.
      pinned: [python, stdout],
      build: async (output, signal) => {
        await runChild([python, "-m", "venv", output], { signal });
        const pip = [join(output, "bin/python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"];
        await runChild([...pip, "--requirement", join(source, "requirements.txt")], { signal });
        for (const file of await readdir(source)) {
          if (file.endsWith(".py")) await cp(join(source, file), join(output, file));
        }
      },
    },
    log,
  );
  const version = new RegExp(`^${name}==([\\d.]+)`, "m").exec(requirements)?.[1] ?? "?";
  return { command: [join(directory, "bin/python"), join(directory, "main.py")], version };
}
