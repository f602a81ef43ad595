/**
 * What a bad network does to traffic: lose, corrupt, duplicate, delay. Works for frames, packets and datagrams alike,
 * because it only decides the fate of the next item. Randomness comes from one injected source, so the same seed gives
 * the same fates.
 */

import { type Rng, uniform } from "./rng.ts";
import { type Instant, type Micros, micros } from "./time.ts";

export interface ImpairmentOptions {
  /** The probability that an item is lost, in [0, 1]. */
  readonly loss?: number;
  /** At most this many consecutive items are lost at random; unlimited by default. */
  readonly maxLossBurst?: number;
  /** These items are lost, counted from 1 in order of arrival. */
  readonly dropList?: readonly number[];
  /** The probability that an item's bytes are changed. */
  readonly corruption?: number;
  /** At most this many consecutive items are corrupted; unlimited by default. */
  readonly maxCorruptionBurst?: number;
  /** The probability that an item is duplicated. */
  readonly duplication?: number;
  /** The probability that an item is held back by up to `reorderDelay`, so that later items overtake it. */
  readonly reordering?: number;
  /** 10 ms by default. */
  readonly reorderDelay?: Micros;
  /** When nothing passes. */
  readonly blackhole?: Blackhole;
}

/** Passes everything for `on`, then nothing for `off`, repeatedly; or passes nothing in the given intervals. */
type Blackhole =
  | { readonly on: Micros; readonly off: Micros }
  | { readonly intervals: readonly (readonly [from: Instant, to: Instant])[] };

export interface Fate {
  /** How often the item arrives: 0 if lost. */
  readonly copies: 0 | 1 | 2;
  readonly corrupted: boolean;
  /** How long it is held back. */
  readonly delay: Micros;
  /** Why it was lost. */
  readonly reason?: "loss" | "drop-list" | "blackhole";
}

const PASSES: Fate = { copies: 1, corrupted: false, delay: micros(0) };
const DEFAULT_REORDER_DELAY = micros(10_000);

function isBlackedOut(blackhole: Blackhole, now: Instant): boolean {
  if ("intervals" in blackhole) return blackhole.intervals.some(([from, to]) => from <= now && now < to);
  return now % (blackhole.on + blackhole.off) >= blackhole.on;
}

export class Impairment {
  readonly #options: ImpairmentOptions;
  readonly #rng: Rng;
  #seen = 0;
  #lostInARow = 0;
  #corruptedInARow = 0;

  constructor(options: ImpairmentOptions, rng: Rng) {
    this.#options = options;
    this.#rng = rng;
  }

  /** A certain or an impossible event consumes no randomness. */
  #happens(probability: number | undefined): boolean {
    if (probability === undefined || probability <= 0) return false;
    return probability >= 1 || uniform(this.#rng) < probability;
  }

  /** Decides the fate of the next item. */
  decide(now: Instant): Fate {
    const options = this.#options;
    this.#seen += 1;
    if (options.blackhole !== undefined && isBlackedOut(options.blackhole, now)) {
      return { copies: 0, corrupted: false, delay: micros(0), reason: "blackhole" };
    }
    if (options.dropList?.includes(this.#seen)) {
      return { copies: 0, corrupted: false, delay: micros(0), reason: "drop-list" };
    }
    if (this.#happens(options.loss) && this.#lostInARow < (options.maxLossBurst ?? Number.POSITIVE_INFINITY)) {
      this.#lostInARow += 1;
      return { copies: 0, corrupted: false, delay: micros(0), reason: "loss" };
    }
    this.#lostInARow = 0;
    const corrupted =
      this.#happens(options.corruption) &&
      this.#corruptedInARow < (options.maxCorruptionBurst ?? Number.POSITIVE_INFINITY);
    this.#corruptedInARow = corrupted ? this.#corruptedInARow + 1 : 0;
    const copies = this.#happens(options.duplication) ? 2 : 1;
    const delay = this.#happens(options.reordering) ? this.#reorderDelay() : PASSES.delay;
    if (!corrupted && copies === 1 && delay === 0) return PASSES;
    return { copies, corrupted, delay };
  }

  #reorderDelay(): Micros {
    return micros(uniform(this.#rng) * (this.#options.reorderDelay ?? DEFAULT_REORDER_DELAY));
  }

  /** Flips one bit in place. */
  corrupt(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const at = this.#rng.uint32() % bytes.length;
    bytes[at] = bytes[at]! ^ (1 << (this.#rng.uint32() & 7));
  }
}
