/** What connections on this network have shown about addresses (RFC 8305 §4). */

import type { AddressHistory } from "./address-order.ts";

const MAX_ADDRESSES = 1_000;

export class NetworkHistory {
  readonly #addresses = new Map<string, AddressHistory>();

  /** A connection to an address worked. `rtt` is in milliseconds; undefined if it was not measured. */
  record(address: string, rtt: number | undefined): void {
    const before = this.#addresses.get(address);
    this.#addresses.delete(address);
    this.#addresses.set(address, { rtt: rtt ?? before?.rtt });
    // A Map keeps insertion order, so the oldest comes first.
    if (this.#addresses.size > MAX_ADDRESSES) this.#addresses.delete(this.#addresses.keys().next().value!);
  }

  of(address: string): AddressHistory | undefined {
    return this.#addresses.get(address);
  }

  /** RFC 8305 §4: history does not outlive the network. */
  forget(): void {
    this.#addresses.clear();
  }
}
