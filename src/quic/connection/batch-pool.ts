/** Scratch memory for the packets of one call. */

import type { Ecn } from "../../base/datagrams.ts";
import { PacketBatch } from "../../crypto/engine.ts";
import { ConnectionIdKeys } from "../packet/connection-id.ts";
import type { Route } from "../route/index.ts";

/** The maximum number of packets that one wake-up handles, and that one train carries. */
export const BATCH_CAPACITY = 256;

/**
 * Batches are scratch memory for the duration of one call. An endpoint has one receive and one send arena, so two
 * batches serve all of its connections.
 */
export class BatchPool {
  #batch: PacketBatch | undefined;

  forArena(arena: Uint8Array): PacketBatch {
    if (this.#batch?.arena !== arena) this.#batch = new PacketBatch(arena, BATCH_CAPACITY);
    this.#batch.count = 0;
    return this.#batch;
  }
}

/** The same for received packets, of which all 1-RTT packets in a batch belong to one path. */
export class InboundBatchPool extends BatchPool {
  /** Of each packet: ECN mark and route of its datagram, and the key of its connection id. */
  readonly ecn: Ecn[] = [];
  readonly routes: Route[] = [];
  readonly destinations: string[] = [];
  readonly keys: ConnectionIdKeys = new ConnectionIdKeys();
}
