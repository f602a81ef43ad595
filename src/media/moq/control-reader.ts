/** Control messages in a stream that is cut anywhere. Keeps one message at most: 64 KiB. */

import type { ControlCodec } from "./codec.ts";
import { violation } from "./errors.ts";
import { readCode } from "./integers.ts";
import type { ControlMessage } from "./messages.ts";
import { Pending } from "./pending.ts";

/** Push bytes, then poll until there are no messages. */
export class ControlReader {
  readonly #codec: ControlCodec;
  readonly #pending = new Pending();

  constructor(codec: ControlCodec) {
    this.#codec = codec;
  }

  /** True if a message is incomplete. */
  get isPartial(): boolean {
    return this.#pending.length > 0;
  }

  /** Takes bytes, cut anywhere. */
  push(bytes: Uint8Array): void {
    this.#pending.push(bytes);
  }

  /** The next message; undefined if it is not complete. Throws a `ProtocolError`. */
  poll(): ControlMessage | undefined {
    return this.#pending.take((reader) => {
      const id = readCode(this.#codec.dialect.integers, reader);
      const length = reader.uint16();
      return this.#codec.parse(id, reader.view(length));
    });
  }

  /** The stream ended. Throws if that was in the middle of a message. */
  end(): void {
    if (this.isPartial) throw violation("control stream", "the stream ended in the middle of a message");
  }
}
