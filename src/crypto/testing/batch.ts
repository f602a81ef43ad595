/** Lays packets into a batch, one after another. */

import { PacketBatch, TAG_LENGTH } from "../engine.ts";

export interface ClearPacket {
  /** Includes the packet number. */
  readonly header: Uint8Array;
  readonly packetNumberOffset: number;
  readonly packetNumber: number;
  readonly payload: Uint8Array;
}

/** Leaves room for a tag after each payload, and `gap` bytes before each packet, like other packets of a datagram. */
export function batchOf(packets: readonly ClearPacket[], gap = 0): PacketBatch {
  const length = packets.reduce((sum, p) => sum + gap + p.header.length + p.payload.length + TAG_LENGTH, 0);
  const batch = new PacketBatch(new Uint8Array(length), packets.length);
  let at = 0;
  for (const packet of packets) {
    const i = batch.count++;
    batch.header[i] = at += gap;
    batch.packetNumberOffset[i] = at + packet.packetNumberOffset;
    batch.packetNumber[i] = packet.packetNumber;
    batch.arena.set(packet.header, at);
    batch.payload[i] = at += packet.header.length;
    batch.arena.set(packet.payload, at);
    batch.end[i] = at += packet.payload.length + TAG_LENGTH;
  }
  return batch;
}

export const packetBytes = (batch: PacketBatch, i: number): Uint8Array =>
  batch.arena.slice(batch.header[i]!, batch.end[i]!);

export const payloadBytes = (batch: PacketBatch, i: number): Uint8Array =>
  batch.arena.slice(batch.payload[i]!, batch.end[i]! - TAG_LENGTH);

export const maskBytes = (batch: PacketBatch, i: number): Uint8Array => batch.masks.slice(i * 16, i * 16 + 5);
