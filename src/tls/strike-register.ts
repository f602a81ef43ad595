/**
 * Single use of early data (RFC 8446 §8.2, RFC 9001 §9.2): anyone who records a ClientHello can send it again, with its
 * early data, to any server that has the key of its ticket. All these servers must therefore ask one register, which
 * accepts each ClientHello once.
 *
 * A ClientHello states the age of its ticket, so it is fresh only for a while; only that long must it be remembered.
 */

import { type Instant, type Micros, seconds } from "../base/time.ts";
import { fromLatin1 } from "../wire/text.ts";

/** How far the stated age of a ticket may be from its real age (RFC 8446 §8.3). */
export const FRESHNESS: Micros = seconds(10);

/** A ClientHello is fresh from this long before the arrival that its ticket age implies, to this long after it. */
export const REPLAY_WINDOW: Micros = seconds(20);

export interface StrikeRegister {
  /**
   * True if `id`, which identifies a ClientHello, was not claimed before, by any server that shares the register. False
   * also if the register cannot know, in which case early data is rejected.
   */
  claim(id: Uint8Array, now: Instant): boolean;
}

/** The ids that one process remembers per window, about 100 bytes each. Beyond that, early data is rejected. */
const MAX_IDS = 65_536;

/** A register for a single process. */
export class MemoryStrikeRegister implements StrikeRegister {
  /** Ids from before this window, and of this one: each is kept for one to two windows. */
  #older = new Set<string>();
  #newer = new Set<string>();
  #windowEnd: Instant | undefined;
  readonly #maxIds: number;

  constructor(maxIds: number = MAX_IDS) {
    this.#maxIds = maxIds;
  }

  claim(id: Uint8Array, now: Instant): boolean {
    this.#advance(now);
    const key = fromLatin1(id);
    if (this.#newer.has(key) || this.#older.has(key) || this.#newer.size >= this.#maxIds) return false;
    this.#newer.add(key);
    return true;
  }

  #advance(now: Instant): void {
    if (this.#windowEnd !== undefined && now < this.#windowEnd) return;
    const isNext = this.#windowEnd !== undefined && now < this.#windowEnd + REPLAY_WINDOW;
    this.#older = isNext ? this.#newer : new Set();
    this.#newer = new Set();
    this.#windowEnd = (now + REPLAY_WINDOW) as Instant;
  }
}
