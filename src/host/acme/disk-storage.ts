/**
 * Storage in a folder, for one machine or for several that share a file system. A value is a file that only its owner can
 * read, and is replaced by a rename.
 *
 * A lock is a series of files, `NAME.1`, `NAME.2` and so on, the last of which counts. To take over a lock that is free, a
 * process links the next number, which succeeds for one of them only; so a lock never passes from one process to another
 * without a third one noticing.
 */

import { randomBytes } from "node:crypto";
import { link, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { makeDirectory } from "../kept-file.ts";
import { isStorageKey, type Storage, type StorageLock } from "./storage.ts";

export class DiskStorage implements Storage {
  readonly folder: string;
  readonly #now: () => number;

  constructor(folder: string, now: () => number = Date.now) {
    this.folder = folder;
    this.#now = now;
  }

  async get(key: string): Promise<string | undefined> {
    try {
      return await readFile(this.#path(key), "utf8");
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async put(key: string, value: string): Promise<void> {
    const path = this.#path(key);
    await withTemporary(path, value, (temporary) => rename(temporary, path));
  }

  async delete(key: string): Promise<void> {
    await rm(this.#path(key), { force: true });
  }

  async list(folder: string): Promise<string[]> {
    const names = await readdirOrNone(join(this.folder, folder));
    return names.map((name) => `${folder}${name}`).filter(isStorageKey);
  }

  async lock(key: string, lifetime: number): Promise<StorageLock | undefined> {
    const path = this.#path(`locks/${key.replaceAll("/", ",")}`);
    const owner = `${hostname()} ${process.pid} ${randomBytes(8).toString("hex")}`;
    const last = await this.#lastLock(path);
    if (last !== undefined && last.expires > this.#now() && !isAbandoned(last.owner)) return undefined;
    const number = (last?.number ?? 0) + 1;
    const lock = new DiskLock(`${path}.${number}`, owner, lifetime, this.#now);
    if (!(await lock.take())) return undefined;
    // Others may have gone on, and have removed the number that this process took.
    const now = await this.#lastLock(path);
    if (now?.number !== number) {
      await rm(`${path}.${number}`, { force: true });
      return undefined;
    }
    await this.#removeBefore(path, number);
    return lock;
  }

  /** The file of a value. Throws for keys that would lead out of the folder. */
  #path(key: string): string {
    if (!isStorageKey(key)) throw new Error(`${key} is not a key of the storage`);
    return join(this.folder, ...key.split("/"));
  }

  async #lastLock(path: string): Promise<LastLock | undefined> {
    const numbers = await this.#lockNumbers(path);
    if (numbers.length === 0) return undefined;
    const number = Math.max(...numbers);
    const content = await readFile(`${path}.${number}`, "utf8").catch(() => "");
    const [owner = "", expires = "0"] = content.split("\n");
    return { number, owner, expires: Number(expires) };
  }

  async #lockNumbers(path: string): Promise<number[]> {
    const prefix = `${path.slice(dirname(path).length + 1)}.`;
    const names = await readdirOrNone(dirname(path));
    return names
      .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
      .map((name) => Number(name.slice(prefix.length)));
  }

  async #removeBefore(path: string, number: number): Promise<void> {
    for (const each of await this.#lockNumbers(path)) if (each < number) await rm(`${path}.${each}`, { force: true });
  }
}

interface LastLock {
  readonly number: number;
  /** The machine, the process id, and a random number. */
  readonly owner: string;
  readonly expires: number;
}

/** True if the owner was a process of this machine that has ended. */
function isAbandoned(owner: string): boolean {
  const [host, pid] = owner.split(" ");
  if (host !== hostname()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

class DiskLock implements StorageLock {
  readonly #path: string;
  readonly #owner: string;
  readonly #lifetime: number;
  readonly #now: () => number;

  constructor(path: string, owner: string, lifetime: number, now: () => number) {
    this.#path = path;
    this.#owner = owner;
    this.#lifetime = lifetime;
    this.#now = now;
  }

  /** False if another process was first. */
  async take(): Promise<boolean> {
    try {
      await withTemporary(this.#path, this.#content(), (temporary) => link(temporary, this.#path));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw error;
    }
  }

  async refresh(): Promise<boolean> {
    if (!(await this.#isOwn())) return false;
    await withTemporary(this.#path, this.#content(), (temporary) => rename(temporary, this.#path));
    return true;
  }

  /** The file stays, expired, so that numbers only grow. */
  async release(): Promise<void> {
    if (!(await this.#isOwn())) return;
    await withTemporary(this.#path, `${this.#owner}\n0\n`, (temporary) => rename(temporary, this.#path));
  }

  #content(): string {
    return `${this.#owner}\n${this.#now() + this.#lifetime}\n`;
  }

  async #isOwn(): Promise<boolean> {
    const content = await readFile(this.#path, "utf8").catch(() => "");
    return content.split("\n")[0] === this.#owner;
  }
}

/** Writes a file beside its place, then puts it there. */
async function withTemporary(path: string, content: string, place: (temporary: string) => Promise<void>) {
  const temporary = join(dirname(path), `.${process.pid}.${randomBytes(6).toString("hex")}`);
  try {
    await writeFile(temporary, content, { mode: 0o600, flag: "wx" }).catch(async (error) => {
      if (!isMissing(error)) throw error;
      await makeDirectory(dirname(path));
      await writeFile(temporary, content, { mode: 0o600, flag: "wx" });
    });
    await place(temporary);
  } finally {
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

async function readdirOrNone(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";
