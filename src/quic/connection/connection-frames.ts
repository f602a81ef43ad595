/**
 * HANDSHAKE_DONE and NEW_TOKEN: the frames that belong to no stream or path, sent again until acknowledged (RFC 9000
 * §13.3).
 */

import type { Writer } from "../../wire/writer.ts";
import { emitHandshakeDone, emitNewToken } from "../frame/index.ts";
import type { SentFrame } from "../recovery/sent-packet.ts";

export class ConnectionFrames {
  isHandshakeDonePending = false;
  /** Server only: a token for the client's next connection (RFC 9000 §8.1.3). */
  newToken: Uint8Array | undefined;
  #isHandshakeDoneAcked = false;
  #isTokenAcked = false;

  get hasFrames(): boolean {
    return this.isHandshakeDonePending || this.newToken !== undefined;
  }

  writeFrames(writer: Writer, frames: SentFrame[]): void {
    if (this.isHandshakeDonePending && writer.remaining >= 1) {
      emitHandshakeDone(writer);
      frames.push({ type: "handshake-done" });
      this.isHandshakeDonePending = false;
    }
    if (this.newToken !== undefined && writer.remaining >= 1 + 2 + this.newToken.length) {
      emitNewToken(writer, this.newToken);
      frames.push({ type: "new-token", token: this.newToken });
      this.newToken = undefined;
    }
  }

  /** Returns true if the frame is one of these. */
  handleAcked(frame: SentFrame): boolean {
    if (frame.type === "handshake-done") {
      this.#isHandshakeDoneAcked = true;
      this.isHandshakeDonePending = false;
    } else if (frame.type === "new-token") {
      this.#isTokenAcked = true;
      this.newToken = undefined;
    } else return false;
    return true;
  }

  /** Sends the frame again unless another copy of it has arrived. Returns true if it is one of these. */
  handleLost(frame: SentFrame): boolean {
    if (frame.type === "handshake-done") this.isHandshakeDonePending = !this.#isHandshakeDoneAcked;
    else if (frame.type === "new-token") this.newToken = this.#isTokenAcked ? undefined : frame.token;
    else return false;
    return true;
  }
}
