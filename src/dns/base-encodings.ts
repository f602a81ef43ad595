/** Base 64 (RFC 4648 §4) and base 32 with the extended hex alphabet (§7), as zone files write binary fields. */

import { PresentationError } from "./errors.ts";

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE32_HEX = "0123456789abcdefghijklmnopqrstuv";

export function toBase64(bytes: Uint8Array): string {
  const text = encode(bytes, BASE64, 6);
  return text.padEnd(Math.ceil(text.length / 4) * 4, "=");
}

export function fromBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0 || !/^[\w+/]*={0,2}$/.test(text)) throw new PresentationError("not base 64");
  return decode(text.replace(/=+$/, ""), BASE64, 6, "not base 64");
}

/** Without padding, as NSEC3 records have it (RFC 5155 §3.3). */
export const toBase32Hex = (bytes: Uint8Array): string => encode(bytes, BASE32_HEX, 5);

export const fromBase32Hex = (text: string): Uint8Array =>
  decode(text.toLowerCase(), BASE32_HEX, 5, "not base 32 with the extended hex alphabet");

function encode(bytes: Uint8Array, alphabet: string, width: number): string {
  let text = "";
  let pending = 0;
  let bits = 0;
  for (const byte of bytes) {
    pending = ((pending & 0xff) << 8) | byte;
    bits += 8;
    for (; bits >= width; bits -= width) text += alphabet[(pending >> (bits - width)) & ((1 << width) - 1)];
  }
  return bits === 0 ? text : text + alphabet[(pending << (width - bits)) & ((1 << width) - 1)];
}

function decode(text: string, alphabet: string, width: number, problem: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * width) / 8));
  let pending = 0;
  let bits = 0;
  let at = 0;
  for (const character of text) {
    const digit = alphabet.indexOf(character);
    if (digit < 0) throw new PresentationError(problem);
    pending = ((pending & 0xff) << width) | digit;
    bits += width;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = (pending >> bits) & 0xff;
  }
  if (bits >= width || (pending & ((1 << bits) - 1)) !== 0) throw new PresentationError(problem);
  return bytes;
}
