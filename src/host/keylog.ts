/**
 * A key log file (SSLKEYLOGFILE, RFC 9850). It allows decryption of the traffic, so it is written only on explicit
 * request, is readable only by its owner, and is never written through a symbolic link, which another user may have
 * placed.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, type Stats, writeSync } from "node:fs";

/** The key log cannot be written; the message says what to do. */
export class KeyLogError extends Error {
  override readonly name = "KeyLogError";
}

export class KeyLogFile {
  readonly path: string;
  #fd: number | undefined;
  readonly #onFailure: (error: unknown) => void;

  /** `onFailure` is called once if the log becomes incomplete (disk full, reader gone). Traffic continues. */
  constructor(path: string, onFailure: (error: unknown) => void) {
    this.path = path;
    this.#onFailure = onFailure;
    check(path, statOf(path));
    try {
      this.#fd = openSync(path, FLAGS, 0o600);
    } catch (cause) {
      throw new KeyLogError(`cannot write the key log ${path}: ${reason(cause)}`, { cause });
    }
    // Check again after opening: the file may have been replaced in between.
    check(path, fstatSync(this.#fd));
  }

  /** Writes one line, including its line feed, in one call, so that lines of processes sharing the file stay intact. */
  write(line: string): void {
    if (this.#fd === undefined) return;
    try {
      writeSync(this.#fd, line);
    } catch (error) {
      this.close();
      this.#onFailure(error);
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

// O_NONBLOCK: opening a named pipe without a reader fails instead of blocking. Windows has neither flag.
const FLAGS =
  constants.O_WRONLY |
  constants.O_APPEND |
  constants.O_CREAT |
  (constants.O_NOFOLLOW ?? 0) |
  (constants.O_NONBLOCK ?? 0);

const statOf = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false });

function check(path: string, stats: Stats | undefined): void {
  if (stats === undefined) return;
  if (stats.isSymbolicLink()) throw new KeyLogError(`the key log ${path} is a symbolic link; give the file itself`);
  if (!stats.isFile() && !stats.isFIFO())
    throw new KeyLogError(`the key log ${path} is neither a file nor a named pipe`);
  if (process.platform !== "win32" && (stats.mode & 0o002) !== 0) {
    throw new KeyLogError(`the key log ${path} is writable by all users; run: chmod 600 ${path}`);
  }
}

function reason(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === "ENOENT") return "its folder does not exist";
  if (code === "EACCES" || code === "EPERM") return "no permission";
  if (code === "ENXIO") return "the pipe has no reader";
  return code ?? String(cause);
}
