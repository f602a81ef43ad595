/** Work space for the packets of one call. */

import { PacketBatch } from "../../crypto/engine.ts";

/** Packets that one wake-up handles at most, and that one train carries at most. */
export const BATCH_CAPACITY = 256;

/**
 * Batches are work space for the length of one call. An endpoint has one receiving and one sending arena, so two batches
 * serve all its connections.
 */
export class BatchPool {
  #batch: PacketBatch | undefined;

  forArena(arena: Uint8Array): PacketBatch {
    if (this.#batch?.arena !== arena) this.#batch = new PacketBatch(arena, BATCH_CAPACITY);
    this.#batch.count = 0;
    return this.#batch;
  }
}
