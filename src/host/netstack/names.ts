/** What a host calls its peers: a table, a function shaped like `dns.lookup`, and address literals. */

import type { LookupFunction } from "node:net";
import { parseIpAddress } from "../../wire/ip-address.ts";
import { SocketError } from "./socket-error.ts";

/** Where names come from. */
export interface NameOptions {
  /** Names and their addresses, as in /etc/hosts. */
  readonly hosts?: Readonly<Record<string, string | readonly string[]>>;
  /** Asked for other names; `dns.lookup` fits. Without it they are not found. */
  readonly lookup?: LookupFunction;
}

type Found = (result: readonly Uint8Array[] | Error) => void;

export class Names {
  readonly #table = new Map<string, readonly Uint8Array[]>();
  readonly #lookup: LookupFunction | undefined;

  constructor({ hosts = {}, lookup }: NameOptions = {}) {
    this.#lookup = lookup;
    // RFC 6761 §6.3.
    this.#table.set("localhost", [addressOf("127.0.0.1"), addressOf("::1")]);
    for (const [name, addresses] of Object.entries(hosts)) {
      this.#table.set(name.toLowerCase(), (typeof addresses === "string" ? [addresses] : addresses).map(addressOf));
    }
  }

  /** Calls back at once for an address or a name of the table, else when the lookup answers. */
  resolve(host: string, found: Found, lookup: LookupFunction | undefined = this.#lookup): void {
    const literal = parseIpAddress(host.replace(/^\[(.*)\]$/, "$1"));
    const known = literal === undefined ? this.#table.get(host.toLowerCase()) : [literal];
    if (known !== undefined) {
      found(known);
      return;
    }
    if (lookup === undefined) {
      found(new SocketError("lookup", "ENOTFOUND", { name: host }));
      return;
    }
    let isDone = false;
    lookup(host, { all: true }, (error: Error | null, result, family) => {
      if (isDone) return;
      isDone = true;
      const all = typeof result === "string" ? [{ address: result, family: family ?? 0 }] : (result ?? []);
      const addresses = all.map(({ address }) => parseIpAddress(address)).filter((address) => address !== undefined);
      if (addresses.length > 0) found(addresses);
      else found(error ?? new SocketError("lookup", "ENOTFOUND", { name: host }));
    });
  }
}

function addressOf(text: string): Uint8Array {
  const address = parseIpAddress(text);
  if (address === undefined) throw new TypeError(`hosts: "${text}" is not an IP address`);
  return address;
}
