/** Describes the header of a packet for the trace, before it is protected or after its protection was removed. */

import { parsePacketHeader } from "../packet/header.ts";
import type { TracedHeader } from "../trace.ts";

const LONG_FORM = 0x80;
const KEY_PHASE = 0x04;
const PACKET_NUMBER_LENGTH = 0x03;

/** `shortIdLength` is the length of the destination id in a short header. The ids are views. */
export function tracedHeader(bytes: Uint8Array, start: number, end: number, shortIdLength: number): TracedHeader {
  const first = bytes[start]!;
  const { version, destination, source, token } = parsePacketHeader(bytes, start, end, shortIdLength, true)!;
  return {
    version,
    destination,
    source,
    tokenLength: token.length,
    packetNumberLength: (first & PACKET_NUMBER_LENGTH) + 1,
    keyPhase: (first & LONG_FORM) === 0 && (first & KEY_PHASE) !== 0 ? 1 : 0,
  };
}
