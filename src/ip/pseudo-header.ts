/** The pseudo header that transports include in their checksums (RFC 9293 §3.1, RFC 8200 §8.1). */

import { foldSum, sumWords } from "../wire/checksum.ts";

/** Its sum, not yet complemented. `length` counts the transport's header and payload. */
export const sumPseudoHeader = (
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  length: number,
): number =>
  foldSum(sumWords(source, 0, source.length, sumWords(destination, 0, destination.length, protocol + length)));
