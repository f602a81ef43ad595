/** How uneven arrivals are: the buffer that covers nearly all of them, of the last seconds. */

/** Milliseconds that an arrival counts. */
const WINDOW = 10_000;
const SHARE = 0.98;
const MAX_SAMPLES = 1_024;
/** Milliseconds more after a stall, which are given back over time. */
const AFTER_STALL = 60;
/** Of what is above the need, given back per second. */
const GIVE_BACK = 0.05;

export class Lateness {
  readonly #min: number;
  readonly #max: number;
  readonly #samples: { readonly at: number; readonly late: number }[] = [];
  #target: number;
  #at: number | undefined;
  #frame = 0;

  constructor(min: number, max: number) {
    this.#min = min;
    this.#max = max;
    this.#target = min;
  }

  /** Milliseconds of buffer that are wanted. */
  get target(): number {
    return this.#target;
  }

  /** One arrival: `late` milliseconds after the most punctual, with `length` milliseconds of media. */
  add(late: number, length: number, now: number): void {
    this.#samples.push({ at: now, late });
    while (this.#samples.length > MAX_SAMPLES || this.#samples[0]!.at < now - WINDOW) this.#samples.shift();
    // A group that comes at once, as the first one does, is no frame.
    this.#frame = Math.min(Math.max(length, 0.9 * this.#frame), 1_000);
    const sorted = this.#samples.map((sample) => sample.late).sort((a, b) => a - b);
    const need = this.#bounded(sorted[Math.floor(SHARE * (sorted.length - 1))]! + this.#frame);
    const passed = this.#at === undefined ? 0 : (now - this.#at) / 1_000;
    this.#at = now;
    // Up at once, down slowly.
    this.#target = need >= this.#target ? need : this.#target - (this.#target - need) * Math.min(1, GIVE_BACK * passed);
  }

  /** What was covered did not suffice. */
  handleStall(): void {
    this.#target = this.#bounded(this.#target + AFTER_STALL);
  }

  #bounded(milliseconds: number): number {
    return Math.min(this.#max, Math.max(this.#min, milliseconds));
  }
}
