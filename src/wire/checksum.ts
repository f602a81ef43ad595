/** The Internet checksum (RFC 1071): the ones' complement of the ones' complement sum of 16-bit words. */

/** Adds the words of `bytes[start, end)` to `sum`; an odd last byte counts as the high half of a word. */
export function sumWords(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  let total = sum;
  const whole = end - ((end - start) & 1);
  for (let at = start; at < whole; at += 2) total += (bytes[at]! << 8) | bytes[at + 1]!;
  return whole === end ? total : total + (bytes[whole]! << 8);
}

/** Folds the carries of a sum into 16 bits. 0xffff if the bytes, with their checksum, are intact. */
export function foldSum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x1_0000);
  return folded;
}

/** The checksum of what was summed. */
export const finishChecksum = (sum: number): number => ~foldSum(sum) & 0xffff;
