/** A whole run in one call, for tests and experiments that need only the result. */

import { type NetworkOptions, type RunOptions, type RunResult, SimulatedNetwork } from "./network.ts";

export interface SimulationResult extends RunResult {
  /** A fingerprint of every datagram sent. */
  readonly digest: string;
}

/** Builds the network and runs it. The same options, including the seed, give the same digest. */
export function simulate(options: NetworkOptions & RunOptions): SimulationResult {
  const network = new SimulatedNetwork(options);
  const result = network.run(options);
  return { ...result, digest: network.digest };
}
