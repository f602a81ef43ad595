/** Mutates bytes. */

import { concat } from "../src/wire/text.ts";
import type { Chance } from "./chance.ts";

const BYTES = [0x00, 0x01, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff] as const;

/** Applies one to three mutations to a copy. */
export function mutate(bytes: Uint8Array, chance: Chance): Uint8Array {
  let result: Uint8Array = bytes.slice();
  for (let faults = 1 + chance.below(3); faults > 0; faults -= 1) result = mutateOnce(result, chance);
  return result;
}

function mutateOnce(bytes: Uint8Array, chance: Chance): Uint8Array {
  const at = chance.below(bytes.length);
  switch (chance.below(7)) {
    case 0:
      if (bytes.length > 0) bytes[at]! ^= 1 << chance.below(8);
      return bytes;
    case 1:
      if (bytes.length > 0) bytes[at] = chance.pick(BYTES);
      return bytes;
    case 2:
      return bytes.slice(0, at);
    case 3:
      return concat(bytes.subarray(0, at), chance.bytes(12), bytes.subarray(at));
    case 4: {
      // Removes a piece.
      return concat(bytes.subarray(0, at), bytes.subarray(at + 1 + chance.below(8)));
    }
    case 5: {
      // Duplicates a piece.
      const end = Math.min(bytes.length, at + 1 + chance.below(32));
      return concat(bytes.subarray(0, end), bytes.subarray(at, end), bytes.subarray(end));
    }
    default:
      return concat(bytes, chance.bytes(24));
  }
}
