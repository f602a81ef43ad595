/** Limits above 2^53-1, where a double no longer tells neighbours apart: RFC 9000 judges stream counts against 2^60. */

import type { VarInt } from "../wire/varint.ts";

/** Is `value`, exactly, more than `limit`? */
export function exceeds(value: VarInt, limit: number): boolean {
  if (typeof value === "number") return value > limit;
  const high = Math.floor(limit / 2 ** 32);
  return value.high > high || (value.high === high && value.low > limit % 2 ** 32);
}

/** The nearest double: good for limits, which are compared with what is far smaller. */
export const nearest = (value: VarInt): number =>
  typeof value === "number" ? value : value.high * 2 ** 32 + value.low;
