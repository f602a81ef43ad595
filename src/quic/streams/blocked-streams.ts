/** Traces which streams flow control holds back. Only exists if somebody listens. */

import type { StreamEvent } from "../trace.ts";
import type { StreamId } from "../transport.ts";

export class BlockedStreams {
  readonly #trace: (event: StreamEvent) => void;
  readonly #blocked = new Set<StreamId>();

  constructor(trace: (event: StreamEvent) => void) {
    this.#trace = trace;
  }

  update(id: StreamId, isBlocked: boolean): void {
    if (isBlocked === this.#blocked.has(id)) return;
    if (isBlocked) this.#blocked.add(id);
    else this.#blocked.delete(id);
    this.#trace({ type: "quic:stream-data-blocked-updated", id, isBlocked });
  }
}
