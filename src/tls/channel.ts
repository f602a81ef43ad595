/**
 * Handshake messages over QUIC's crypto streams (RFC 9001 §4.1.3): splits the input into messages, queues outgoing
 * messages and events, and keeps the two sides of a key change apart. Both roles use it; it knows nothing of their
 * states.
 */

import { alertError } from "./alerts.ts";
import { protocolViolation } from "./errors.ts";
import { ENCRYPTION_LEVEL_NAMES, EncryptionLevel, type TlsEvent } from "./handshake.ts";
import { type HandshakeMessage, handshakeMessage, MESSAGE_HEADER_LENGTH } from "./messages/message.ts";

/** The longest accepted message body. A certificate chain of a dozen kilobytes is already large. */
export const MAX_MESSAGE_LENGTH = 0x10000;

const MIN_BUFFER = 1024;
const NOTHING = new Uint8Array(0);

/** The length of the message that begins at `start`: that of a header until the header has arrived. */
function messageLength(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < MESSAGE_HEADER_LENGTH) return MESSAGE_HEADER_LENGTH;
  const length = (bytes[start + 1]! << 16) | (bytes[start + 2]! << 8) | bytes[start + 3]!;
  if (length > MAX_MESSAGE_LENGTH) {
    throw alertError("decode_error", "handshake message", `${length} bytes; the limit is ${MAX_MESSAGE_LENGTH}`);
  }
  return MESSAGE_HEADER_LENGTH + length;
}

export class CryptoChannel {
  readonly #events: TlsEvent[] = [];
  readonly #outgoing: { readonly level: EncryptionLevel; readonly bytes: Uint8Array }[] = [];
  /** The level from which messages are currently read. */
  #readLevel: EncryptionLevel = EncryptionLevel.initial;
  /** The incomplete message: at most a header plus `MAX_MESSAGE_LENGTH`. Most messages arrive whole and never get here. */
  #message: Uint8Array = NOTHING;
  #length = 0;

  /** Passes each completed message to `handle`, which may raise the level in between. */
  receive(level: EncryptionLevel, bytes: Uint8Array, handle: (message: HandshakeMessage) => void): void {
    let at = 0;
    while (at < bytes.length) {
      // RFC 9001 §4.1.3: no more data from a previous level. (Keys of a later level are not released before its turn.)
      if (level !== this.#readLevel) {
        throw protocolViolation(
          "CRYPTO",
          `handshake data at ${ENCRYPTION_LEVEL_NAMES[level]} instead of ${ENCRYPTION_LEVEL_NAMES[this.#readLevel]}`,
        );
      }
      if (this.#length === 0) {
        const end = at + messageLength(bytes, at, bytes.length);
        if (end <= bytes.length) {
          // Not `slice`: a Node Buffer's returns a view.
          const message = handshakeMessage(new Uint8Array(bytes.subarray(at, end)));
          at = end;
          handle(message);
          continue;
        }
      }
      const count = Math.min(this.#wanted() - this.#length, bytes.length - at);
      this.#append(bytes.subarray(at, at + count));
      at += count;
      if (this.#length >= MESSAGE_HEADER_LENGTH && this.#length === this.#wanted()) {
        const message = handshakeMessage(this.#message.slice(0, this.#length));
        this.#message = NOTHING;
        this.#length = 0;
        handle(message);
      }
    }
  }

  /** The bytes of the incomplete message that are needed so far. */
  #wanted(): number {
    return messageLength(this.#message, 0, this.#length);
  }

  #append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#message.length) {
      const grown = new Uint8Array(Math.max(length, this.#message.length * 2, MIN_BUFFER));
      grown.set(this.#message.subarray(0, this.#length));
      this.#message = grown;
    }
    this.#message.set(bytes, this.#length);
    this.#length = length;
  }

  /** True if part of a message has arrived. */
  get isPartial(): boolean {
    return this.#length > 0;
  }

  /** Sets the level of the following messages. */
  readAt(level: EncryptionLevel): void {
    this.#readLevel = level;
  }

  send(level: EncryptionLevel, message: Uint8Array): void {
    this.#outgoing.push({ level, bytes: message });
  }

  emit(event: TlsEvent): void {
    this.#events.push(event);
  }

  pollTransmit(): { readonly level: EncryptionLevel; readonly bytes: Uint8Array } | undefined {
    return this.#outgoing.shift();
  }

  pollEvent(): TlsEvent | undefined {
    return this.#events.shift();
  }
}
