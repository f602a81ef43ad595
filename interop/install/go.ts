/** Peers in Go, built by the installed toolchain. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { findProgram } from "../../src/cli/find-program.ts";
import { runChild } from "../child.ts";
import { Skip } from "../result.ts";
import { built, peerSource } from "./build.ts";

async function goFor(name: string): Promise<string> {
  const go = await findProgram(["go"], process.env);
  if (go === undefined) throw new Skip(`${name} needs Go, which is not installed`);
  return go;
}

/** Builds the program in a folder of `interop/peers/`; returns its path and the version of a module that it uses. */
export async function goProgram(
  name: string,
  module: string,
  log: (line: string) => void,
): Promise<{ readonly path: string; readonly version: string }> {
  const go = await goFor(name);
  const source = peerSource(name);
  const version = new RegExp(`${module} v(\\S+)`).exec(await readFile(join(source, "go.mod"), "utf8"))?.[1] ?? "?";
  const directory = await built(
    {
      name,
      sources: [source],
      build: async (output, signal) => {
        await runChild([go, "build", "-o", join(output, name), "."], { cwd: source, signal });
      },
    },
    log,
  );
  return { path: join(directory, name), version };
}

/** Installs the program of a published package, `path@version`. */
export async function goPackage(name: string, versioned: string, log: (line: string) => void): Promise<string> {
  const go = await goFor(name);
  const directory = await built(
    {
      name,
      pinned: [versioned],
      build: async (output, signal) => {
        await runChild([go, "install", versioned], { env: { GOBIN: output }, signal });
      },
    },
    log,
  );
  return join(directory, /([^/]+)@/.exec(versioned)![1]!);
}
