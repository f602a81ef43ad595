/**
 * Cookies in a file that several processes may use at once. A file is replaced as a whole, after its successor has reached the
 * disk: a reader finds the old file or the new one, even after kill -9. A lock file names the process that writes.
 */

import { randomBytes } from "node:crypto";
import { open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeDirectory } from "../kept-file.ts";
import { jarJson, readJar } from "./jar-json.ts";
import type { CookieStorage, KeptCookie } from "./kept-cookies.ts";

/** Why a file of cookies cannot be used. */
export type CookieFileProblem = "COOKIE_FILE_INVALID" | "COOKIE_FILE_LOCKED" | "COOKIE_FILE_UNUSABLE";

/** A file of cookies cannot be read or written. */
export class CookieFileError extends Error {
  override readonly name = "CookieFileError";
  readonly code: CookieFileProblem;
  readonly path: string;

  constructor(code: CookieFileProblem, path: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.path = path;
  }
}

/** How a file of cookies is written. */
export interface CookieFileOptions {
  /** Milliseconds to wait for another process that writes. Default: 10 s. */
  readonly lockTimeout?: number;
  /** False to keep no cookies without a lifetime, as browsers do when they end. Default: true. */
  readonly sessionCookies?: boolean;
}

/** Milliseconds between two looks at the lock. */
const LOCK_PAUSE = 5;
/** Milliseconds after which a lock counts as left behind, even if its process lives; writing takes a few. */
const LOCK_LIFETIME = 30_000;

export class CookieFile implements CookieStorage {
  readonly path: string;
  readonly #lockPath: string;
  readonly #lockTimeout: number;
  readonly #sessionCookies: boolean;

  constructor(path: string, { lockTimeout = 10_000, sessionCookies = true }: CookieFileOptions = {}) {
    this.path = path;
    this.#lockPath = `${path}.lock`;
    this.#lockTimeout = lockTimeout;
    this.#sessionCookies = sessionCookies;
  }

  async load(): Promise<readonly KeptCookie[]> {
    let text: string;
    try {
      text = await readFile(this.path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw this.#unusable("be read", error);
    }
    try {
      return readJar(JSON.parse(text)).cookies;
    } catch (cause) {
      const message = `${this.path} is not a file of cookies written by nagare; move it away or choose another name`;
      throw new CookieFileError("COOKIE_FILE_INVALID", this.path, message, { cause });
    }
  }

  async update(change: (current: readonly KeptCookie[]) => readonly KeptCookie[]): Promise<readonly KeptCookie[]> {
    const deadline = performance.now() + this.#lockTimeout;
    for (;;) {
      const token = await this.#lock(deadline);
      const temporary = `${this.path}.${token}.tmp`;
      try {
        await this.#removeLeftovers(temporary);
        const result = change(await this.load());
        const kept = this.#sessionCookies ? result : result.filter(({ cookie }) => cookie.expires !== undefined);
        await this.#write(temporary, `${JSON.stringify(jarJson(kept))}\n`);
        // A process that was stopped for long may have lost its lock; then others' changes must be read again.
        if ((await this.#holder()) !== token) continue;
        await rename(temporary, this.path);
        await this.#syncDirectory();
        return result;
      } catch (error) {
        throw error instanceof CookieFileError ? error : this.#unusable("be written", error);
      } finally {
        await rm(temporary, { force: true }).catch(() => undefined);
        if ((await this.#holder()) === token) await rm(this.#lockPath, { force: true }).catch(() => undefined);
      }
    }
  }

  async #write(path: string, text: string): Promise<void> {
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** The rename itself must reach the disk too. Windows cannot open a directory. */
  async #syncDirectory(): Promise<void> {
    try {
      const directory = await open(dirname(this.path), "r");
      await directory.sync().finally(() => directory.close());
    } catch {
      // The file is complete either way.
    }
  }

  /** Returns the token in the lock file, which is ours alone. */
  async #lock(deadline: number): Promise<string> {
    const token = `${process.pid}-${hostname()}-${randomBytes(6).toString("hex")}`;
    for (;;) {
      try {
        await this.#write(this.#lockPath, token);
        return token;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "ENOENT") await makeDirectory(dirname(this.path)).catch((cause) => this.#fail(cause));
        else if (code !== "EEXIST") throw this.#unusable("be locked", error);
      }
      const holder = await this.#holder();
      if (holder !== undefined && (await this.#isLeftBehind(holder))) {
        await this.#breakLock(holder);
        continue;
      }
      if (performance.now() >= deadline) {
        const message = `${this.path} is being written by process ${holder?.split("-")[0]}; if it is not, remove ${this.#lockPath}`;
        throw new CookieFileError("COOKIE_FILE_LOCKED", this.path, message);
      }
      await sleep(LOCK_PAUSE);
    }
  }

  #fail(cause: unknown): never {
    throw this.#unusable("be locked", cause);
  }

  /** Undefined if there is no lock. */
  async #holder(): Promise<string | undefined> {
    return readFile(this.#lockPath, "utf8").catch(() => undefined);
  }

  async #isLeftBehind(holder: string): Promise<boolean> {
    const [, pid, host] = /^(\d+)-(.*)-[\da-f]{12}$/.exec(holder) ?? [];
    if (host === hostname() && !isAlive(Number(pid))) return true;
    // Another machine's, or of a number that a new process has; or empty: its process was killed between two system calls.
    const { mtimeMs } = await stat(this.#lockPath).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
    return Date.now() - mtimeMs > (pid === undefined ? 1_000 : LOCK_LIFETIME);
  }

  /** Of several processes that see the same lock, one moves it away. */
  async #breakLock(holder: string): Promise<void> {
    const moved = `${this.#lockPath}.${randomBytes(6).toString("hex")}`;
    try {
      // If this is the new lock of a process that was faster, its holder notices before it replaces the file, and starts again.
      if ((await this.#holder()) === holder) await rename(this.#lockPath, moved);
    } catch {
      // Another process was faster.
    } finally {
      await rm(moved, { force: true }).catch(() => undefined);
    }
  }

  /** What a killed process left. */
  async #removeLeftovers(own: string): Promise<void> {
    const prefix = `${basename(this.path)}.`;
    for (const name of await readdir(dirname(this.path)).catch(() => [])) {
      const path = join(dirname(this.path), name);
      if (name.startsWith(prefix) && name.endsWith(".tmp") && path !== own)
        await rm(path, { force: true }).catch(() => undefined);
    }
  }

  #unusable(what: string, cause: unknown): CookieFileError {
    const { message } = cause as Error;
    return new CookieFileError("COOKIE_FILE_UNUSABLE", this.path, `${this.path} cannot ${what}: ${message}`, { cause });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
