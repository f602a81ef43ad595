/** Sets of IP addresses, written as addresses and prefixes (CIDR, RFC 4632 §3.1, RFC 4291 §2.3). */

import { parseIpAddress } from "./ip-address.ts";

interface Prefix {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/** ::ffff:0:0/96 (RFC 4291 §2.5.5.2) */
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

export class AddressSet {
  readonly #prefixes: readonly Prefix[];

  private constructor(prefixes: readonly Prefix[]) {
    this.#prefixes = prefixes;
  }

  /** Parses texts such as "192.0.2.0/24" or "2001:db8::1". Returns the first that is invalid instead, as it is. */
  static parse(texts: readonly string[]): AddressSet | string {
    const prefixes: Prefix[] = [];
    for (const text of texts) {
      const prefix = parsePrefix(text);
      if (prefix === undefined) return text;
      prefixes.push(prefix);
    }
    return new AddressSet(prefixes);
  }

  /** True if a prefix matches the address. An IPv4 address in IPv6 counts as the IPv4 address. */
  has(address: string): boolean {
    const parsed = parseIpAddress(address);
    if (parsed === undefined) return false;
    const bytes = unmapped(parsed);
    return this.#prefixes.some((prefix) => matches(bytes, prefix));
  }
}

function parsePrefix(text: string): Prefix | undefined {
  const [address = "", length, ...rest] = text.split("/");
  const bytes = address.includes("%") ? undefined : parseIpAddress(address);
  if (bytes === undefined || rest.length > 0) return undefined;
  if (length === undefined) return { bytes: unmapped(bytes), bits: unmapped(bytes).length * 8 };
  const bits = /^(?:0|[1-9]\d{0,2})$/.test(length) ? Number(length) : Number.NaN;
  return bits <= bytes.length * 8 ? { bytes, bits } : undefined;
}

const unmapped = (bytes: Uint8Array): Uint8Array =>
  bytes.length === 16 && MAPPED.every((byte, i) => bytes[i] === byte) ? bytes.subarray(12) : bytes;

function matches(address: Uint8Array, { bytes, bits }: Prefix): boolean {
  if (address.length !== bytes.length) return false;
  const whole = bits >> 3;
  for (let i = 0; i < whole; i += 1) if (address[i] !== bytes[i]) return false;
  const mask = 0xff00 >> (bits & 7);
  return ((address[whole] ?? 0) & mask & 0xff) === ((bytes[whole] ?? 0) & mask & 0xff);
}
