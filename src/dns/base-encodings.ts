/** Base 64 (RFC 4648 §4) and base 32 with the extended hex alphabet (§7), as zone files write binary fields. */

import { fromBase64 as base64Bytes, toBase64 } from "../wire/base64.ts";
import { PresentationError } from "./errors.ts";

const BASE32_HEX = "0123456789abcdefghijklmnopqrstuv";

export { toBase64 };

export function fromBase64(text: string): Uint8Array {
  const bytes = base64Bytes(text);
  if (bytes === undefined) throw new PresentationError("not base 64");
  return bytes;
}

/** Without padding, as NSEC3 records have it (RFC 5155 §3.3). */
export function toBase32Hex(bytes: Uint8Array): string {
  let text = "";
  let pending = 0;
  let bits = 0;
  for (const byte of bytes) {
    pending = ((pending & 0xff) << 8) | byte;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += BASE32_HEX[(pending >> (bits - 5)) & 31];
  }
  return bits === 0 ? text : text + BASE32_HEX[(pending << (5 - bits)) & 31];
}

export function fromBase32Hex(text: string): Uint8Array {
  const problem = "not base 32 with the extended hex alphabet";
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  let pending = 0;
  let bits = 0;
  let at = 0;
  for (const character of text.toLowerCase()) {
    const digit = BASE32_HEX.indexOf(character);
    if (digit < 0) throw new PresentationError(problem);
    pending = ((pending & 0xff) << 5) | digit;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = (pending >> bits) & 0xff;
  }
  if (bits >= 5 || (pending & ((1 << bits) - 1)) !== 0) throw new PresentationError(problem);
  return bytes;
}
