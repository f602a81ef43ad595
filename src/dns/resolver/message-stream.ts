/** Messages on a stream: each after its length in two bytes (RFC 1035 §4.2.2, RFC 7858 §3.3, RFC 9250 §4.2). */

import { concat } from "../../wire/text.ts";

/** Cuts a stream into messages. Holds at most one, of up to 64 KiB. */
export class MessageStream {
  #pending: Uint8Array = new Uint8Array(0);

  /** True if the stream may end here. */
  get isAtBoundary(): boolean {
    return this.#pending.length === 0;
  }

  /** Takes the next bytes of the stream, and returns the messages that are complete. */
  push(bytes: Uint8Array): Uint8Array[] {
    const messages: Uint8Array[] = [];
    let rest = this.#pending.length === 0 ? bytes : concat(this.#pending, bytes);
    for (; rest.length >= 2; ) {
      const end = 2 + ((rest[0]! << 8) | rest[1]!);
      if (rest.length < end) break;
      messages.push(rest.slice(2, end));
      rest = rest.subarray(end);
    }
    this.#pending = rest.slice();
    return messages;
  }
}

export const withLength = (message: Uint8Array): Uint8Array =>
  concat(Uint8Array.of(message.length >> 8, message.length & 0xff), message);
