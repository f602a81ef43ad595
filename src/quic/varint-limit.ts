/** Limits above 2^53-1, where a double cannot represent every integer: RFC 9000 limits stream counts to 2^60. */

import type { VarInt } from "../wire/varint.ts";

/** True if the exact `value` is more than `limit`. */
export function exceeds(value: VarInt, limit: number): boolean {
  if (typeof value === "number") return value > limit;
  const high = Math.floor(limit / 2 ** 32);
  return value.high > high || (value.high === high && value.low > limit % 2 ** 32);
}

/** Rounds to a double: good enough for limits, which are compared with far smaller values. */
export const nearest = (value: VarInt): number =>
  typeof value === "number" ? value : value.high * 2 ** 32 + value.low;
