/** The two directions of a link on a host: what they have done, and when they are due. */

import { Line, type LineDropReason, type LineOptions, type Medium } from "../../base/impairment/index.ts";
import { SeededRng } from "../../base/rng.ts";
import { earliest, type Instant } from "../../base/time.ts";

export type LineDirection = "up" | "down";

/** What a direction has done. */
export interface LineCounts {
  forwarded: number;
  readonly dropped: Record<LineDropReason, number>;
}

export interface LinePairOptions<T> {
  readonly up: LineOptions;
  readonly down: LineOptions;
  readonly seed: number;
  readonly medium: Medium<T>;
  readonly onArrival: (direction: LineDirection, item: T) => void;
}

/** Bytes that wait or are on the way in one direction, unless the options say otherwise. */
const CAPACITY = 32 * 1024 * 1024;

const noCounts = (): LineCounts => ({
  forwarded: 0,
  dropped: { mtu: 0, queue: 0, capacity: 0, loss: 0, "drop-list": 0, blackhole: 0 },
});

export class LinePair<T> {
  readonly up: LineCounts = noCounts();
  readonly down: LineCounts = noCounts();
  readonly #lines: Readonly<Record<LineDirection, Line<T>>>;

  constructor(options: LinePairOptions<T>) {
    const rng = new SeededRng(options.seed);
    const line = (direction: LineDirection): Line<T> => {
      const { [direction]: counts } = this;
      return new Line({ capacity: CAPACITY, ...options[direction] }, new SeededRng(rng.uint32()), options.medium, {
        onArrival: (item) => {
          counts.forwarded += 1;
          options.onArrival(direction, item);
        },
        onDrop: (_, reason) => {
          counts.dropped[reason] += 1;
        },
      });
    };
    this.#lines = { up: line("up"), down: line("down") };
  }

  get next(): Instant | undefined {
    return earliest(this.#lines.up.next, this.#lines.down.next);
  }

  offer(direction: LineDirection, item: T, now: Instant): void {
    this.#lines[direction].offer(item, now);
  }

  advance(now: Instant): void {
    this.#lines.up.advance(now);
    this.#lines.down.advance(now);
  }

  change(direction: LineDirection, options: Parameters<Line<T>["change"]>[0]): void {
    this.#lines[direction].change(options);
  }
}
