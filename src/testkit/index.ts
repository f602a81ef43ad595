/** nagare/testing: a fetch handler under test, over HTTP/3 on a bad network, in virtual time. */

/** Every way a simulation can fail. */
export { SimulateError, type SimulateProblem } from "./errors.ts";
/** The virtual clock and the mark for real work. */
export type { Kit, VirtualTimerId } from "./kit.ts";
/** What a simulation may be told. */
export type { SimulatedDirection, SimulatedLink, SimulateOptions } from "./options.ts";
/** The simulation. */
export { type SimulatedFetch, type SimulateResult, simulate } from "./simulate.ts";
