/** Where the proxy listens, as texts. */

import type { MemcacheListen } from "../../host/memcache/index.ts";
import { MemcacheConfigError } from "../../memcache/index.ts";

export const DEFAULT_PORT = 11_211;

/** An address, with or without a port. IPv6 addresses with a port stand in brackets. */
export function splitPlace(source: string): { readonly address: string; readonly port: string | undefined } {
  const [, bracketed, plain = source, port] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(source) ?? [];
  return { address: bracketed ?? plain, port };
}

/**
 * An address, an address with a port, memcached's `tag_NAME_:ADDRESS:PORT`, or the absolute path of a Unix socket. Throws a
 * `MemcacheConfigError`.
 */
export function parseListen(source: string, defaultPort: number = DEFAULT_PORT): MemcacheListen {
  if (source.startsWith("/")) return { path: source };
  const [, tag, place = source] = /^tag_([^_]{1,8})_:(.+)$/.exec(source) ?? [];
  const { address, port = String(defaultPort) } = splitPlace(place);
  if (!/^\d+$/.test(port) || Number(port) > 65_535) {
    throw new MemcacheConfigError(`the port of ${source} is not a number from 0 to 65535`);
  }
  return { host: address, port: Number(port), ...(tag === undefined ? {} : { tag }) };
}
