/**
 * Retry packets (RFC 9000 §17.2.5): a server's stateless request to validate the client's address. They have no packet
 * number and use no connection keys. The integrity tag (RFC 9001 §5.8) only proves that the sender saw the Initial.
 */

import type { CryptoEngine } from "../../crypto/engine.ts";
import { concat, equalConstantTime } from "../../wire/text.ts";
import type { Writer } from "../../wire/writer.ts";
import { versionRow } from "../versions/index.ts";

const TAG_LENGTH = 16;
const EMPTY = new Uint8Array(0);

/**
 * The tag over the Retry Pseudo-Packet: the id that the client first chose, then the packet without its tag (RFC 9001
 * §5.8).
 */
function integrityTag(
  engine: CryptoEngine,
  version: number,
  originalDestination: Uint8Array,
  withoutTag: Uint8Array,
): Uint8Array {
  const row = versionRow(version);
  const pseudoPacket = concat(Uint8Array.of(originalDestination.length), originalDestination, withoutTag);
  return engine.aeadSeal("aes-128-gcm", row.retryKey, row.retryNonce, pseudoPacket, EMPTY);
}

/**
 * Writes a Retry in response to an Initial sent to `originalDestination`. `destination` is the client's Source
 * Connection ID. `source` is the id that the client must use from now on; it must differ from `originalDestination`
 * (RFC 9000 §17.2.5.1).
 */
export function emitRetry(
  engine: CryptoEngine,
  writer: Writer,
  version: number,
  originalDestination: Uint8Array,
  destination: Uint8Array,
  source: Uint8Array,
  token: Uint8Array,
): void {
  const start = writer.position;
  // The four Unused bits are arbitrary.
  writer.uint8(0xc0 | (versionRow(version).longPacketTypes.retry << 4) | 0x0f);
  writer.uint32(version);
  writer.uint8(destination.length);
  writer.write(destination);
  writer.uint8(source.length);
  writer.write(source);
  writer.write(token);
  writer.write(integrityTag(engine, version, originalDestination, writer.written(start)));
}

/** True if the tag at the end of a Retry matches the Initial that we sent to `originalDestination`. */
export function verifyRetry(
  engine: CryptoEngine,
  version: number,
  originalDestination: Uint8Array,
  packetBytes: Uint8Array,
): boolean {
  if (packetBytes.length < TAG_LENGTH) return false;
  const withoutTag = packetBytes.subarray(0, packetBytes.length - TAG_LENGTH);
  const tag = packetBytes.subarray(packetBytes.length - TAG_LENGTH);
  return equalConstantTime(tag, integrityTag(engine, version, originalDestination, withoutTag));
}
