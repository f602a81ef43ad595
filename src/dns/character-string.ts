/** Text with the escapes of zone files (RFC 1035 §5.1): `\DDD` is a byte in decimal, `\c` the character itself. */

import { concat, utf8 } from "../wire/text.ts";
import { PresentationError } from "./errors.ts";

const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const isDigit = (byte: number | undefined): byte is number => byte !== undefined && byte >= 0x30 && byte <= 0x39;

/** The bytes of escaped text. Other characters than ASCII count as UTF-8. */
export function unescapeText(text: string): Uint8Array {
  const source = utf8(text);
  const bytes: number[] = [];
  for (let at = 0; at < source.length; ) {
    const [byte, next] = unescapeAt(source, at);
    bytes.push(byte);
    at = next;
  }
  return Uint8Array.from(bytes);
}

/** The byte at a position of escaped text, and the position after it. */
export function unescapeAt(source: Uint8Array, at: number): [byte: number, next: number] {
  const byte = source[at]!;
  if (byte !== BACKSLASH) return [byte, at + 1];
  const following = source[at + 1];
  if (following === undefined) throw new PresentationError("a backslash escapes nothing");
  if (!isDigit(following)) return [following, at + 2];
  const [tens, ones] = [source[at + 2], source[at + 3]];
  if (!isDigit(tens) || !isDigit(ones)) throw new PresentationError("an escape with digits takes three of them");
  const value = (following - 0x30) * 100 + (tens - 0x30) * 10 + ones - 0x30;
  if (value > 255) throw new PresentationError(`\\${value} is not a byte`);
  return [value, at + 4];
}

/** Bytes as text within quotes. */
export function quoteText(bytes: Uint8Array): string {
  return `"${escapeText(bytes, (byte) => byte === QUOTE || byte === BACKSLASH)}"`;
}

/** Bytes as text: those that `isSpecial` selects get a backslash, and those that cannot be printed become `\DDD`. */
export function escapeText(bytes: Uint8Array, isSpecial: (byte: number) => boolean): string {
  let text = "";
  for (const byte of bytes) {
    if (byte < 0x20 || byte > 0x7e) text += `\\${String(byte).padStart(3, "0")}`;
    else text += isSpecial(byte) ? `\\${String.fromCharCode(byte)}` : String.fromCharCode(byte);
  }
  return text;
}

/** Splits unescaped bytes at commas; `\,` and `\\` within items stand for the characters (RFC 9460 Appendix A.1). */
export function splitList(bytes: Uint8Array): Uint8Array[] {
  const items: number[][] = [[]];
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]!;
    if (byte === 0x2c) items.push([]);
    else if (byte === BACKSLASH) {
      at += 1;
      const escaped = bytes[at];
      if (escaped !== 0x2c && escaped !== BACKSLASH) {
        throw new PresentationError("in a list, a backslash escapes only a comma or a backslash");
      }
      items.at(-1)!.push(escaped);
    } else items.at(-1)!.push(byte);
  }
  // RFC 9460 Appendix A.1: no item is empty.
  if (items.some((item) => item.length === 0)) throw new PresentationError("an item of the list is empty");
  return items.map((item) => Uint8Array.from(item));
}

/** The opposite of `splitList`. */
export function joinList(items: readonly Uint8Array[]): Uint8Array {
  const comma = Uint8Array.of(0x2c);
  const parts = items.map((item) =>
    Uint8Array.from([...item].flatMap((byte) => (byte === 0x2c || byte === BACKSLASH ? [BACKSLASH, byte] : [byte]))),
  );
  return concat(...parts.flatMap((part, index) => (index === 0 ? [part] : [comma, part])));
}
