/**
 * A histogram of durations with a bounded size and a bounded relative error, after Gil Tene's HdrHistogram: the bins are
 * linear within each power of two.
 */

import type { Micros } from "../base/time.ts";

/** Bins per power of two: a value is known to 1 part in 128. */
const SUB_BITS = 7;
const SUB_BINS = 1 << SUB_BITS;
/** About 19 hours; larger values count as this one. */
const MAX_BITS = 36;
const MAX_VALUE = 2 ** MAX_BITS - 1;
const BINS = (MAX_BITS - SUB_BITS + 1) * SUB_BINS;

/** The values of a bin, both inclusive. */
export interface Bin {
  readonly from: Micros;
  readonly to: Micros;
  readonly count: number;
}

export class Histogram {
  readonly #bins = new Float64Array(BINS);
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  /** Exact, as are `max` and `mean`. All are 0 without values. */
  get min(): Micros {
    return (this.#count === 0 ? 0 : this.#min) as Micros;
  }

  get max(): Micros {
    return this.#max as Micros;
  }

  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }

  /** A negative value counts as 0: two readings of a clock may be the wrong way round. */
  record(value: Micros): void {
    const kept = value > 0 ? value : 0;
    const bin = binOf(Math.min(kept, MAX_VALUE));
    this.#bins[bin] = this.#bins[bin]! + 1;
    this.#count += 1;
    this.#sum += kept;
    if (kept < this.#min) this.#min = kept;
    if (kept > this.#max) this.#max = kept;
  }

  /** The smallest value that at least this share of the values does not exceed, rounded up by at most 1 part in 128. */
  percentile(share: number): Micros {
    if (this.#count === 0) return 0 as Micros;
    const rank = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (let bin = 0; bin < BINS; bin++) {
      seen += this.#bins[bin]!;
      if (seen >= rank) return Math.min(Math.max(upperEnd(bin), this.#min), this.#max) as Micros;
    }
    return this.#max as Micros;
  }

  /** The bins with values, in ascending order. */
  *bins(): Generator<Bin> {
    for (let bin = 0; bin < BINS; bin++) {
      const count = this.#bins[bin]!;
      if (count > 0) yield { from: lowerEnd(bin) as Micros, to: upperEnd(bin) as Micros, count };
    }
  }
}

/** Values below 2⁷ have bins of their own; above, the 7 bits after the highest one select the bin. */
function binOf(value: number): number {
  if (value < SUB_BINS) return value;
  const exponent = Math.floor(Math.log2(value)) - SUB_BITS;
  // log2 may round up to the next power of two.
  const shift = 2 ** exponent > value / SUB_BINS ? exponent - 1 : exponent;
  return (shift + 1) * SUB_BINS + Math.floor(value / 2 ** shift) - SUB_BINS;
}

function lowerEnd(bin: number): number {
  if (bin < SUB_BINS) return bin;
  const shift = Math.floor(bin / SUB_BINS) - 1;
  return ((bin % SUB_BINS) + SUB_BINS) * 2 ** shift;
}

const upperEnd = (bin: number): number => lowerEnd(bin + 1) - 1;
