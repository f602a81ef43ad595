/**
 * A folder with Debian trixie, whose curl and nginx support HTTP/3, unlike those of bookworm. Created once with
 * debootstrap and kept in the user's cache. Its programs run through its own dynamic loader, so they see the host's
 * files and network.
 */

import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../../src/cli/find-program.ts";
import { runChild } from "../child.ts";
import { Skip } from "../result.ts";
import { debianProgram, exists } from "./debian.ts";

const PACKAGES = [
  "ca-certificates",
  "curl",
  "haproxy",
  "knot",
  "knot-dnsutils",
  "nginx",
  "ngtcp2-client",
  "ngtcp2-server",
] as const;
const MAKE_MINUTES = 10;

/** Written last: a folder without it is incomplete. */
const COMPLETE = ".complete";

/** The folder for peers: NAGARE_PEERS, or one in the user's cache. */
export function peersDirectory(env: NodeJS.ProcessEnv = process.env): string {
  if (env.NAGARE_PEERS !== undefined && env.NAGARE_PEERS !== "") return env.NAGARE_PEERS;
  const cache = env.XDG_CACHE_HOME?.startsWith("/") === true ? env.XDG_CACHE_HOME : join(homedir(), ".cache");
  return join(cache, "nagare", "peers");
}

let made: Promise<string> | undefined;
let completed: Promise<void> | undefined;

/** The command line prefix of a trixie program. */
export async function trixieCommand(path: string, log: (line: string) => void): Promise<string[]> {
  made ??= makeTrixie(log);
  const root = await made;
  const program = join(root, path);
  if (!(await exists(program))) await (completed ??= complete(root, log));
  if (!(await exists(program))) throw new Skip(`trixie in ${root} does not contain ${path}`);
  const libraries = await libraryFolder(root);
  return [join(libraries, await loaderName(libraries)), "--library-path", libraries, program];
}

/** The version of an installed package, for programs that do not print it. */
export async function trixieVersion(packageName: string): Promise<string> {
  const status = await readFile(join(peersDirectory(), "trixie/var/lib/dpkg/status"), "utf8");
  const entry = status.split("\n\n").find((each) => each.startsWith(`Package: ${packageName}\n`));
  return /^Version: ([\d.]+)/m.exec(entry ?? "")?.[1] ?? "?";
}

async function makeTrixie(log: (line: string) => void): Promise<string> {
  const root = join(peersDirectory(), "trixie");
  if (await isComplete(root)) return root;
  if (process.getuid?.() !== 0) throw new Skip("there is no Debian trixie folder, and only root can create one");
  const debootstrap = await debianProgram("debootstrap", "debootstrap", log);
  log(`creating a Debian trixie folder in ${root} (about a minute, 500 MB)`);
  const partial = `${root}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  const signal = AbortSignal.timeout(MAKE_MINUTES * 60_000);
  try {
    const include = `--include=${PACKAGES.join(",")}`;
    await runChild([debootstrap, "--variant=minbase", include, "trixie", partial], { signal });
  } catch (error) {
    const detail = (error as Error).message;
    throw new Skip(`cannot create a Debian trixie folder: ${detail}`, { cause: error });
  }
  await rm(root, { recursive: true, force: true });
  await rename(partial, root);
  await writeFile(join(root, COMPLETE), "");
  return root;
}

/** Adds what a folder lacks that was created when the list was shorter. */
async function complete(root: string, log: (line: string) => void): Promise<void> {
  const chroot = await findProgram(["chroot"], process.env);
  if (process.getuid?.() !== 0 || chroot === undefined) throw new Skip(`only root can add packages to ${root}`);
  log(`adding packages to ${root}`);
  const signal = AbortSignal.timeout(MAKE_MINUTES * 60_000);
  const apt = (...args: readonly string[]) =>
    runChild([chroot, root, "apt-get", "-q", "-y", "--no-install-recommends", ...args], {
      env: { DEBIAN_FRONTEND: "noninteractive" },
      signal,
    });
  try {
    await apt("update");
    await apt("install", ...PACKAGES);
  } catch (error) {
    throw new Skip(`cannot add packages to ${root}: ${(error as Error).message}`, { cause: error });
  }
}

/** Our own has the marker; a folder created by hand with the same command has at least the last of its programs. */
const isComplete = async (root: string): Promise<boolean> =>
  (await exists(join(root, COMPLETE))) || (await exists(join(root, "usr/sbin/gtlsserver")));

/** usr/lib/ARCHITECTURE-linux-gnu, the folder of the C library. */
async function libraryFolder(root: string): Promise<string> {
  const base = join(root, "usr/lib");
  for (const name of await readdir(base)) {
    if (name.includes("-linux-gnu") && (await exists(join(base, name, "libc.so.6")))) return join(base, name);
  }
  throw new Skip(`${base} has no C library`);
}

async function loaderName(libraries: string): Promise<string> {
  const name = (await readdir(libraries)).find((each) => /^ld-linux.*\.so\.\d$/.test(each));
  if (name === undefined) throw new Skip(`${libraries} has no dynamic loader`);
  return name;
}
