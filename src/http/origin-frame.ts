/** The payload of ORIGIN frames (RFC 8336 §2.1, RFC 9412 §2): the origins for which a connection is authoritative. */

import { Reader } from "../wire/reader.ts";
import { fromLatin1, latin1 } from "../wire/text.ts";
import { Writer } from "../wire/writer.ts";

/** The largest set that a client keeps of one connection. */
export const MAX_ORIGINS = 256;

/** Undefined if an entry is cut off. Entries that are not serialized origins of https are left out. */
export function parseOriginEntries(payload: Uint8Array): string[] | undefined {
  const reader = new Reader(payload);
  const origins: string[] = [];
  while (reader.remaining > 0) {
    if (reader.remaining < 2) return undefined;
    const length = reader.uint16();
    if (reader.remaining < length) return undefined;
    const text = fromLatin1(reader.view(length));
    if (isHttpsOrigin(text) && origins.length < MAX_ORIGINS) origins.push(text);
  }
  return origins;
}

export function emitOriginEntries(origins: readonly string[]): Uint8Array {
  const writer = new Writer(new Uint8Array(origins.reduce((sum, each) => sum + 2 + each.length, 0)));
  for (const each of origins) {
    writer.uint16(each.length);
    writer.write(latin1(each));
  }
  return writer.written();
}

/** RFC 6454 §6.2: scheme, host, and a port unless it is the scheme's own. */
export const isHttpsOrigin = (text: string): boolean =>
  /^https:\/\/(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::[1-9]\d{0,4})?$/.test(text) && text.length <= 300;
