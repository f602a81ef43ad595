/** The bytes of a stream that the destination has not confirmed. All of them are kept: a relay may fail that has acknowledged them. */

import type { Instant } from "../../base/time.ts";
import type { ConfirmUnit } from "../packet/types.ts";
import { ByteBlocks } from "../send/byte-blocks.ts";
import { MAX_SEND_BUFFER } from "../session/limits.ts";
import type { FlowSession } from "../session/session.ts";

/** Bytes that the session has and has not delivered to the next hop. */
const SESSION_BUFFER = 262_144;

export class BytesInDoubt {
  readonly #blocks = new ByteBlocks();
  /** Confirmed up to here. */
  #base = 0;
  /** Given to the session up to here. */
  #sent = 0;
  #isFinished = false;
  #isFinSent = false;
  /** The end was confirmed. */
  isDone = false;
  /** Bytes that were given to another way again. */
  resent = 0;

  get base(): number {
    return this.#base;
  }

  /** True if nothing is in doubt. */
  get isEmpty(): boolean {
    return this.#base === this.#blocks.end && (this.isDone || !this.#isFinished);
  }

  get given(): number {
    return this.#blocks.end;
  }

  get room(): number {
    return MAX_SEND_BUFFER - (this.#blocks.end - Math.min(this.#base, this.#sent));
  }

  /** Copies as many of the bytes as there is room for, and returns their number. */
  add(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, Math.max(0, this.room));
    if (count > 0) this.#blocks.append(bytes.subarray(0, count));
    return count;
  }

  finish(): void {
    this.#isFinished = true;
  }

  /** Another way begins at `base`. */
  restart(): void {
    this.resent += Math.max(0, this.#sent - this.#base);
    this.#sent = this.#base;
    this.#isFinSent = false;
  }

  /** Gives the session as much as it should hold. */
  pump(session: FlowSession, flow: number, now: Instant): void {
    while (this.#sent < this.#blocks.end) {
      const room = SESSION_BUFFER - session.buffered(flow);
      if (room <= 0) return;
      const piece = this.#blocks.view(this.#sent, Math.min(this.#blocks.end, this.#sent + room));
      const taken = session.write(flow, piece, now);
      this.#sent += taken;
      this.#release();
      if (taken < piece.length) return;
    }
    if (!this.#isFinished || this.#isFinSent) return;
    this.#isFinSent = true;
    session.finish(flow);
  }

  /** False if it confirms what was never sent. */
  confirm({ end, isFin }: Pick<ConfirmUnit, "end" | "isFin">): boolean {
    if (end > this.#blocks.end || (isFin && !(this.#isFinished && end === this.#blocks.end))) return false;
    if (end > this.#base) {
      this.#base = end;
      this.#release();
    }
    if (isFin) this.isDone = true;
    return true;
  }

  /** A way that began earlier sends what was confirmed by another one, too: its bytes have no gaps. */
  #release(): void {
    this.#blocks.release(Math.min(this.#base, this.#sent));
  }
}
