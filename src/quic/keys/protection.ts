/**
 * Packet protection (RFC 9001 §5.3, §5.4) in batches. The engine does the expensive part, for many packets in one call;
 * this module changes the bits under header protection.
 */

import { type PacketBatch, type PacketKey, SAMPLE_LENGTH } from "../../crypto/engine.ts";
import { decodePacketNumber, type PacketNumberLength } from "../packet/packet-number.ts";
import type { PacketKeys } from "./packet-keys.ts";

const LONG_HEADER = 0x80;
/** RFC 9001 §5.4.1: header protection masks four bits of a long header's first byte, five of a short header's. */
const LONG_BITS = 0x0f;
const SHORT_BITS = 0x1f;

const maskedBits = (first: number): number => ((first & LONG_HEADER) !== 0 ? LONG_BITS : SHORT_BITS);

/** Seals packets [from, count) prepared by `finishPacket` and protects their headers. They can then be sent. */
export function protectBatch(batch: PacketBatch, keys: PacketKeys, from: number, pathId = 0): void {
  keys.packet.seal(batch, from, pathId);
  keys.header.mask(batch, from);
  const { arena, masks, count } = batch;
  for (let i = from; i < count; i += 1) {
    const header = batch.header[i]!;
    const payload = batch.payload[i]!;
    let mask = i * SAMPLE_LENGTH;
    arena[header] = arena[header]! ^ (masks[mask]! & maskedBits(arena[header]!));
    for (let at = batch.packetNumberOffset[i]!; at < payload; at += 1) {
      mask += 1;
      arena[at] = arena[at]! ^ masks[mask]!;
    }
  }
}

/**
 * Removes header protection from packets [from, count), whose `header`, `packetNumberOffset` and `end` are known, and
 * sets `packetNumber` and `payload`. `largestReceived` is -1 before the first packet.
 *
 * All packet numbers of a batch are decoded relative to the same number: nothing in the batch is authenticated yet, and
 * a forged packet must not spoil later ones. This is safe, because a sender leaves room for everything it has sent
 * since our last acknowledgement (RFC 9000 §17.1), and we have received what we acknowledged.
 */
export function removeHeaderProtection(
  batch: PacketBatch,
  keys: Pick<PacketKeys, "header">,
  from: number,
  largestReceived: number,
): void {
  keys.header.mask(batch, from);
  const { arena, masks, count } = batch;
  for (let i = from; i < count; i += 1) {
    const header = batch.header[i]!;
    let mask = i * SAMPLE_LENGTH;
    const first = arena[header]! ^ (masks[mask]! & maskedBits(arena[header]!));
    arena[header] = first;
    const length = ((first & 0x03) + 1) as PacketNumberLength;
    const start = batch.packetNumberOffset[i]!;
    let truncated = 0;
    for (let at = start; at < start + length; at += 1) {
      mask += 1;
      const byte = arena[at]! ^ masks[mask]!;
      arena[at] = byte;
      truncated = truncated * 256 + byte;
    }
    batch.payload[i] = start + length;
    batch.packetNumber[i] = decodePacketNumber(largestReceived, truncated, length);
  }
}

/** Opens packets [from, count) in place; `batch.ok` says which are genuine. */
export function openBatch(batch: PacketBatch, key: PacketKey, from: number, pathId = 0): void {
  key.open(batch, from, pathId);
}
