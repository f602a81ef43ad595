/** What all queues of a flow's data do for the scheduler. */

import type { Instant, Micros } from "../../base/time.ts";
import type { DatagramUnit, StreamUnit } from "../packet/types.ts";
import type { Tracked } from "../session/recovery.ts";
import type { Head } from "./out-flow.ts";

/** What the network is like, for the question whether there is time. */
export interface Outlook {
  readonly now: Instant;
  /** Microseconds that a byte takes on the link; 0 if unknown. */
  readonly perByte: number;
  /** Half of a round trip. */
  readonly oneWay: Micros;
}

/** A unit, and what to do about its fate; undefined if nobody asks for it. */
export interface TakenUnit {
  readonly unit: DatagramUnit | StreamUnit;
  readonly part: Tracked | undefined;
}

export interface OutQueue {
  /** Bytes that wait, or that are not acknowledged. */
  readonly buffered: number;
  /** What would leave next; drops what is too late. Undefined if nothing waits. */
  head(outlook: Outlook): Head | undefined;
  /** Takes a unit of at most `room` bytes, headers included; undefined if the head does not fit. */
  take(room: number, outlook: Outlook): TakenUnit | undefined;
  /** True if everything given to it has arrived, or is given up. */
  readonly isDone: boolean;
}

/** The deadline of a unit in a packet that leaves now: milliseconds, rounded down, so that it is never later than promised. */
export function wireDeadline(deadline: Instant | undefined, now: Instant): number {
  if (deadline === undefined) return 0xffff;
  return Math.min(Math.max(0, Math.floor((deadline - now) / 1_000)), 0xfffe);
}
