/** Gives up root's rights once the sockets are bound, for the rest of the process's life. */

import { readFileSync } from "node:fs";
import { ServeError } from "../listen/errors.ts";

export interface DropOptions {
  /** The name or number of the user. */
  readonly user: string;
  /** The name or number of the group. By default, the user's own in /etc/passwd. */
  readonly group?: string | undefined;
}

/** The members of `process` that it needs. */
export interface PrivilegedProcess {
  getuid?(): number;
  geteuid?(): number;
  setgroups?(groups: readonly (string | number)[]): void;
  initgroups?(user: string | number, group: string | number): void;
  setgid?(group: string | number): void;
  setuid?(user: string | number): void;
}

/** Throws a `ServeError` if it is not allowed, or if the rights could be had back. Does nothing if the user is that one already. */
export function dropPrivileges(
  { user, group }: DropOptions,
  host: PrivilegedProcess = process as PrivilegedProcess,
  passwd: () => readonly string[] = readPasswd,
): void {
  const problem = (why: string, cause?: unknown): ServeError =>
    new ServeError("OPTION_INVALID", `cannot become the user ${user}: ${why}`, { cause });
  if (host.getuid === undefined || host.setuid === undefined) throw problem("this system has no such users");
  const entry = passwd()
    .map((line) => line.split(":"))
    .find(([name, , uid]) => name === user || uid === user);
  const uid = entry === undefined ? numberOf(user) : Number(entry[2]);
  const name = entry?.[0];
  const gid = group === undefined ? (entry === undefined ? undefined : Number(entry[3])) : (numberOf(group) ?? group);
  if (uid === undefined) throw problem("there is no such user in /etc/passwd");
  if (uid === 0) throw problem("root has all rights; name another user");
  if (host.getuid() === uid) return;
  if (host.geteuid?.() !== 0) throw problem("only root can change its user; start as root, or leave the user out");
  if (gid === undefined) throw problem("its group is unknown; give the group too");
  try {
    // The order matters: only root may change groups.
    if (name === undefined) host.setgroups!([gid]);
    else host.initgroups!(name, gid);
    host.setgid!(gid);
    host.setuid(uid);
  } catch (cause) {
    throw problem((cause as Error).message, cause);
  }
  if (canReturn(host)) throw problem("the system let it become root again");
}

function canReturn(host: PrivilegedProcess): boolean {
  try {
    host.setuid!(0);
    return true;
  } catch {
    return false;
  }
}

const numberOf = (text: string): number | undefined => (/^\d+$/.test(text) ? Number(text) : undefined);

function readPasswd(): readonly string[] {
  try {
    return readFileSync("/etc/passwd", "utf8").split("\n");
  } catch {
    return [];
  }
}
