/**
 * Sequence numbers (RFC 9293 §3.4). On the wire they are 32 bits and wrap; inside, each direction counts positions from
 * its initial sequence number on: the SYN is at 0, the first byte at 1. Positions are exact up to 2^53 and never wrap.
 */

/** The sequence number at a position. */
export const sequenceAt = (initial: number, position: number): number => (initial + position) >>> 0;

/** The position nearest to `near` that has this sequence number. */
export const positionOf = (initial: number, sequence: number, near: number): number =>
  near + ((sequence - sequenceAt(initial, near)) | 0);

/** RFC 7323 §5.2: true if timestamp `a` is older than `b`; values half the space apart count as older. */
export const isOlderTimestamp = (a: number, b: number): boolean => ((a - b) | 0) < 0;
