/** Text to bytes and back. Every JavaScript runtime has the two classes, but no language library declares them. */

declare class TextEncoder {
  encode(text: string): Uint8Array;
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes: Uint8Array): string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8");

export const utf8 = (text: string): Uint8Array => encoder.encode(text);

/** Replaces malformed sequences with U+FFFD: for display, never for comparison. */
export const fromUtf8 = (bytes: Uint8Array): string => decoder.decode(bytes);

const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const lenientDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
/** What a lenient decoder puts in place of malformed sequences, and its bytes. */
const REPLACEMENT = "\ufffd";

function hasReplacement(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(0xef); at >= 0; at = bytes.indexOf(0xef, at + 1)) {
    if (bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd) return true;
  }
  return false;
}

/** Undefined for malformed sequences; keeps a byte order mark. */
export function fromStrictUtf8(bytes: Uint8Array): string | undefined {
  // An exception costs ten times as much as decoding a line, and there may be millions.
  const text = lenientDecoder.decode(bytes);
  if (!text.includes(REPLACEMENT)) return text;
  if (!hasReplacement(bytes)) return undefined;
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** One character per byte: HTTP field values, ALPN names. */
export function fromLatin1(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  let text = "";
  for (let at = start; at < end; at += 4096) {
    const part: ArrayLike<number> = bytes.subarray(at, Math.min(end, at + 4096));
    // Not spread, which makes an object for each byte.
    text += String.fromCharCode.apply(undefined, part as number[]);
  }
  return text;
}

export function latin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}

/** Compares without an early exit, for tags and tokens. */
export function equalConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i += 1) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
