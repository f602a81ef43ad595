/** How much loss is too much, and at how much in flight it began (draft-ietf-ccwg-bbr §5.5.10.2). */

/** §2.8, BBR.LossThresh: the share of a round trip that may be lost. */
const LOSS_THRESHOLD = 0.02;

/** `lost` bytes of those in flight when a packet was sent. */
export const isLossTooHigh = (lost: number, inFlight: number): boolean => lost > LOSS_THRESHOLD * inFlight;

/**
 * The bytes in flight at which the loss exceeded the threshold. `lost` and `inFlight` include the lost packet of `size`
 * bytes.
 */
export function inflightAtLoss(size: number, lost: number, inFlight: number): number {
  const inFlightBefore = inFlight - size;
  const lostBefore = lost - size;
  return inFlightBefore + (LOSS_THRESHOLD * inFlightBefore - lostBefore) / (1 - LOSS_THRESHOLD);
}
