/**
 * What a bad network does to traffic: lose, corrupt, duplicate, delay. Works for frames, packets and datagrams alike,
 * because it only decides the fate of the next item. Randomness comes from one injected source, so the same seed gives
 * the same fates.
 */

import { type Rng, uniform } from "../rng.ts";
import { type Instant, type Micros, micros } from "../time.ts";
import { type Blackhole, isBlackedOut } from "./blackhole.ts";
import { type GilbertElliott, happens, type ItemList, type LossModel, listed, lossModel } from "./loss.ts";

export interface ImpairmentOptions {
  /** The probability that an item is lost, in [0, 1], or a model of bursts. */
  readonly loss?: number | GilbertElliott;
  /** At most this many consecutive items are lost at random; unlimited by default. */
  readonly maxLossBurst?: number;
  /** These items are lost: numbers from 1 in order of arrival, or ranges such as `[2, 7]`. */
  readonly dropList?: ItemList;
  /** The probability that an item's bytes are changed. */
  readonly corruption?: number;
  /** At most this many consecutive items are corrupted; unlimited by default. */
  readonly maxCorruptionBurst?: number;
  /** These items are corrupted, numbered as in `dropList`. */
  readonly corruptionList?: ItemList;
  /** The probability that an item is duplicated. */
  readonly duplication?: number;
  /** The probability that an item is held back by up to `reorderDelay`, so that later items overtake it. */
  readonly reordering?: number;
  /** 10 ms by default. */
  readonly reorderDelay?: Micros;
  /** Every item takes up to this much longer, but no item overtakes another. */
  readonly jitter?: Micros;
  /** When nothing passes. */
  readonly blackhole?: Blackhole;
}

export interface Fate {
  /** How often the item arrives: 0 if lost. */
  readonly copies: 0 | 1 | 2;
  readonly corrupted: boolean;
  /** How long it is held back while later items overtake it. */
  readonly delay: Micros;
  /** How much longer it takes, and with it the items behind it. */
  readonly jitter: Micros;
  /** Why it was lost. */
  readonly reason?: "loss" | "drop-list" | "blackhole";
}

const NONE = micros(0);
const PASSES: Fate = { copies: 1, corrupted: false, delay: NONE, jitter: NONE };
const lost = (reason: Fate["reason"] & string): Fate => ({ ...PASSES, copies: 0, reason });
const BLACKED_OUT = lost("blackhole");
const LISTED = lost("drop-list");
const LOST = lost("loss");
const DEFAULT_REORDER_DELAY = micros(10_000);

export class Impairment {
  readonly #rng: Rng;
  #options: ImpairmentOptions;
  #loses: LossModel | undefined;
  #isDropped: ((number: number) => boolean) | undefined;
  #isCorrupted: ((number: number) => boolean) | undefined;
  #seen = 0;
  #lostInARow = 0;
  #corruptedInARow = 0;

  constructor(options: ImpairmentOptions, rng: Rng) {
    this.#options = options;
    this.#rng = rng;
    this.change(options);
  }

  /** Replaces the options. Item numbers and bursts continue. */
  change(options: ImpairmentOptions): void {
    const { loss, dropList, corruptionList } = options;
    if (loss !== this.#options.loss || this.#loses === undefined) {
      this.#loses = loss === undefined ? undefined : lossModel(loss);
    }
    this.#isDropped = dropList === undefined ? undefined : listed(dropList);
    this.#isCorrupted = corruptionList === undefined ? undefined : listed(corruptionList);
    this.#options = options;
  }

  /** Decides the fate of the next item. */
  decide(now: Instant): Fate {
    const options = this.#options;
    const rng = this.#rng;
    this.#seen += 1;
    if (options.blackhole !== undefined && isBlackedOut(options.blackhole, now)) return BLACKED_OUT;
    if (this.#isDropped?.(this.#seen)) return LISTED;
    if (this.#loses?.(rng) && this.#lostInARow < (options.maxLossBurst ?? Number.POSITIVE_INFINITY)) {
      this.#lostInARow += 1;
      return LOST;
    }
    this.#lostInARow = 0;
    const corrupted = this.#decideCorruption();
    const copies = happens(options.duplication, rng) ? 2 : 1;
    const delay = happens(options.reordering, rng) ? this.#upTo(options.reorderDelay ?? DEFAULT_REORDER_DELAY) : NONE;
    const jitter = options.jitter === undefined || options.jitter === 0 ? NONE : this.#upTo(options.jitter);
    if (!corrupted && copies === 1 && delay === 0 && jitter === 0) return PASSES;
    return { copies, corrupted, delay, jitter };
  }

  #decideCorruption(): boolean {
    const { corruption, maxCorruptionBurst = Number.POSITIVE_INFINITY } = this.#options;
    const corrupted = happens(corruption, this.#rng) && this.#corruptedInARow < maxCorruptionBurst;
    this.#corruptedInARow = corrupted ? this.#corruptedInARow + 1 : 0;
    return corrupted || this.#isCorrupted?.(this.#seen) === true;
  }

  #upTo(span: Micros): Micros {
    return micros(uniform(this.#rng) * span);
  }

  /** Flips one bit in place. */
  readonly corrupt = (bytes: Uint8Array): void => {
    if (bytes.length === 0) return;
    const at = this.#rng.uint32() % bytes.length;
    bytes[at] = bytes[at]! ^ (1 << (this.#rng.uint32() & 7));
  };
}
