/** BBR's states and the gains of each (draft-ietf-ccwg-bbr §5.6.1). */

export type BbrState =
  | "startup"
  | "drain"
  | "probe-bw-down"
  | "probe-bw-cruise"
  | "probe-bw-refill"
  | "probe-bw-up"
  | "probe-rtt";

interface Gains {
  /** Times the bandwidth. */
  readonly pacing: number;
  /** Times the bandwidth-delay product. */
  readonly window: number;
}

export const GAINS: Readonly<Record<BbrState, Gains>> = {
  // 4 ln 2: the smallest gain that doubles the delivery rate each round trip.
  startup: { pacing: 2.77, window: 2 },
  drain: { pacing: 0.5, window: 2 },
  "probe-bw-down": { pacing: 0.9, window: 2 },
  "probe-bw-cruise": { pacing: 1, window: 2 },
  "probe-bw-refill": { pacing: 1, window: 2 },
  "probe-bw-up": { pacing: 1.25, window: 2.25 },
  "probe-rtt": { pacing: 1, window: 0.5 },
};

export const isProbeBw = (state: BbrState): boolean => state.startsWith("probe-bw");

/** In these states the sender tries to go faster, and judges losses when the probe is over. */
export const isAccelerating = (state: BbrState): boolean =>
  state === "startup" || state === "probe-bw-refill" || state === "probe-bw-up";
