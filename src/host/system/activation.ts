/**
 * Sockets that systemd has opened for this process (sd_listen_fds(3)): a server without rights of its own listens on port 443,
 * and clients that connect while it restarts wait instead of being refused.
 */

import { readFileSync, readlinkSync } from "node:fs";

export interface ActivatedSocket {
  readonly descriptor: number;
  /** `FileDescriptorName=`; the name of the unit by default. */
  readonly name: string;
  readonly transport: "tcp" | "udp";
  readonly family: 4 | 6;
}

/** SD_LISTEN_FDS_START */
const FIRST = 3;

const TABLES = [
  ["tcp", 4, "/proc/net/tcp"],
  ["tcp", 6, "/proc/net/tcp6"],
  ["udp", 4, "/proc/net/udp"],
  ["udp", 6, "/proc/net/udp6"],
] as const;

/** Where the system tells about descriptors. */
export interface SocketFacts {
  /** `socket:[inode]` for a socket. */
  readonly link: (descriptor: number) => string | undefined;
  /** One of the kernel's tables of sockets. */
  readonly table: (path: string) => string;
}

/**
 * The TCP and UDP sockets that were passed on; others are left out. Empty if there are none for this process. Call it once:
 * it removes the variables, so that children do not take them for theirs.
 */
export function activatedSockets(
  env: Record<string, string | undefined> = process.env,
  pid: number = process.pid,
  facts: SocketFacts = SYSTEM,
): readonly ActivatedSocket[] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES = "" } = env;
  for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete env[name];
  const count = Number(LISTEN_FDS);
  if (LISTEN_PID !== String(pid) || !Number.isInteger(count) || count < 1) return [];
  const names = LISTEN_FDNAMES.split(":");
  const inodes = TABLES.map(([transport, family, path]) => ({
    transport,
    family,
    inodes: inodesOf(facts.table(path)),
  }));
  return Array.from({ length: count }, (_, i) => i).flatMap((i) => {
    const descriptor = FIRST + i;
    const inode = /^socket:\[(\d+)\]$/.exec(facts.link(descriptor) ?? "")?.[1];
    const kind = inodes.find((table) => inode !== undefined && table.inodes.has(inode));
    if (kind === undefined) return [];
    return [{ descriptor, name: names[i] ?? "unknown", transport: kind.transport, family: kind.family }];
  });
}

/** The column `inode` of the kernel's tables. */
const inodesOf = (table: string): ReadonlySet<string> =>
  new Set(table.split("\n").flatMap((line) => line.trim().split(/\s+/)[9] ?? []));

const SYSTEM: SocketFacts = {
  link: (descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`);
    } catch {
      return undefined;
    }
  },
  table: (path) => {
    try {
      return readFileSync(path, "latin1");
    } catch {
      return "";
    }
  },
};
