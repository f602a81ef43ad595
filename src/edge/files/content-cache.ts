/** Caches the contents of small files, so that a page's many small parts are not read again for each visitor. */
import type { Stats } from "node:fs";

const MAX_FILE = 64 * 1024;
const MAX_TOTAL = 16 * 1024 * 1024;

type Version = Pick<Stats, "dev" | "ino" | "size" | "mtimeMs" | "ctimeMs">;

export const isSameVersion = (a: Version, b: Version): boolean =>
  a.dev === b.dev && a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs;

export class ContentCache {
  /** In order of use, least recently used first. */
  readonly #entries = new Map<string, { readonly version: Version; readonly content: Uint8Array }>();
  #total = 0;

  static accepts(stats: Stats): boolean {
    return stats.size <= MAX_FILE;
  }

  /** The content of this version of the file, if cached. */
  get(path: string, stats: Version): Uint8Array | undefined {
    const entry = this.#entries.get(path);
    if (entry === undefined) return undefined;
    this.#entries.delete(path);
    if (!isSameVersion(entry.version, stats)) {
      this.#total -= entry.content.byteLength;
      return undefined;
    }
    this.#entries.set(path, entry);
    return entry.content;
  }

  set(path: string, { dev, ino, size, mtimeMs, ctimeMs }: Version, content: Uint8Array): void {
    this.#drop(path);
    this.#entries.set(path, { version: { dev, ino, size, mtimeMs, ctimeMs }, content });
    this.#total += content.byteLength;
    for (const oldest of this.#entries.keys()) {
      if (this.#total <= MAX_TOTAL) break;
      this.#drop(oldest);
    }
  }

  #drop(path: string): void {
    const entry = this.#entries.get(path);
    if (entry === undefined) return;
    this.#entries.delete(path);
    this.#total -= entry.content.byteLength;
  }
}
