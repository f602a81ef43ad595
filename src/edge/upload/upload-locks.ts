/**
 * One request at a time for each upload. A newer request ends the transfer of an older one, whose connection is probably
 * dead: the older one stores what it has, and the newer one goes on from there (the draft, §5.6).
 */

import type { UploadStorage } from "../../host/uploads/storage.ts";
import { UploadRefusal } from "../../http/resumable-upload/index.ts";

/** What holds an upload. */
export interface UploadHold {
  /** Called when a newer request wants the upload. Called at once if one already does. */
  onWanted(end: () => void): void;
  release(): Promise<void>;
}

/** Requests that wait for one upload, at most. */
const MAX_WAITING = 8;

interface Entry {
  /** Tells the holder to end. */
  want: () => void;
  readonly waiting: (() => void)[];
}

export class UploadLocks {
  readonly #storage: Pick<UploadStorage, "lock">;
  readonly #entries = new Map<string, Entry>();

  constructor(storage: Pick<UploadStorage, "lock">) {
    this.#storage = storage;
  }

  /** Uploads that requests are at work on. */
  get size(): number {
    return this.#entries.size;
  }

  isHeld(id: string): boolean {
    return this.#entries.has(id);
  }

  /** Rejects with an `UploadRefusal` if too many wait, or another process does not let go. */
  async take(id: string): Promise<UploadHold> {
    let isWanted = false;
    let end: (() => void) | undefined;
    const want = (): void => {
      isWanted = true;
      end?.();
    };
    await this.#enter(id, want);
    const outer = await this.#lockOutside(id, want);
    return {
      onWanted: (callback) => {
        end = callback;
        if (isWanted) callback();
      },
      release: async () => {
        try {
          await outer?.release();
        } finally {
          this.#leave(id);
        }
      },
    };
  }

  async #enter(id: string, want: () => void): Promise<void> {
    const entry = this.#entries.get(id);
    if (entry === undefined) {
      this.#entries.set(id, { want, waiting: [] });
      return;
    }
    if (entry.waiting.length >= MAX_WAITING) throw locked();
    entry.want();
    await new Promise<void>((resolve) => entry.waiting.push(resolve));
    // The holder before has handed the entry over.
    const now = this.#entries.get(id)!;
    now.want = want;
    if (now.waiting.length > 0) want();
  }

  async #lockOutside(id: string, want: () => void): Promise<{ release(): Promise<void> } | undefined> {
    if (this.#storage.lock === undefined) return undefined;
    try {
      const lock = await this.#storage.lock(id, want);
      if (lock === undefined) throw locked();
      return lock;
    } catch (error) {
      this.#leave(id);
      throw error;
    }
  }

  #leave(id: string): void {
    const next = this.#entries.get(id)?.waiting.shift();
    if (next === undefined) this.#entries.delete(id);
    else next();
  }
}

const locked = (): UploadRefusal =>
  new UploadRefusal(423, "UPLOAD_LOCKED", "other requests are at work on this upload: try again", {
    fields: [["retry-after", "1"]],
  });
