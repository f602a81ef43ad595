/** The sample of a packet for header protection (RFC 9001 §5.4.2). */

import { type PacketBatch, SAMPLE_LENGTH } from "./engine.ts";

/** The assumed length of the packet number when locating the sample. */
const SAMPLE_OFFSET = 4;

/** The bytes of a mask that are used (RFC 9001 §5.4.1). */
export const MASK_LENGTH = 5;

/** Sixteen assignments are several times faster than a view and a `set`. Bytes after the end of the arena are zero. */
export function copySample(batch: PacketBatch, i: number, target: Uint8Array, at: number): void {
  const { arena } = batch;
  const sample = batch.packetNumberOffset[i]! + SAMPLE_OFFSET;
  for (let j = 0; j < SAMPLE_LENGTH; j += 1) target[at + j] = arena[sample + j]!;
}
