/** Uploads in memory, for tests and for content that need not survive. */

import type { Upload, UploadRecord } from "../../http/resumable-upload/index.ts";
import {
  type ListedUpload,
  StorageFullError,
  UploadExistsError,
  type UploadStorage,
  type UploadWriter,
} from "./storage.ts";

interface Entry {
  record: UploadRecord;
  chunks: Uint8Array[];
  size: number;
  touchedAt: number;
}

/** Keeps uploads in memory, up to a number of bytes in total. */
export class MemoryUploadStorage implements UploadStorage {
  readonly canTruncate = true;
  readonly #entries = new Map<string, Entry>();
  readonly #maxBytes: number;
  readonly #now: () => number;
  #bytes = 0;

  constructor(maxBytes = 256 * 1024 * 1024, now: () => number = Date.now) {
    this.#maxBytes = maxBytes;
    this.#now = now;
  }

  async create(record: UploadRecord): Promise<void> {
    if (this.#entries.has(record.id)) throw new UploadExistsError(`${record.id} exists`);
    this.#entries.set(record.id, { record, chunks: [], size: 0, touchedAt: this.#now() });
  }

  async load(id: string): Promise<Upload | undefined> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    return { record: entry.record, offset: Math.min(entry.size, entry.record.uncheckedFrom ?? entry.size) };
  }

  async save(record: UploadRecord): Promise<void> {
    const entry = this.#entryOf(record.id);
    entry.record = record;
    entry.touchedAt = this.#now();
  }

  async open(id: string, offset: number): Promise<UploadWriter> {
    const entry = this.#entryOf(id);
    if (offset < entry.size) {
      const kept = Buffer.concat(entry.chunks).subarray(0, offset);
      this.#resize(entry, kept.byteLength);
      entry.chunks = [kept];
    }
    const flush = async (): Promise<number> => entry.size;
    return {
      flush,
      close: flush,
      write: async (chunks) => {
        const bytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
        if (this.#bytes + bytes > this.#maxBytes)
          throw new StorageFullError(`uploads in memory exceed ${this.#maxBytes} bytes`);
        // Copied: a chunk may be a small part of a large buffer.
        for (const chunk of chunks) entry.chunks.push(Uint8Array.from(chunk));
        this.#resize(entry, entry.size + bytes);
        entry.touchedAt = this.#now();
      },
    };
  }

  async *read(id: string): AsyncIterable<Uint8Array> {
    yield* this.#entryOf(id).chunks;
  }

  async join(id: string, parts: readonly string[]): Promise<void> {
    const entry = this.#entryOf(id);
    entry.chunks = parts.flatMap((part) => this.#entryOf(part).chunks);
    this.#resize(
      entry,
      parts.reduce((sum, part) => sum + this.#entryOf(part).size, 0),
    );
  }

  async remove(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#resize(entry, 0);
    this.#entries.delete(id);
  }

  async *list(): AsyncIterable<ListedUpload> {
    for (const [id, { record, touchedAt }] of this.#entries) {
      yield { id, touchedAt, isComplete: record.state === "complete" };
    }
  }

  #resize(entry: Entry, size: number): void {
    this.#bytes += size - entry.size;
    entry.size = size;
  }

  #entryOf(id: string): Entry {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new Error(`there is no upload ${id}`);
    return entry;
  }
}
