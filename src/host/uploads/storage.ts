/**
 * Where uploads are kept while they are incomplete, and what is known about complete ones. Implementations need not care
 * about concurrency: the caller holds the upload's lock for everything but `create` of an upload that does not exist.
 */

import type { Upload, UploadRecord } from "../../http/resumable-upload/index.ts";

/** Where uploads are kept. Give one of your own to keep them in a database or an object store. */
export interface UploadStorage {
  /** Stores a new upload without content. Rejects with an `UploadExistsError` if there is one with this id. */
  create(record: UploadRecord): Promise<void>;
  /** The upload as it is stored durably; undefined if there is none. */
  load(id: string): Promise<Upload | undefined>;
  /** Replaces the record, durably and at once: a reader sees the previous one or this one. */
  save(record: UploadRecord): Promise<void>;
  /** Opens the content to write from `offset`, and drops what lies after it. */
  open(id: string, offset: number): Promise<UploadWriter>;
  /** The content of an upload, from its first byte. */
  read(id: string): AsyncIterable<Uint8Array>;
  /** Makes the content of `id` that of the parts, in order, durably. Absent if there is no concatenation. */
  join?(id: string, parts: readonly string[]): Promise<void>;
  /**
   * Puts a complete upload where finished ones belong. May be called again after a crash. Returns the record with `file`,
   * which need not be saved yet.
   */
  finish?(record: UploadRecord): Promise<UploadRecord>;
  /** The path of a finished upload's file; undefined if it is none. */
  pathOf?(record: UploadRecord): string | undefined;
  /** Drops the content of a finished upload, whose file is a link to the same data. */
  dropContent?(id: string): Promise<void>;
  /** Forgets an upload and its content, but not the file that it became. Does nothing if there is none. */
  remove(id: string): Promise<void>;
  /** All uploads, for expiry and counting. */
  list(): AsyncIterable<ListedUpload>;
  /** Takes a lock that also holds against other processes. `onWanted` is called when another one wants it. */
  lock?(id: string, onWanted: () => void): Promise<{ release(): Promise<void> } | undefined>;
  /** False if content cannot be dropped after it was written, so that digests of single requests cannot be checked. */
  readonly canTruncate: boolean;
  /** Frees resources. */
  close?(): Promise<void>;
}

/** One upload of a storage. */
export interface ListedUpload {
  readonly id: string;
  /** The time of the last change, in milliseconds since 1970. */
  readonly touchedAt: number;
  readonly isComplete: boolean;
}

/** Writes the content of one upload. Calls are made one at a time. */
export interface UploadWriter {
  /** Appends chunks. The storage does not keep them after it has resolved. */
  write(chunks: readonly Uint8Array[]): Promise<void>;
  /** Resolves with the offset that survives the end of this process and of the machine. */
  flush(): Promise<number>;
  /** Flushes and closes. Resolves with the durable offset. */
  close(): Promise<number>;
}

/** There is an upload with this id. */
export class UploadExistsError extends Error {
  override readonly name = "UploadExistsError";
}

/** The storage has no room. */
export class StorageFullError extends Error {
  override readonly name = "StorageFullError";
}

/** Errors of the operating system that mean: no room. */
export const isNoRoom = (error: unknown): boolean =>
  error instanceof StorageFullError ||
  ["ENOSPC", "EDQUOT", "EFBIG"].includes(String((error as NodeJS.ErrnoException | undefined)?.code));
