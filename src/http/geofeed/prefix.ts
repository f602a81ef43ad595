/** Prefixes of addresses as 32-bit words, parsed from text without allocations for each part (RFC 4291 §2.2, RFC 4632 §3.1). */

const DOT = 0x2e;
const COLON = 0x3a;
const ZERO = 0x30;

/** Why a text is not a prefix. */
export type PrefixProblem = "missing" | "address" | "length";

/** Parses prefixes into words that it reuses. */
export class PrefixParser {
  /** The words of the last prefix: the first for IPv4, all for IPv6. */
  readonly words = new Uint32Array(4);
  version: 4 | 6 = 4;
  /** Bits. */
  length = 0;
  readonly #groups = new Uint16Array(8);

  /** Any valid form of an address, with or without a length; undefined if the text is valid. */
  parse(text: string): PrefixProblem | undefined {
    if (text === "") return "missing";
    const slash = text.lastIndexOf("/");
    const end = slash < 0 ? text.length : slash;
    const isIpv6 = text.indexOf(":") >= 0;
    this.version = isIpv6 ? 6 : 4;
    if (isIpv6 ? !this.#parseIpv6(text, end) : !this.#parseIpv4(text, 0, end)) return "address";
    const bits = isIpv6 ? 128 : 32;
    if (slash < 0) {
      this.length = bits;
      return undefined;
    }
    const length = decimal(text, slash + 1, text.length, 3);
    if (length < 0 || length > bits) return "length";
    this.length = length;
    return undefined;
  }

  #parseIpv4(text: string, from: number, end: number): boolean {
    let word = 0;
    let start = from;
    for (let part = 0; part < 4; part += 1) {
      let stop = start;
      while (stop < end && text.charCodeAt(stop) !== DOT) stop += 1;
      const value = decimal(text, start, stop, 3);
      // Some parsers read a leading zero as octal, others as decimal.
      if (value < 0 || value > 255 || (stop - start > 1 && text.charCodeAt(start) === ZERO)) return false;
      if (part < 3 === (stop === end)) return false;
      word = word * 256 + value;
      start = stop + 1;
    }
    this.words[0] = word;
    return true;
  }

  #parseIpv6(text: string, end: number): boolean {
    const groups = this.#groups;
    let count = 0;
    let gap = -1;
    let i = 0;
    if (text.charCodeAt(0) === COLON) {
      if (text.charCodeAt(1) !== COLON) return false;
      gap = 0;
      i = 2;
    }
    while (i < end) {
      if (count === 8) return false;
      let value = 0;
      const start = i;
      for (; i < end; i += 1) {
        const digit = hexadecimal(text.charCodeAt(i));
        if (digit < 0) break;
        value = value * 16 + digit;
      }
      if (i === start || i - start > 4) return false;
      const code = i < end ? text.charCodeAt(i) : COLON;
      if (code === DOT) {
        // An IPv4 address in place of the last two groups.
        if (count > 6 || !this.#parseIpv4(text, start, end)) return false;
        groups[count++] = this.words[0]! >>> 16;
        groups[count++] = this.words[0]! & 0xffff;
        i = end;
        break;
      }
      if (code !== COLON) return false;
      groups[count++] = value;
      if (i === end) break;
      i += 1;
      if (i === end) return false;
      if (text.charCodeAt(i) === COLON) {
        if (gap >= 0) return false;
        gap = count;
        i += 1;
      }
    }
    // "::" stands for at least one group.
    if (gap < 0 ? count !== 8 : count > 7) return false;
    const missing = 8 - count;
    for (let word = 0; word < 4; word += 1) {
      this.words[word] = group(groups, 2 * word, gap, missing) * 0x10000 + group(groups, 2 * word + 1, gap, missing);
    }
    return true;
  }

  /** True if bits after the prefix's length are set. */
  get hasHostBits(): boolean {
    const { words, length } = this;
    for (let word = this.version === 4 ? 0 : 3; word >= 0; word -= 1) {
      if ((words[word]! & ~maskOf(length - word * 32)) !== 0) return true;
    }
    return false;
  }
}

/** The bits of a 32-bit word that a prefix covers, if it reaches this far into the word. */
export const maskOf = (bits: number): number => (bits <= 0 ? 0 : bits >= 32 ? -1 : -1 << (32 - bits));

function group(groups: Uint16Array, index: number, gap: number, missing: number): number {
  if (gap < 0 || index < gap) return groups[index]!;
  return index < gap + missing ? 0 : groups[index - missing]!;
}

/** -1 if there are no digits, too many, or other characters. */
function decimal(text: string, start: number, end: number, maximum: number): number {
  if (end === start || end - start > maximum) return -1;
  let value = 0;
  for (let i = start; i < end; i += 1) {
    const digit = text.charCodeAt(i) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function hexadecimal(code: number): number {
  if (code >= ZERO && code <= 0x39) return code - ZERO;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** RFC 8805's sample validator refuses these: addresses that mean something else in each network (RFC 1918, RFC 4193). */
export function isPrivate(version: 4 | 6, words: Uint32Array): boolean {
  const first = words[0]!;
  if (version === 6) return first >>> 25 === 0x7e; // fc00::/7
  return first >>> 24 === 10 || first >>> 20 === 0xac1 || first >>> 16 === 0xc0a8;
}
