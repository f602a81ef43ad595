/** A set of addresses and prefixes (`10.0.0.0/8`), such as those of trusted proxies. */

import { ServeError } from "../../../host/listen/errors.ts";
import { isInPrefix, type Prefix, parsePrefix } from "../../../ip/address.ts";
import { parseIpAddress } from "../../../wire/ip-address.ts";

export class AddressSet {
  readonly #prefixes: readonly Prefix[];

  /** `option` names the list in the error for an entry that is not an address or prefix. */
  constructor(option: string, entries: readonly string[]) {
    this.#prefixes = entries.map((entry) => {
      const prefix = parsePrefix(entry);
      if (prefix !== undefined) return prefix;
      throw new ServeError(
        "OPTION_INVALID",
        `${option}: ${JSON.stringify(entry)} is not an address: give one such as 192.0.2.7, or a prefix such as 10.0.0.0/8`,
      );
    });
  }

  has(address: string): boolean {
    if (this.#prefixes.length === 0) return false;
    const bytes = parseIpAddress(address);
    return bytes !== undefined && this.#prefixes.some((prefix) => isInPrefix(prefix, bytes));
  }
}
