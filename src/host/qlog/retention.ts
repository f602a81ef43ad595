/** Keeps the recordings of a folder below a size, by deleting the oldest. It knows them by their names. */

import { lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** The original destination connection id (RFC 9000 §7.2: at least 8 bytes), the role, and a number if it was taken. */
const NAME = /^[0-9a-f]{16,40}_(?:client|server)(?:-\d+)?\.sqlog$/;

/** Deleting begins when this share of the size was written since the last time, and leaves as much room. */
const SHARE = 16;
/** A folder with more files is slow to list. */
const MAX_FILES = 10_000;

interface Recording {
  readonly path: string;
  readonly size: number;
  readonly changedAt: number;
}

export class Retention {
  readonly #directory: string;
  readonly #maxSize: number;
  /** At first, the folder may be full. */
  #bytes = Number.POSITIVE_INFINITY;
  #files = 0;

  constructor(directory: string, maxSize: number) {
    this.#directory = directory;
    this.#maxSize = maxSize;
  }

  /** Counts what was written. */
  count(bytes: number, files: number): void {
    this.#bytes += bytes;
    this.#files += files;
  }

  /** Deletes the oldest files if enough was written. */
  async enforce(): Promise<void> {
    if (this.#bytes < this.#maxSize / SHARE && this.#files < MAX_FILES / SHARE) return;
    this.#bytes = 0;
    this.#files = 0;
    const recordings = await recordingsIn(this.#directory);
    recordings.sort((a, b) => a.changedAt - b.changedAt);
    let total = recordings.reduce((sum, { size }) => sum + size, 0);
    let count = recordings.length;
    for (const { path, size } of recordings) {
      if (total <= this.#maxSize * (1 - 1 / SHARE) && count <= MAX_FILES * (1 - 1 / SHARE)) return;
      await rm(path, { force: true });
      total -= size;
      count -= 1;
    }
  }
}

async function recordingsIn(directory: string): Promise<Recording[]> {
  const recordings: Recording[] = [];
  for (const name of await readdir(directory)) {
    if (!NAME.test(name)) continue;
    const path = join(directory, name);
    // Another process may have deleted it.
    const stats = await lstat(path).catch(() => undefined);
    if (stats?.isFile()) recordings.push({ path, size: stats.size, changedAt: stats.mtimeMs });
  }
  return recordings;
}
