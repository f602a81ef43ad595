/** A set of addresses and prefixes (`10.0.0.0/8`), such as those of trusted proxies. */

import { isInPrefix, type Prefix, parsePrefix } from "../../ip/address.ts";
import { parseIpAddress } from "../../wire/ip-address.ts";
import { ServeError } from "./errors.ts";

/** ::ffff:0:0/96 (RFC 4291 §2.5.5.2) */
const MAPPED: Prefix = parsePrefix("::ffff:0:0/96")!;

export class AddressSet {
  readonly #prefixes: readonly Prefix[];

  /** `option` names the list in the error for an entry that is not an address or prefix. */
  constructor(option: string, entries: readonly string[]) {
    this.#prefixes = entries.map((entry) => {
      const prefix = parsePrefix(entry);
      if (prefix !== undefined) return unmappedPrefix(prefix);
      throw new ServeError(
        "OPTION_INVALID",
        `${option}: ${JSON.stringify(entry)} is not an address: give one such as 192.0.2.7, or a prefix such as 10.0.0.0/8`,
      );
    });
  }

  /** An IPv4 address in IPv6 counts as the IPv4 address. */
  has(address: string): boolean {
    if (this.#prefixes.length === 0) return false;
    const parsed = parseIpAddress(address);
    if (parsed === undefined) return false;
    const bytes = unmapped(parsed);
    return this.#prefixes.some((prefix) => isInPrefix(prefix, bytes));
  }
}

const unmapped = (bytes: Uint8Array): Uint8Array => (isInPrefix(MAPPED, bytes) ? bytes.subarray(12) : bytes);

const unmappedPrefix = ({ address, length }: Prefix): Prefix =>
  isInPrefix(MAPPED, address) && length >= 96
    ? { address: address.subarray(12), length: length - 96 }
    : { address, length };
