/**
 * Peers in Rust, built by the installed toolchain. Their manifests name exact versions, and the lock file stays in the
 * cache. They share a folder for what they compile, so a package that two of them use is compiled once.
 */

import { copyFile, cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { findProgram } from "../../src/cli/find-program.ts";
import { runChild } from "../child.ts";
import { Skip } from "../result.ts";
import { built, peerSource } from "./build.ts";
import { peersDirectory } from "./trixie.ts";

/** The others are left for the tests that run at the same time. */
const JOBS = 2;

/**
 * Builds the crate `NAME-peer` in a folder of `interop/peers/`; returns its path and the version of the crate `NAME`.
 * `prepare` gets what the build needs besides Rust.
 */
export async function rustProgram(
  name: string,
  shared: readonly string[],
  log: (line: string) => void,
  prepare: () => Promise<void> = async () => {},
): Promise<{ readonly path: string; readonly version: string }> {
  const cargo = await findProgram(["cargo"], process.env);
  if (cargo === undefined) throw new Skip(`${name} needs cargo, which is not installed`);
  const manifest = await readFile(join(peerSource(name), "Cargo.toml"), "utf8");
  const version = new RegExp(`^${name} = .*?"=([\\d.]+)"`, "m").exec(manifest)?.[1] ?? "?";
  const folders = [name, ...shared];
  const target = join(peersDirectory(), "rust-target");
  const program = `${name}-peer`;
  const directory = await built(
    {
      name,
      sources: folders.map(peerSource),
      build: async (output, signal) => {
        await prepare();
        const sources = join(output, "sources");
        for (const folder of folders) await cp(peerSource(folder), join(sources, folder), { recursive: true });
        await runChild([cargo, "build", "--release", `--jobs=${JOBS}`], {
          cwd: join(sources, name),
          env: { CARGO_TARGET_DIR: target },
          signal,
        });
        await copyFile(join(target, "release", program), join(output, program));
      },
    },
    log,
  );
  return { path: join(directory, program), version };
}

/** Installs the programs of a crate from the registry, as they are; returns the folder of the programs. */
export async function crateProgram(
  name: string,
  version: string,
  log: (line: string) => void,
): Promise<{ readonly directory: string; readonly version: string }> {
  const cargo = await findProgram(["cargo"], process.env);
  if (cargo === undefined) throw new Skip(`${name} needs cargo, which is not installed`);
  const target = join(peersDirectory(), "rust-target");
  const directory = await built(
    {
      name,
      pinned: [name, version],
      build: async (output, signal) => {
        const command = [cargo, "install", name, "--version", version, "--root", output, `--jobs=${JOBS}`];
        await runChild(command, { env: { CARGO_TARGET_DIR: target }, signal });
      },
    },
    log,
  );
  return { directory: join(directory, "bin"), version };
}
