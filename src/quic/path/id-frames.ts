/** Writes NEW_CONNECTION_ID and RETIRE_CONNECTION_ID of one path (RFC 9000 §19.15, §19.16) until acknowledged. */

import type { Writer } from "../../wire/writer.ts";
import { emitNewConnectionId, emitRetireConnectionId } from "../frame/index.ts";
import type { SentFrame } from "../recovery/sent-packet.ts";
import type { LocalIds } from "./local-ids.ts";
import type { RemoteIds } from "./remote-ids.ts";

/** The largest frame: NEW_CONNECTION_ID with a 20-byte id. */
const LARGEST_FRAME = 1 + 8 + 8 + 1 + 20 + 16;

export class IdFrames {
  readonly #localIds: LocalIds;
  readonly #remoteIds: RemoteIds;

  constructor(localIds: LocalIds, remoteIds: RemoteIds) {
    this.#localIds = localIds;
    this.#remoteIds = remoteIds;
  }

  get hasFrames(): boolean {
    return this.#localIds.hasPendingAnnouncements || this.#remoteIds.hasPendingRetirements;
  }

  writeFrames(writer: Writer, frames: SentFrame[]): void {
    while (writer.remaining >= LARGEST_FRAME) {
      const sequence = this.#remoteIds.nextToRetire;
      if (sequence !== undefined) {
        emitRetireConnectionId(writer, sequence);
        this.#remoteIds.markRetirementSent();
        frames.push({ type: "retire-connection-id", owner: this.#remoteIds, sequence });
        continue;
      }
      const fresh = this.#localIds.nextToAnnounce();
      if (fresh === undefined) return;
      emitNewConnectionId(writer, fresh.sequence, 0, fresh.id.bytes, fresh.resetToken);
      this.#localIds.markAnnounced(fresh.sequence);
      frames.push({ type: "new-connection-id", owner: this.#localIds, sequence: fresh.sequence });
    }
  }
}
