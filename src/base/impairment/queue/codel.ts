/**
 * Controlled Delay (RFC 8289): drops, or marks, at the head of the queue when items have waited too long for too long.
 * The names are those of the RFC's pseudocode (§5).
 */

import { Fifo } from "../../fifo.ts";
import { type Instant, type Micros, millis } from "../../time.ts";
import type { QueueActions, QueueDiscipline, Waiting } from "./discipline.ts";

export interface CoDelOptions {
  readonly type: "codel";
  /** The acceptable waiting time; 5 ms by default. */
  readonly target?: Micros;
  /** How long the waiting time may exceed `target`; 100 ms by default. */
  readonly interval?: Micros;
  /** The maximum number of items; 1000 by default. */
  readonly packets?: number;
  /** Marks ECN-capable items instead of dropping them; false by default. */
  readonly ecn?: boolean;
}

// RFC 8289 §4.2, §4.3
const TARGET = millis(5);
const INTERVAL = millis(100);
const PACKETS = 1000;
/** RFC 8289 §4.4: a queue that holds no more than one packet of this size is not bad. */
const MAX_PACKET = 1500;

export class CoDel<T> implements QueueDiscipline<T> {
  readonly #actions: QueueActions<T>;
  readonly #target: number;
  readonly #interval: number;
  readonly #packets: number;
  readonly #ecn: boolean;
  readonly #items = new Fifo<Waiting<T>>();
  #held = 0;
  #firstAboveTime = 0;
  #dropNext = 0;
  #count = 0;
  #lastCount = 0;
  #dropping = false;

  constructor(options: CoDelOptions, actions: QueueActions<T>) {
    this.#actions = actions;
    this.#target = options.target ?? TARGET;
    this.#interval = options.interval ?? INTERVAL;
    this.#packets = options.packets ?? PACKETS;
    this.#ecn = options.ecn ?? false;
  }

  get size(): number {
    return this.#items.size;
  }

  push(waiting: Waiting<T>, now: Instant): void {
    if (this.#items.size >= this.#packets) {
      this.#actions.drop(waiting, now);
      return;
    }
    this.#held += waiting.length;
    this.#items.push(waiting);
  }

  // RFC 8289 §5.6
  pop(now: Instant): Waiting<T> | undefined {
    let { waiting, okToDrop } = this.#take(now);
    if (this.#dropping) {
      if (!okToDrop) this.#dropping = false;
      while (this.#dropping && waiting !== undefined && now >= this.#dropNext) {
        this.#count += 1;
        if (this.#ecn && this.#actions.mark(waiting)) {
          this.#dropNext = this.#controlLaw(this.#dropNext);
          return waiting;
        }
        this.#actions.drop(waiting, now);
        ({ waiting, okToDrop } = this.#take(now));
        if (okToDrop) this.#dropNext = this.#controlLaw(this.#dropNext);
        else this.#dropping = false;
      }
    } else if (okToDrop && waiting !== undefined) {
      if (!(this.#ecn && this.#actions.mark(waiting))) {
        this.#actions.drop(waiting, now);
        ({ waiting } = this.#take(now));
      }
      this.#startDropping(now);
    }
    return waiting;
  }

  #startDropping(now: Instant): void {
    this.#dropping = true;
    // Close to the last dropping state, the rate that controlled the queue then is a good start.
    const delta = this.#count - this.#lastCount;
    this.#count = delta > 1 && now - this.#dropNext < 16 * this.#interval ? delta : 1;
    this.#dropNext = this.#controlLaw(now);
    this.#lastCount = this.#count;
  }

  // RFC 8289 §5.5
  #controlLaw(time: number): number {
    return time + this.#interval / Math.sqrt(this.#count);
  }

  /** The item at the head, and whether its waiting time has been above the target for an interval. */
  #take(now: Instant): { waiting: Waiting<T> | undefined; okToDrop: boolean } {
    const waiting = this.#items.shift();
    if (waiting === undefined) {
      this.#firstAboveTime = 0;
      return { waiting, okToDrop: false };
    }
    this.#held -= waiting.length;
    if (now - waiting.since < this.#target || this.#held <= MAX_PACKET) {
      this.#firstAboveTime = 0;
      return { waiting, okToDrop: false };
    }
    if (this.#firstAboveTime === 0) {
      this.#firstAboveTime = now + this.#interval;
      return { waiting, okToDrop: false };
    }
    return { waiting, okToDrop: now >= this.#firstAboveTime };
  }
}
