/** The stream of a group: frames, each with the difference of its timestamp to the one before. Payloads pass in pieces. */

import { ByteWriter } from "../moq/byte-writer.ts";
import { QUIC_INTEGERS, readNumber } from "../moq/integers.ts";
import { Pending } from "../moq/pending.ts";
import type { MoqCarrier, StreamId } from "../moq/session/carrier.ts";
import { liteError, readLite } from "./errors.ts";
import { emitLiteMessage, LITE, LITE_DATA, readLiteMessage, unzigzag, zigzag } from "./messages.ts";

/** What comes on the stream of a group. */
export type LiteGroupEvent =
  | { readonly type: "group"; readonly subscription: number; readonly sequence: number }
  /** `timestamp` is in the track's units, `length` in bytes. */
  | { readonly type: "frame"; readonly timestamp: number; readonly length: number }
  /** A view, valid until the next push. */
  | { readonly type: "payload"; readonly bytes: Uint8Array; readonly isLast: boolean };

/** Reads everything after the type of the stream: push bytes, then poll until there are no events. */
export class LiteGroupReader {
  readonly #pending = new Pending();
  #hasGroup = false;
  #timestamp = 0;
  #left = 0;

  /** Takes bytes, cut anywhere. */
  push(bytes: Uint8Array): void {
    this.#pending.push(bytes);
  }

  /** Bytes that wait for more. */
  get held(): number {
    return this.#pending.length;
  }

  /** Throws a `ProtocolError`. */
  poll(): LiteGroupEvent | undefined {
    if (this.#left > 0) {
      if (this.#pending.length === 0) return undefined;
      const bytes = this.#pending.takeBytes(this.#left);
      this.#left -= bytes.length;
      return { type: "payload", bytes, isLast: this.#left === 0 };
    }
    if (!this.#hasGroup) {
      const group = this.#pending.take((reader) => readLiteMessage(reader, LITE.group, "group"));
      if (group === undefined) return undefined;
      this.#hasGroup = true;
      return { type: "group", ...group };
    }
    const frame = readLite("frame", () =>
      this.#pending.take((reader) => {
        const delta = unzigzag(readNumber(QUIC_INTEGERS, reader));
        return { delta, length: readNumber(QUIC_INTEGERS, reader) };
      }),
    );
    if (frame === undefined) return undefined;
    const timestamp = this.#timestamp + frame.delta;
    if (timestamp < 0 || timestamp > Number.MAX_SAFE_INTEGER) throw liteError("frame", `a timestamp of ${timestamp}`);
    this.#timestamp = timestamp;
    this.#left = frame.length;
    return { type: "frame", timestamp, length: frame.length };
  }

  /** The stream ended. Throws if that was in the middle of a frame. */
  end(): void {
    if (this.#left > 0 || this.#pending.length > 0) throw liteError("group", "it ended in the middle of a frame");
  }
}

/** Sends a group. */
export class LiteGroupSender {
  readonly stream: StreamId;
  readonly #carrier: MoqCarrier;
  readonly #ended: () => void;
  #timestamp = 0;
  #isOver = false;

  constructor(carrier: MoqCarrier, stream: StreamId, subscription: number, sequence: number, ended: () => void) {
    this.stream = stream;
    this.#carrier = carrier;
    this.#ended = ended;
    this.#write(emitLiteMessage(LITE.group, { subscription, sequence }, LITE_DATA.group));
  }

  /** False while what is written would only wait. */
  get hasRoom(): boolean {
    return this.#carrier.hasRoom?.(this.stream) ?? true;
  }

  /** What stands before a frame's payload, which follows. `timestamp` is in the track's units. */
  frame(timestamp: number, length: number): void {
    const writer = new ByteWriter(QUIC_INTEGERS);
    writer.integer(zigzag(timestamp - this.#timestamp));
    writer.integer(length);
    this.#timestamp = timestamp;
    this.#write(writer.finish().slice());
  }

  /** A piece of the payload of the last frame. */
  payload(bytes: Uint8Array): void {
    this.#write(bytes);
  }

  /** The group is complete. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#carrier.write(this.stream, new Uint8Array(0), true);
    this.#ended();
  }

  /** Abandons the group, with one of `LITE_ERRORS`. */
  reset(code: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#carrier.reset(this.stream, code);
    this.#ended();
  }

  #write(bytes: Uint8Array): void {
    if (!this.#isOver) this.#carrier.write(this.stream, bytes, false);
  }
}
