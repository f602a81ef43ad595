/**
 * A fetch handler under test, over HTTP/3 on a bad network, in virtual time. Experimental.
 *
 * @module nagare/testing
 */

/** All simulation failures. */
export { SimulateError, type SimulateProblem } from "./errors.ts";
/** The virtual clock and the mark for real work. */
export type { Kit, VirtualTimerId } from "./kit.ts";
/** The options of a simulation. */
export type { CommonOptions, SimulatedDirection, SimulatedLink, SimulateOptions } from "./options.ts";
/** The simulation. */
export { type SimulatedFetch, type SimulateResult, simulate } from "./simulate.ts";
