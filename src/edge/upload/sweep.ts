/** Forgets uploads that nobody has touched for a while, and counts the others. */

import { describeFault, detach, guard } from "../../host/guard.ts";
import { Timer } from "../../host/timer.ts";
import type { UploadSettings } from "./options.ts";
import type { UploadLocks } from "./upload-locks.ts";

/** Milliseconds between two sweeps, at least and at most. */
const SHORTEST = 1_000;
const LONGEST = 3_600_000;

export class Sweep {
  readonly #settings: UploadSettings;
  readonly #locks: UploadLocks;
  readonly #counted: (open: number) => void;
  #timer: Timer | undefined;
  #isClosed = false;

  /** `counted` receives the number of incomplete uploads after each sweep. */
  constructor(settings: UploadSettings, locks: UploadLocks, counted: (open: number) => void) {
    this.#settings = settings;
    this.#locks = locks;
    this.#counted = counted;
  }

  /** Sweeps now, and from time to time from now on. */
  start(): void {
    detach(
      "upload sweep",
      (fault) => this.#settings.log(describeFault(fault)),
      this.run().finally(() => this.#again()),
    );
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.clear();
  }

  async run(): Promise<void> {
    const { storage, maxAge, clock } = this.#settings;
    let open = 0;
    for await (const { id, touchedAt, isComplete } of storage.list()) {
      if (clock.date() - touchedAt > maxAge && !this.#locks.isHeld(id)) await this.#remove(id);
      else if (!isComplete) open += 1;
    }
    this.#counted(open);
  }

  async #remove(id: string): Promise<void> {
    const hold = await this.#locks.take(id);
    try {
      await this.#settings.storage.remove(id);
    } finally {
      await hold.release();
    }
  }

  #again(): void {
    if (this.#isClosed) return;
    const { maxAge, log, clock } = this.#settings;
    const pause = Math.min(Math.max(maxAge / 10, SHORTEST), LONGEST);
    const sweep = guard(
      "upload sweep due",
      (fault) => log(describeFault(fault)),
      () => this.start(),
    );
    this.#timer = new Timer(sweep, pause, clock).unref();
  }
}
