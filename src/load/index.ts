/** The decisions and the measurements of a load generator, without I/O. */

/** Durations, with a bounded size and error. */
export { type Bin, Histogram } from "./histogram.ts";
/** Which request starts when. */
export { type LoadPlan, LoadSchedule, type PlannedRequest } from "./schedule.ts";
