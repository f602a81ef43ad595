/** Keys in base64 (meta flag `b`): the bytes that they stand for. */

const VALUES = new Int8Array(128).fill(-1);
for (const [value, digit] of [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].entries()) {
  VALUES[digit.charCodeAt(0)] = value;
}
const PADDING = 0x3d;

/** Decodes `bytes[start..end)`; undefined if it is not base64 (RFC 4648 §4). */
export function decodeKey(bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
  let last = end;
  while (last > start && end - last < 2 && bytes[last - 1] === PADDING) last -= 1;
  if ((end - start) % 4 !== 0 || (last - start) % 4 === 1) return undefined;
  const decoded = new Uint8Array(Math.floor(((last - start) * 3) / 4));
  let buffer = 0;
  let bits = 0;
  let length = 0;
  for (let at = start; at < last; at += 1) {
    const value = VALUES[bytes[at]!] ?? -1;
    if (value < 0) return undefined;
    buffer = ((buffer << 6) | value) & 0xfff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    decoded[length] = (buffer >> bits) & 0xff;
    length += 1;
  }
  return decoded;
}
