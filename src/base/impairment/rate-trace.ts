/**
 * A link of varying rate as a recording in Mahimahi's format: each line is a time in milliseconds, and an opportunity to
 * deliver 1500 bytes at that time. Opportunities without anything to deliver are lost. The recording repeats; its last
 * time is its duration.
 */

export const OPPORTUNITY_BYTES = 1500;
const MICROS_PER_MILLI = 1_000;

export interface RateTrace {
  /** The times of opportunities, in ascending milliseconds; the last is also the duration. */
  readonly opportunities: readonly number[];
}

/** Throws a `SyntaxError` that names the line. */
export function parseRateTrace(text: string): RateTrace {
  const opportunities: number[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const trimmed = line.trim();
    if (trimmed === "") continue;
    const at = /^\d+$/.test(trimmed) ? Number(trimmed) : Number.NaN;
    if (!Number.isSafeInteger(at)) {
      throw new SyntaxError(
        `line ${index + 1} of the rate trace is "${trimmed.slice(0, 40)}", not a time in milliseconds`,
      );
    }
    const previous = opportunities.at(-1);
    if (previous !== undefined && at < previous) {
      throw new SyntaxError(`line ${index + 1} of the rate trace goes back from ${previous} to ${at} ms`);
    }
    opportunities.push(at);
  }
  const problem = rateTraceProblem({ opportunities });
  if (problem !== undefined) throw new SyntaxError(`the rate trace ${problem}`);
  return { opportunities };
}

export function rateTraceProblem({ opportunities }: RateTrace): string | undefined {
  const duration = opportunities.at(-1);
  if (duration === undefined) return "has no opportunities";
  if (duration === 0) return "has no duration: its last time is 0";
  const isAscending = opportunities.every((at, i) => Number.isFinite(at) && at >= (opportunities[i - 1] ?? 0));
  return isAscending ? undefined : "has times that are not ascending";
}

/** The mean rate in bits per second. */
export const meanRate = ({ opportunities }: RateTrace): number =>
  (opportunities.length * OPPORTUNITY_BYTES * 8 * 1_000) / opportunities.at(-1)!;

/** Serves items one after another from a trace. All times are in microseconds. */
export class TraceTransmitter {
  readonly #opportunities: readonly number[];
  readonly #duration: number;
  /** The current opportunity: its time, its position and the bytes left in it. */
  #lap = 0;
  #index = 0;
  #left: number;

  constructor({ opportunities }: RateTrace) {
    this.#opportunities = opportunities.map((at) => at * MICROS_PER_MILLI);
    this.#duration = this.#opportunities.at(-1)!;
    this.#left = OPPORTUNITY_BYTES;
  }

  /** The time at which an item of `length` bytes, at the head of the queue from `start`, has left. */
  transmit(length: number, start: number): number {
    this.#advanceTo(start);
    let rest = length;
    for (;;) {
      const used = Math.min(rest, this.#left);
      rest -= used;
      this.#left -= used;
      if (rest === 0) return this.#at;
      this.#next();
    }
  }

  get #at(): number {
    return this.#lap * this.#duration + this.#opportunities[this.#index]!;
  }

  #next(): void {
    this.#index += 1;
    this.#left = OPPORTUNITY_BYTES;
    if (this.#index < this.#opportunities.length) return;
    this.#index = 0;
    this.#lap += 1;
  }

  /** Skips opportunities before `start`. */
  #advanceTo(start: number): void {
    if (this.#at >= start) return;
    const lap = Math.floor(start / this.#duration);
    if (lap > this.#lap) {
      // At the very end of a lap its last opportunities still count.
      const isEnd = start === lap * this.#duration;
      this.#lap = isEnd ? lap - 1 : lap;
      this.#index = isEnd ? this.#opportunities.indexOf(this.#duration) : 0;
      this.#left = OPPORTUNITY_BYTES;
    }
    while (this.#at < start) this.#next();
  }
}
