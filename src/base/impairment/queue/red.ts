/**
 * Random Early Detection (Floyd and Jacobson, 1993; RFC 2309 §4), with ECN (RFC 3168 §5): drops or marks arrivals with a
 * probability that grows with the average number of waiting items.
 */

import { Fifo } from "../../fifo.ts";
import { type Rng, uniform } from "../../rng.ts";
import type { Instant } from "../../time.ts";
import type { QueueActions, QueueDiscipline, Waiting } from "./discipline.ts";

export interface RedOptions {
  readonly type: "red";
  /** Below this average nothing is dropped, in items. */
  readonly minThreshold: number;
  /** From this average on everything is dropped, in items. */
  readonly maxThreshold: number;
  /** The probability just below `maxThreshold`; 0.1 by default. */
  readonly maxProbability?: number;
  /** The weight of the present length in the average; 0.002 by default. */
  readonly weight?: number;
  /** The maximum number of items; twice `maxThreshold` by default. */
  readonly packets?: number;
  /** Marks ECN-capable items between the thresholds instead of dropping them; false by default. */
  readonly ecn?: boolean;
}

const MAX_PROBABILITY = 0.1;
const WEIGHT = 0.002;
/** The time in which an idle queue is assumed to transmit one small item, so that its average decays. */
const IDLE_MICROS_PER_ITEM = 1_000;

export class Red<T> implements QueueDiscipline<T> {
  readonly #options: Required<RedOptions>;
  readonly #actions: QueueActions<T>;
  readonly #rng: Rng;
  readonly #items = new Fifo<Waiting<T>>();
  #average = 0;
  /** Arrivals since the last drop or mark; -1 below the lower threshold. */
  #count = -1;
  #idleSince: Instant | undefined;

  constructor(options: RedOptions, actions: QueueActions<T>, rng: Rng) {
    this.#options = {
      maxProbability: MAX_PROBABILITY,
      weight: WEIGHT,
      packets: 2 * options.maxThreshold,
      ecn: false,
      ...options,
    };
    this.#actions = actions;
    this.#rng = rng;
  }

  get size(): number {
    return this.#items.size;
  }

  push(waiting: Waiting<T>, now: Instant): void {
    const { maxThreshold, packets, ecn } = this.#options;
    this.#updateAverage(now);
    if (this.#items.size >= packets || this.#average >= maxThreshold) {
      this.#count = 0;
      this.#actions.drop(waiting, now);
      return;
    }
    if (this.#choosesArrival() && !(ecn && this.#actions.mark(waiting))) {
      this.#actions.drop(waiting, now);
      return;
    }
    this.#items.push(waiting);
  }

  pop(now: Instant): Waiting<T> | undefined {
    const waiting = this.#items.shift();
    if (this.#items.size === 0) this.#idleSince ??= now;
    return waiting;
  }

  #updateAverage(now: Instant): void {
    const { weight } = this.#options;
    if (this.#items.size > 0 || this.#idleSince === undefined) {
      this.#average += weight * (this.#items.size - this.#average);
    } else {
      this.#average *= (1 - weight) ** ((now - this.#idleSince) / IDLE_MICROS_PER_ITEM);
    }
    this.#idleSince = undefined;
  }

  #choosesArrival(): boolean {
    const { minThreshold, maxThreshold, maxProbability } = this.#options;
    if (this.#average < minThreshold) {
      this.#count = -1;
      return false;
    }
    this.#count += 1;
    const base = (maxProbability * (this.#average - minThreshold)) / (maxThreshold - minThreshold);
    // Spreads the chosen arrivals evenly: the gaps between them are uniform.
    const probability = this.#count * base >= 1 ? 1 : base / (1 - this.#count * base);
    if (uniform(this.#rng) >= probability) return false;
    this.#count = 0;
    return true;
  }
}
