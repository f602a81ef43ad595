/**
 * The stream of handshake bytes of one encryption level (RFC 9000 §7.5, §19.6): reassembles incoming CRYPTO frames, and
 * writes outgoing ones until acknowledged.
 */

import { RangeSet } from "../../base/range-set.ts";
import { Reassembler, TOO_MANY_CHUNKS } from "../../base/reassembler.ts";
import { concat } from "../../wire/text.ts";
import { varintLength } from "../../wire/varint.ts";
import type { Writer } from "../../wire/writer.ts";
import { transportError } from "../errors.ts";
import { emitCrypto } from "../frame/emit.ts";
import type { CryptoFrame } from "../frame/frames.ts";
import type { CryptoOwner, SentFrame } from "../recovery/sent-packet.ts";

/** RFC 9000 §7.5 requires at least 4096; certificate chains are larger. */
const MAX_BUFFERED = 64 * 1024;
const MAX_CHUNKS = 64;

const NOTHING = new Uint8Array(0);

export class CryptoStream implements CryptoOwner {
  readonly #incoming = new Reassembler(MAX_CHUNKS);
  /** The bytes from `#start` on; all before are acknowledged. */
  #outgoing: Uint8Array = NOTHING;
  #start = 0;
  #sent = 0;
  readonly #lost = new RangeSet();
  readonly #acked = new RangeSet();

  /** Handles a CRYPTO frame; `read` returns what has become readable. */
  handleFrame(frame: CryptoFrame): void {
    // Checked before anything is stored: an offset far ahead must not cost memory.
    if (frame.offset + frame.data.length - this.#incoming.readOffset > MAX_BUFFERED) {
      throw transportError("CRYPTO_BUFFER_EXCEEDED", "CRYPTO");
    }
    if (this.#incoming.insert(frame.offset, frame.data) === TOO_MANY_CHUNKS) {
      throw transportError("CRYPTO_BUFFER_EXCEEDED", "CRYPTO", "too many fragments");
    }
  }

  read(): Uint8Array | undefined {
    return this.#incoming.read();
  }

  get bytesReceived(): number {
    return this.#incoming.readOffset;
  }

  write(bytes: Uint8Array): void {
    this.#outgoing = concat(this.#outgoing, bytes);
  }

  get hasData(): boolean {
    return !this.#lost.isEmpty || this.#sent < this.#end;
  }

  /** True if the peer may be missing some bytes. */
  get hasUnacknowledged(): boolean {
    return !this.#acked.covers(this.#start, this.#end);
  }

  get #end(): number {
    return this.#start + this.#outgoing.length;
  }

  /** Writes as much as fits into the packet, lost bytes first. */
  writeFrames(writer: Writer, frames: SentFrame[]): void {
    while (this.hasData) {
      const isRepeat = !this.#lost.isEmpty;
      const offset = isRepeat ? this.#lost.start(0) : this.#sent;
      const end = isRepeat ? this.#lost.end(0) : this.#end;
      // Type, offset, and a length that never needs more than two bytes.
      const room = writer.remaining - 1 - varintLength(offset) - 2;
      if (room <= 0) return;
      const length = Math.min(room, end - offset);
      const at = offset - this.#start;
      emitCrypto(writer, offset, this.#outgoing.subarray(at, at + length));
      frames.push({ type: "crypto", owner: this, offset, length });
      if (isRepeat) this.#lost.remove(offset, offset + length);
      else this.#sent = offset + length;
    }
  }

  handleAcked(offset: number, length: number): void {
    this.#acked.add(offset, offset + length);
    this.#lost.remove(offset, offset + length);
    if (!this.hasUnacknowledged) this.#release();
  }

  /** Everything has arrived. */
  #release(): void {
    this.#start = this.#end;
    this.#outgoing = NOTHING;
    this.#acked.clear();
  }

  handleLost(offset: number, length: number): void {
    this.#lost.add(offset, offset + length);
    this.#lost.remove(0, this.#start);
    for (const [start, end] of this.#acked) this.#lost.remove(start, end);
  }

  /**
   * Sends everything that is not acknowledged again: for a probe (RFC 9002 §6.2.4) and after a Retry (RFC 9000
   * §17.2.5.2).
   */
  repeatUnacknowledged(): void {
    this.handleLost(0, this.#sent);
  }
}
