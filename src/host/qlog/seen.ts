/**
 * The addresses and connection ids that packets have shown so far. qlog reports each when it is first used. A peer may use
 * any number of them, so the oldest are forgotten, and reported again when they come back.
 */

import type { SocketAddress } from "../../base/datagrams.ts";
import { toHex } from "../../wire/hex.ts";
import type { QlogObject } from "./values.ts";

const MAX_REMEMBERED = 64;

function dropOldest<Key>(kept: Set<Key> | Map<Key, unknown>): void {
  if (kept.size <= MAX_REMEMBERED) return;
  const [oldest] = kept.keys();
  kept.delete(oldest!);
}

export const endpointOf = (address: SocketAddress | undefined): QlogObject => {
  if (address === undefined) return {};
  const { family, host, port } = address;
  return family === 4 ? { ip_v4: host, port_v4: port } : { ip_v6: host, port_v6: port };
};

const keyOf = (local: SocketAddress | undefined, remote: SocketAddress): string =>
  `${local?.host}:${local?.port} ${remote.host}:${remote.port}`;

export class SeenAddresses {
  readonly #tuples = new Map<string, string>();
  readonly #onNew: (data: QlogObject) => void;
  #count = 0;

  /** `onNew` gets the data of a "tuple_assigned" event. */
  constructor(onNew: (data: QlogObject) => void) {
    this.#onNew = onNew;
  }

  /** The connection's first addresses, whose id is empty. */
  start(local: SocketAddress | undefined, remote: SocketAddress): void {
    this.#tuples.set(keyOf(local, remote), "");
  }

  /** The id of the addresses. */
  idOf(local: SocketAddress | undefined, remote: SocketAddress): string {
    const key = keyOf(local, remote);
    const known = this.#tuples.get(key);
    if (known !== undefined) return known;
    this.#count += 1;
    const id = String(this.#count);
    this.#tuples.set(key, id);
    dropOldest(this.#tuples);
    this.#onNew({ tuple_id: id, tuple_remote: endpointOf(remote), tuple_local: endpointOf(local) });
    return id;
  }
}

/** The connection ids of one side. */
export class SeenIds {
  readonly #ids = new Set<string>();
  #latest: string | undefined;

  /** Returns the change if the id is new. */
  use(bytes: Uint8Array): { readonly old?: string; readonly new: string } | undefined {
    const id = toHex(bytes);
    const old = this.#latest;
    if (old === id) return undefined;
    this.#latest = id;
    if (this.#ids.has(id)) return undefined;
    this.#ids.add(id);
    dropOldest(this.#ids);
    return { ...(old === undefined ? {} : { old }), new: id };
  }
}
