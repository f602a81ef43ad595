/** The pause after orders that failed: it grows for each name, and a restart does not shorten it. */

import { type AcmeClock, jittered } from "./clock.ts";
import { AcmeError } from "./errors.ts";
import type { Storage } from "./storage.ts";

const MINUTE = 60_000;
/** In milliseconds; the last one repeats. */
const PAUSES = [1, 5, 15, 60, 180, 360].map((minutes) => minutes * MINUTE);

export interface FailedAttempts {
  readonly count: number;
  /** Milliseconds since 1970: no attempt before. */
  readonly until: number;
  /** True if the authority named the time, so that nobody may shorten it. */
  readonly isFixed: boolean;
  readonly reason: string;
}

export class BackOff {
  readonly #storage: Storage;
  readonly #key: string;
  readonly #clock: AcmeClock;
  /** For a storage that cannot be written. */
  #last: FailedAttempts | undefined;

  constructor(storage: Storage, key: string, clock: AcmeClock) {
    this.#storage = storage;
    this.#key = key;
    this.#clock = clock;
  }

  async read(): Promise<FailedAttempts | undefined> {
    try {
      const text = await this.#storage.get(this.#key);
      if (text === undefined) return this.#last;
      const { count, until, isFixed, reason } = JSON.parse(text) as FailedAttempts;
      return {
        count: Number(count) || 1,
        until: Number(until) || 0,
        isFixed: isFixed === true,
        reason: String(reason),
      };
    } catch {
      return this.#last;
    }
  }

  /** Notes a failure, and returns the pause. */
  async note(error: Error): Promise<FailedAttempts> {
    const count = ((await this.read())?.count ?? 0) + 1;
    const own = this.#clock.now() + jittered(PAUSES[Math.min(count, PAUSES.length) - 1]!, this.#clock);
    const asked = error instanceof AcmeError ? (error.retryAt?.getTime() ?? 0) : 0;
    const isFixed = asked > this.#clock.now();
    const attempts = { count, until: Math.max(own, asked), isFixed, reason: error.message };
    this.#last = attempts;
    await this.#storage.put(this.#key, JSON.stringify(attempts)).catch(() => undefined);
    return attempts;
  }

  async clear(): Promise<void> {
    this.#last = undefined;
    await this.#storage.delete(this.#key);
  }
}
