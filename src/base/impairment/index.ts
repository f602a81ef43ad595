/** Bad networks, for anything with a length. */

/** When nothing passes. */
export type { Blackhole } from "./blackhole.ts";
/** Options from outside. */
export { lineOptionsProblem } from "./check.ts";
/** The fate of an item. */
export { type Fate, Impairment, type ImpairmentOptions } from "./impairment.ts";
/** One direction of a link. */
export { Line, type LineDropReason, type LineOwner, type Medium } from "./line.ts";
/** Models of random loss. */
export type { GilbertElliott, ItemList } from "./loss.ts";
/** The options of a line. */
export type { Change, LineOptions, PathOptions } from "./options.ts";
/** Queue disciplines. */
export type { CoDelOptions } from "./queue/codel.ts";
export type { QueueOptions } from "./queue/create.ts";
export type { DropTailOptions } from "./queue/drop-tail.ts";
export type { RedOptions } from "./queue/red.ts";
/** Recordings of varying rates. */
export { meanRate, parseRateTrace, type RateTrace } from "./rate-trace.ts";
