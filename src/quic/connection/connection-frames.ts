/**
 * The small frames of a connection that belong to no stream: HANDSHAKE_DONE, NEW_TOKEN, connection ids. Each is
 * repeated until acknowledged (RFC 9000 §13.3).
 */

import type { Writer } from "../../wire/writer.ts";
import { emitHandshakeDone, emitNewConnectionId, emitNewToken, emitRetireConnectionId } from "../frame/index.ts";
import type { LocalIds } from "../path/local-ids.ts";
import type { RemoteIds } from "../path/remote-ids.ts";
import type { SentFrame } from "../recovery/sent-packet.ts";

/** No frame here is longer: NEW_CONNECTION_ID with a 20-byte id. */
const LARGEST_FRAME = 1 + 8 + 8 + 1 + 20 + 16;

const OWN_FRAMES: ReadonlySet<SentFrame["type"]> = new Set([
  "retire-connection-id",
  "new-connection-id",
  "new-token",
  "handshake-done",
]);

export class ConnectionFrames {
  readonly #localIds: LocalIds;
  readonly #remoteIds: RemoteIds;
  isHandshakeDoneOwed = false;
  /** Server: for the client's next connection (RFC 9000 §8.1.3). */
  newToken: Uint8Array | undefined;

  constructor(localIds: LocalIds, remoteIds: RemoteIds) {
    this.#localIds = localIds;
    this.#remoteIds = remoteIds;
  }

  get hasFrames(): boolean {
    return (
      this.isHandshakeDoneOwed ||
      this.newToken !== undefined ||
      this.#localIds.hasToAnnounce ||
      this.#remoteIds.hasToRetire
    );
  }

  writeFrames(writer: Writer, frames: SentFrame[]): void {
    if (this.isHandshakeDoneOwed && writer.remaining >= 1) {
      emitHandshakeDone(writer);
      frames.push({ type: "handshake-done" });
      this.isHandshakeDoneOwed = false;
    }
    if (this.newToken !== undefined && writer.remaining >= 1 + 2 + this.newToken.length) {
      emitNewToken(writer, this.newToken);
      frames.push({ type: "new-token", token: this.newToken });
      this.newToken = undefined;
    }
    while (writer.remaining >= LARGEST_FRAME) {
      const sequence = this.#remoteIds.nextToRetire;
      if (sequence !== undefined) {
        emitRetireConnectionId(writer, sequence);
        this.#remoteIds.retirementSent();
        frames.push({ type: "retire-connection-id", sequence });
        continue;
      }
      const fresh = this.#localIds.nextToAnnounce();
      if (fresh === undefined) return;
      emitNewConnectionId(writer, fresh.sequence, 0, fresh.id.bytes, fresh.resetToken);
      this.#localIds.announced(fresh.sequence);
      frames.push({ type: "new-connection-id", sequence: fresh.sequence });
    }
  }

  /** True when the frame was one of ours. */
  handleAcked(frame: SentFrame): boolean {
    if (frame.type === "retire-connection-id") this.#remoteIds.handleRetirementAcked(frame.sequence);
    return OWN_FRAMES.has(frame.type);
  }

  handleLost(frame: SentFrame): boolean {
    switch (frame.type) {
      case "handshake-done":
        this.isHandshakeDoneOwed = true;
        return true;
      case "new-token":
        this.newToken = frame.token;
        return true;
      case "new-connection-id":
        this.#localIds.handleLost(frame.sequence);
        return true;
      case "retire-connection-id":
        this.#remoteIds.handleRetirementLost(frame.sequence);
        return true;
      default:
        return false;
    }
  }
}
