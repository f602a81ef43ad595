/**
 * QUIC's variable-length integers (RFC 9000 §16): two bits of length, then 6, 14, 30 or 62 bits of value.
 *
 * JavaScript numbers are exact up to 2^53-1. Identifiers and codes may use all 62 bits and must pass through unchanged,
 * so larger ones are opaque pairs.
 */

/** A value above 2^53-1: carried and compared, never computed with. */
export interface WideInt {
  readonly high: number;
  readonly low: number;
}

export type VarInt = number | WideInt;

export const wideInt = (high: number, low: number): WideInt => ({ high, low });

export const sameVarInt = (a: VarInt, b: VarInt): boolean =>
  a === b || (typeof a === "object" && typeof b === "object" && a.high === b.high && a.low === b.low);

/** The length of the shortest encoding in bytes. */
export function varintLength(value: VarInt): 1 | 2 | 4 | 8 {
  if (typeof value === "object") return 8;
  if (value < 0x40) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x4000_0000) return 4;
  return 8;
}

/** For display: decimal if small, else hexadecimal. */
export function formatVarInt(value: VarInt): string {
  if (typeof value === "number") return value < 0x10000 ? String(value) : `0x${value.toString(16)}`;
  return `0x${value.high.toString(16)}${value.low.toString(16).padStart(8, "0")}`;
}
