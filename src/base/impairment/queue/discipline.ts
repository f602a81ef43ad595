/**
 * The queue before a transmitter. A discipline decides which items wait, which are dropped or marked, and which leaves
 * next. An item that is being transmitted no longer waits.
 */

import type { Instant } from "../../time.ts";
import type { Fate } from "../impairment.ts";

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
