/** Debian programs: found on PATH, or installed if this process has permission. */

import { access, constants } from "node:fs/promises";
import { findProgram } from "../../src/cli/find-program.ts";
import { runChild } from "../child.ts";
import { Skip } from "../result.ts";

const APT = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::http::Timeout=20"] as const;
const INSTALL_MINUTES = 10;

type Log = (line: string) => void;

/** The path of a program; installs the Debian package if necessary. */
export async function debianProgram(name: string, packageName: string, log: Log): Promise<string> {
  const path = await findProgram([name], process.env);
  if (path !== undefined) return path;
  await installPackages([packageName], log);
  const installed = await findProgram([name], process.env);
  if (installed === undefined) throw new Skip(`the package ${packageName} does not contain ${name}`);
  return installed;
}

let isListFresh: Promise<unknown> | undefined;

export async function installPackages(packages: readonly string[], log: Log): Promise<void> {
  const what = packages.join(", ");
  if (process.getuid?.() !== 0) throw new Skip(`${what} is not installed, and only root may install packages`);
  if ((await findProgram(["apt-get"], process.env)) === undefined) {
    throw new Skip(`${what} is not installed, and this system has no apt-get`);
  }
  log(`installing ${what}`);
  try {
    isListFresh ??= apt("update");
    await isListFresh;
    await apt("install", "-y", "--no-install-recommends", ...packages);
  } catch (error) {
    throw new Skip(`cannot install ${what}: ${(error as Error).message}`, { cause: error });
  }
}

const apt = (...args: readonly string[]) =>
  runChild([...APT, ...args], {
    env: { DEBIAN_FRONTEND: "noninteractive" },
    signal: AbortSignal.timeout(INSTALL_MINUTES * 60_000),
  });

/** The first version number in a program's output. */
export async function versionOf(command: readonly string[]): Promise<string> {
  const { stdout, stderr } = await runChild(command, { signal: AbortSignal.timeout(20_000) });
  return /\d+\.\d+(?:\.\d+)*/.exec(stdout + stderr)?.[0] ?? "?";
}

/** The version of an installed package, for programs that do not print it. */
export async function packageVersion(packageName: string): Promise<string> {
  try {
    const { stdout } = await runChild(["dpkg-query", "--status", packageName]);
    return /^Version: ([\d.]+)/m.exec(stdout)?.[1] ?? "?";
  } catch {
    return "?";
  }
}

export const exists = (path: string): Promise<boolean> =>
  access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
