/**
 * Locks of uploads against other processes that use the same folder: several workers, or a new process while the old one
 * drains. A lock is a file with its holder's name. A process that wants it leaves a note beside it; the holder looks for
 * notes while it holds, and stops its transfer. A holder that has ended, or that has not touched its file for a while, has
 * lost the lock.
 */

import { randomBytes } from "node:crypto";
import { link, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { detach, type Fault } from "../guard.ts";
import { touchedAt } from "./touched-at.ts";

/** Milliseconds between looks for a note; each one touches the lock. */
const LOOK = 250;
/** Milliseconds without a touch after which a lock of another machine is free. */
const LIFETIME = 15_000;
/** Milliseconds that a request waits for another process. */
const PATIENCE = 10_000;

/** This process, distinct from an earlier one with the same id. */
const SELF_TOKEN = randomBytes(8).toString("hex");
const SELF = `${hostname()} ${process.pid} ${SELF_TOKEN}`;

export class DiskLocks {
  readonly #folder: string;
  readonly #onFault: (fault: Fault) => void;

  constructor(folder: string, onFault: (fault: Fault) => void) {
    this.#folder = folder;
    this.#onFault = onFault;
  }

  /** Undefined if the holder does not let go. */
  async take(id: string, onWanted: () => void): Promise<{ release(): Promise<void> } | undefined> {
    const path = join(this.#folder, `${id}.lock`);
    const note = join(this.#folder, `${id}.want`);
    for (let waited = 0; ; waited += LOOK / 5) {
      try {
        await writeFile(path, SELF, { flag: "wx", mode: 0o600 });
        return this.#held(path, note, onWanted);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        // Without the folder there are no uploads, and nothing to lock.
        if (code === "ENOENT") return { release: async () => undefined };
        if (code !== "EEXIST") throw error;
      }
      const abandoned = await abandonedBy(path);
      if (abandoned !== undefined) {
        await breakLock(path, abandoned);
        continue;
      }
      if (waited > PATIENCE) return undefined;
      await writeFile(note, "", { mode: 0o600 }).catch(() => undefined);
      await pause(LOOK / 5);
    }
  }

  #held(path: string, note: string, onWanted: () => void): { release(): Promise<void> } {
    let isHeld = true;
    const look = async (): Promise<void> => {
      for (;;) {
        await pause(LOOK, undefined, { ref: false });
        if (!isHeld) return;
        const now = new Date();
        await utimes(path, now, now).catch(() => undefined);
        if ((await touchedAt(note)) !== undefined) onWanted();
      }
    };
    detach("upload lock", this.#onFault, look());
    return {
      release: async () => {
        isHeld = false;
        await rm(note, { force: true }).catch(() => undefined);
        if ((await readFile(path, "utf8").catch(() => undefined)) === SELF) await rm(path, { force: true });
      },
    };
  }
}

/** The content of a lock whose holder has ended or fallen silent. */
async function abandonedBy(path: string): Promise<string | undefined> {
  const [content, touched] = await Promise.all([readFile(path, "utf8").catch(() => undefined), touchedAt(path)]);
  if (content === undefined || touched === undefined) return undefined; // released meanwhile
  if (Date.now() - touched > LIFETIME) return content;
  const [host, pid, token] = content.split(" ");
  if (token === undefined || host !== hostname()) return undefined;
  // In a container, a restarted process often has the id of the one before.
  if (Number(pid) === process.pid) return token === SELF_TOKEN ? undefined : content;
  try {
    process.kill(Number(pid), 0);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH" ? content : undefined;
  }
}

/** Of several processes that find a lock abandoned, one moves it away. */
async function breakLock(path: string, abandoned: string): Promise<void> {
  const aside = `${path}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    await rename(path, aside);
    // Another process may have taken it meanwhile; then it is given back.
    if ((await readFile(aside, "utf8")) !== abandoned) await link(aside, path);
    await rm(aside, { force: true });
  } catch {
    // Another process was first.
  }
}
