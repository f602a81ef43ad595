/**
 * A key log file (SSLKEYLOGFILE, RFC 9850): whoever reads it can read the traffic. So it is written only by explicit
 * request, is readable by its owner alone, and is never written through a link somebody else may have laid.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, type Stats, writeSync } from "node:fs";

/** A key log that cannot be written; the message says what to do. */
export class KeyLogError extends Error {
  override readonly name = "KeyLogError";
}

export class KeyLogFile {
  readonly path: string;
  #fd: number | undefined;
  readonly #onFailure: (error: unknown) => void;

  /** `onFailure` hears once that the log is incomplete (a full disk, a reader that left): the traffic goes on. */
  constructor(path: string, onFailure: (error: unknown) => void) {
    this.path = path;
    this.#onFailure = onFailure;
    check(path, statOf(path));
    try {
      this.#fd = openSync(path, FLAGS, 0o600);
    } catch (cause) {
      throw new KeyLogError(`cannot write the key log ${path}: ${reason(cause)}`, { cause });
    }
    // Looked at again now that it is open: what lies under a name may change in between.
    check(path, fstatSync(this.#fd));
  }

  /** One line, with its line feed, in one write, so that processes that share the file do not tear their lines. */
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

// O_NONBLOCK: a named pipe without a reader is an error, not a wait. Windows has neither flag.
const FLAGS =
  constants.O_WRONLY |
  constants.O_APPEND |
  constants.O_CREAT |
  (constants.O_NOFOLLOW ?? 0) |
  (constants.O_NONBLOCK ?? 0);

const statOf = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false });

function check(path: string, stats: Stats | undefined): void {
  if (stats === undefined) return;
  if (stats.isSymbolicLink()) throw new KeyLogError(`the key log ${path} is a symbolic link: name the file itself`);
  if (!stats.isFile() && !stats.isFIFO())
    throw new KeyLogError(`the key log ${path} is neither a file nor a named pipe`);
  if (process.platform !== "win32" && (stats.mode & 0o002) !== 0) {
    throw new KeyLogError(`the key log ${path} is writable by everybody: chmod 600 ${path}`);
  }
}

function reason(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === "ENOENT") return "its folder does not exist";
  if (code === "EACCES" || code === "EPERM") return "no permission";
  if (code === "ENXIO") return "nobody reads from the pipe";
  return code ?? String(cause);
}
