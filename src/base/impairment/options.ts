/** The options of one direction of a link, and their check. */

import type { Instant, Micros } from "../time.ts";
import type { ImpairmentOptions } from "./impairment.ts";
import type { QueueOptions } from "./queue/create.ts";
import type { RateTrace } from "./rate-trace.ts";

export interface PathOptions extends ImpairmentOptions {
  /** One-way propagation delay; 0 by default. */
  readonly delay?: Micros;
  /** Bits per second, including headers, or a recording of a varying rate; unlimited by default. */
  readonly rate?: number | RateTrace;
  /** The largest item, including headers; 1500 by default. */
  readonly mtu?: number;
}

export interface LineOptions extends PathOptions {
  /** The queue before the transmitter: the maximum number of waiting packets, or a discipline; 25 packets by default. */
  readonly queue?: number | QueueOptions;
  /** If at least this many packets wait, ECN-capable ones are marked CE (RFC 3168). Only with a number as `queue`. */
  readonly ecnThreshold?: number;
  /** The maximum number of bytes that wait or are on the way; unlimited by default. */
  readonly capacity?: number;
  /** Later values of options, by ascending time. They apply to what is sent from then on. */
  readonly changes?: readonly Change[];
}

/** New values for some options, from an instant on. Give `undefined` to turn one off. */
export type Change = { readonly at: Instant } & {
  readonly [Name in keyof PathOptions]?: PathOptions[Name] | undefined;
};
