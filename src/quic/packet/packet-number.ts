/**
 * Packet numbers are truncated to 1-4 bytes on the wire, and decoded relative to the number expected next (RFC 9000
 * §17.1, Appendix A).
 */

export type PacketNumberLength = 1 | 2 | 3 | 4;

/** How many packet numbers a length tells apart. `**` would call into the C library for each packet. */
const WINDOWS = { 1: 2 ** 8, 2: 2 ** 16, 3: 2 ** 24, 4: 2 ** 32 } as const;

/**
 * The number of bytes of `packetNumber` to send (RFC 9000 §A.2). `largestAcked` is the largest number that the peer has
 * acknowledged in this space, or -1 if there is none.
 */
export function packetNumberLength(packetNumber: number, largestAcked: number): PacketNumberLength {
  // RFC 9000 §17.1: the range must be *more* than twice the distance.
  const distance = packetNumber - largestAcked;
  if (distance < 2 ** 7) return 1;
  if (distance < 2 ** 15) return 2;
  if (distance < 2 ** 23) return 3;
  return 4;
}

/** The least significant `length` bytes. */
export const truncate = (packetNumber: number, length: PacketNumberLength): number => packetNumber % WINDOWS[length];

/**
 * The full number closest to the one expected next (RFC 9000 §A.3). `largestReceived` is -1 before the first packet.
 *
 * deviation: numbers end at 2^53-1, not 2^62-1. No connection lives long enough to notice. If a peer skips ahead that
 * far, its packets no longer decrypt.
 */
export function decodePacketNumber(largestReceived: number, truncated: number, length: PacketNumberLength): number {
  const expected = Math.min(largestReceived + 1, Number.MAX_SAFE_INTEGER);
  const window = WINDOWS[length];
  const half = window / 2;
  const candidate = expected - (expected % window) + truncated;
  if (candidate <= expected - half && candidate < 2 ** 53 - window) return candidate + window;
  if (candidate > expected + half && candidate >= window) return candidate - window;
  return candidate;
}
