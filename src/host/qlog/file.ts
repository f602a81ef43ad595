/** A file of recordings. Records wait in memory until the recorder writes them, and never for longer than that. */

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { QlogSink } from "./sequence.ts";

/** What the files of a recorder share. */
export interface QlogFileHost {
  /** Called when there is something to write. */
  onPending(file: QlogFile): void;
  /** Reserves memory for a record. Returns false if there is too little. A last record always gets it. */
  reserve(bytes: number, isLast: boolean): boolean;
  release(bytes: number): void;
}

/** A name that is taken gets a number: a connection may be recorded twice, as in a repeated simulation. */
const MAX_TAKEN = 1000;

// Never through a symbolic link, which another user may have placed. Windows does not have the flag.
const FLAGS = constants.O_WRONLY | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);

export type OpenFile = () => Promise<FileHandle>;

export class QlogFile implements QlogSink {
  readonly #host: QlogFileHost;
  readonly #open: OpenFile;
  #pending: string[] = [];
  #pendingBytes = 0;
  #handle: FileHandle | undefined;
  #isEnded = false;
  #isClosed = false;

  constructor(open: OpenFile, host: QlogFileHost) {
    this.#open = open;
    this.#host = host;
  }

  /** True once everything is written. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  write(record: string, isLast = false): boolean {
    const bytes = Buffer.byteLength(record);
    if (this.#isClosed || !this.#host.reserve(bytes, isLast)) return false;
    this.#pending.push(record);
    this.#pendingBytes += bytes;
    this.#host.onPending(this);
    return true;
  }

  end(last?: string): void {
    if (last !== undefined) this.write(last, true);
    this.#isEnded = true;
    this.#host.onPending(this);
  }

  /** Writes what is pending, and closes the file after its end. Returns the number of bytes. Calls must not overlap. */
  async flush(): Promise<number> {
    if (this.#isClosed) return 0;
    this.#handle ??= await this.#open();
    let written = 0;
    while (this.#pending.length > 0) {
      const bytes = this.#pendingBytes;
      const text = this.#pending.join("");
      this.#pending = [];
      this.#pendingBytes = 0;
      try {
        await this.#handle.writeFile(text);
      } finally {
        this.#host.release(bytes);
      }
      written += bytes;
    }
    if (this.#isEnded) await this.#close();
    return written;
  }

  /** Drops what is pending, after a failure. */
  async abandon(): Promise<void> {
    this.#pending = [];
    this.#host.release(this.#pendingBytes);
    this.#pendingBytes = 0;
    await this.#close();
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    await this.#handle?.close();
  }
}

/** Creates a file of a folder. `base` is its path without the extension. */
export async function createFile(base: string): Promise<FileHandle> {
  for (let count = 1; ; count += 1) {
    try {
      return await open(`${base}${count === 1 ? "" : `-${count}`}.sqlog`, FLAGS | constants.O_EXCL, 0o600);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || count === MAX_TAKEN) throw error;
    }
  }
}

/** Creates a file that the user has named, or replaces it. */
export const replaceFile = (path: string): Promise<FileHandle> => open(path, FLAGS | constants.O_TRUNC, 0o600);
