/** HANDSHAKE_DONE and NEW_TOKEN: the frames that belong to no stream and no path, repeated until acknowledged (RFC 9000 §13.3). */

import type { Writer } from "../../wire/writer.ts";
import { emitHandshakeDone, emitNewToken } from "../frame/index.ts";
import type { SentFrame } from "../recovery/sent-packet.ts";

export class ConnectionFrames {
  isHandshakeDoneOwed = false;
  /** Server: for the client's next connection (RFC 9000 §8.1.3). */
  newToken: Uint8Array | undefined;

  get hasFrames(): boolean {
    return this.isHandshakeDoneOwed || this.newToken !== undefined;
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
  }

  /** True when the frame was one of ours. */
  handleLost(frame: SentFrame): boolean {
    if (frame.type === "handshake-done") this.isHandshakeDoneOwed = true;
    else if (frame.type === "new-token") this.newToken = frame.token;
    else return false;
    return true;
  }
}
