/**
 * Version Negotiation packets (RFC 9000 §17.2.1, RFC 8999 §6): a server's response to a version that it does not
 * support.
 */

import type { Rng } from "../../base/rng.ts";
import type { Writer } from "../../wire/writer.ts";
import { withReserved } from "../versions/index.ts";

/**
 * `destination` and `source` are the client's ids, swapped and at full length: other versions may use up to 255 bytes.
 * Inserts a reserved version into `versions` at a random position (RFC 9000 §6.3).
 */
export function emitVersionNegotiation(
  writer: Writer,
  destination: Uint8Array,
  source: Uint8Array,
  versions: readonly number[],
  rng: Rng,
): void {
  // Seven Unused bits. The one in the position of the Fixed Bit is set, for implementations that demultiplex protocols
  // by it (RFC 9000 §17.2.1).
  writer.uint8(0xc0 | (rng.uint32() & 0x3f));
  writer.uint32(0);
  writer.uint8(destination.length);
  writer.write(destination);
  writer.uint8(source.length);
  writer.write(source);
  for (const version of withReserved(versions, rng)) writer.uint32(version);
}
