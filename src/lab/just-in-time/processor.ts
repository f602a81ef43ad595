/** The receiver's processor: one unit at a time, each takes its cost, and all take longer while others use the processor, too. */

import { after, type Instant, type Micros, micros } from "../../base/time.ts";

/** A unit of work. */
export interface Work {
  /** Of the whole processor. */
  readonly cost: Micros;
  /** Called when it has been processed. */
  done(now: Instant): void;
}

export interface ProcessorOptions {
  /** Takes the next unit that waits; undefined if there is none. */
  next(): Work | undefined;
  /** The share of the processor that there is. */
  speed(now: Instant): number;
}

export class Processor {
  readonly #options: ProcessorOptions;
  #current: Work | undefined;
  #doneAt: Instant | undefined;

  constructor(options: ProcessorOptions) {
    this.#options = options;
  }

  /** When the unit that it works on is done; undefined if it has nothing to do. */
  get doneAt(): Instant | undefined {
    return this.#doneAt;
  }

  /** Ends what is done, and begins what waits. */
  work(now: Instant): void {
    while (this.#doneAt === undefined || this.#doneAt <= now) {
      const from = this.#doneAt ?? now;
      this.#current?.done(from);
      this.#current = this.#options.next();
      if (this.#current === undefined) {
        this.#doneAt = undefined;
        return;
      }
      this.#doneAt = after(from, micros(Math.ceil(this.#current.cost / this.#options.speed(from))));
    }
  }
}
