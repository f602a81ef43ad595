/**
 * Where accounts, keys, certificates, orders and challenges are kept, so that a restart continues and several processes or
 * machines work as one.
 */

export interface Storage {
  /** Undefined if there is no such value. */
  get(key: string): Promise<string | undefined>;
  /** Replaces the value at once: a reader sees the previous one or this one. Values hold private keys. */
  put(key: string, value: string): Promise<void>;
  /** Deletes what `key` holds. Does nothing if there is nothing. */
  delete(key: string): Promise<void>;
  /** The keys that start with a folder, such as "certificates/". */
  list(folder: string): Promise<string[]>;
  /**
   * Takes a lock that at most one process holds. Undefined if another holds it. A lock whose holder has not refreshed it for
   * `lifetime` milliseconds is free.
   */
  lock(key: string, lifetime: number): Promise<StorageLock | undefined>;
}

/** A lock that this process holds. */
export interface StorageLock {
  /** Extends the lock. False if it has been lost to another process. */
  refresh(): Promise<boolean>;
  /** Gives the lock back. */
  release(): Promise<void>;
}

/** Keys are paths of these characters, without dots at the start of a part. */
export const isStorageKey = (key: string): boolean =>
  key.length <= 400 && key.split("/").every((part) => /^[A-Za-z0-9_-][A-Za-z0-9._,-]*$/.test(part));
