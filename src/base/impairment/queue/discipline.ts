/**
 * The queue before a transmitter. A discipline decides which items wait, which are dropped or marked, and which leaves
 * next. An item that is being transmitted no longer waits.
 */

import type { Rng } from "../../rng.ts";
import type { Instant } from "../../time.ts";
import type { Fate } from "../impairment.ts";
import { CoDel, type CoDelOptions } from "./codel.ts";
import { DropTail, type DropTailOptions } from "./drop-tail.ts";
import { Red, type RedOptions } from "./red.ts";

export interface Waiting<T> {
  item: T;
  /** Bytes on the wire. */
  readonly length: number;
  readonly since: Instant;
  /** What will happen to it after transmission. */
  readonly fate: Fate;
}

/** What a discipline may do to an item. */
export interface QueueActions<T> {
  /** Marks the item CE (RFC 3168); returns false if it is not ECN-capable. */
  mark(waiting: Waiting<T>): boolean;
  drop(waiting: Waiting<T>, now: Instant): void;
}

export interface QueueDiscipline<T> {
  /** The number of items that wait. */
  readonly size: number;
  /** Takes an item, or drops it. */
  push(waiting: Waiting<T>, now: Instant): void;
  /** The next item to transmit. May drop items before it. */
  pop(now: Instant): Waiting<T> | undefined;
}

export type QueueOptions = DropTailOptions | CoDelOptions | RedOptions;

export function createQueue<T>(options: QueueOptions, actions: QueueActions<T>, rng: Rng): QueueDiscipline<T> {
  switch (options.type) {
    case "drop-tail":
      return new DropTail(options, actions);
    case "codel":
      return new CoDel(options, actions);
    case "red":
      return new Red(options, actions, rng);
  }
}
