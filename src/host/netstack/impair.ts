/** A bad link before a device, for applications: durations in milliseconds. */

import { type LineOptions, lineOptionsProblem } from "../../base/impairment/index.ts";
import { SeededRng } from "../../base/rng.ts";
import { millis } from "../../base/time.ts";
import { FaultInjector, type LinkDevice } from "../../link/index.ts";

/** What a link does to frames. Probabilities are from 0 to 1. */
export interface LinkFaults {
  /** The probability that a frame is lost. */
  readonly loss?: number;
  /** The probability that a bit of a frame is flipped. */
  readonly corruption?: number;
  /** The probability that a frame arrives twice. */
  readonly duplication?: number;
  /** The probability that a frame is held back by up to 10 ms, so that later ones overtake it. */
  readonly reordering?: number;
  /** Milliseconds in one direction. */
  readonly delay?: number;
  /** Every frame takes up to this many milliseconds longer. */
  readonly jitter?: number;
  /** Bits per second; unlimited by default. */
  readonly rate?: number;
  /** Frames that wait for the transmitter; 256 by default. */
  readonly queue?: number;
}

/** The faults of both directions, unless one has its own. */
export interface ImpairOptions extends LinkFaults {
  /** What the host sends. */
  readonly outbound?: LinkFaults;
  /** What the host receives. */
  readonly inbound?: LinkFaults;
  /** The same seed gives the same faults; 1 by default. */
  readonly seed?: number;
}

/** Wraps a device, so that its link is slow, or loses, repeats, reorders or changes frames. It never offloads. */
export function impair(device: LinkDevice, { outbound, inbound, seed = 1, ...both }: ImpairOptions): LinkDevice {
  const faults = {
    outbound: lineOptions("outbound", { ...both, ...outbound }),
    inbound: lineOptions("inbound", { ...both, ...inbound }),
  };
  return new FaultInjector(device, faults, new SeededRng(seed));
}

function lineOptions(direction: string, { delay, jitter, ...same }: LinkFaults): LineOptions {
  const options = {
    ...same,
    ...(delay === undefined ? {} : { delay: millis(delay) }),
    ...(jitter === undefined ? {} : { jitter: millis(jitter) }),
  };
  const problem = lineOptionsProblem(options);
  if (problem !== undefined) throw new RangeError(`${direction}: ${problem}`);
  return options;
}
