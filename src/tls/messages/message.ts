/** The framing of every handshake message (RFC 8446 §4): a type, a 24-bit length, a body. */

import { WireError } from "../../base/errors.ts";
import { Reader } from "../../wire/reader.ts";
import { alertError } from "../alerts.ts";
import { expectEnd, typedVector24 } from "./presentation.ts";

/** RFC 8446 §B.3 */
export const MESSAGE_TYPES = {
  client_hello: 1,
  server_hello: 2,
  new_session_ticket: 4,
  end_of_early_data: 5,
  encrypted_extensions: 8,
  certificate: 11,
  certificate_request: 13,
  certificate_verify: 15,
  finished: 20,
  key_update: 24,
  /** RFC 8879 §7.2 */
  compressed_certificate: 25,
  /** Never sent: replaces the first ClientHello in the transcript (RFC 8446 §4.4.1). */
  message_hash: 254,
} as const;
export type MessageName = keyof typeof MESSAGE_TYPES;

const NAME_BY_TYPE: ReadonlyMap<number, MessageName> = new Map(
  Object.entries(MESSAGE_TYPES).map(([name, type]) => [type, name as MessageName]),
);

export const MESSAGE_HEADER_LENGTH = 4;

/** One whole message as received, including its header, as the transcript hashes it. */
export interface HandshakeMessage {
  /** Undefined for an unknown type. */
  readonly name: MessageName | undefined;
  readonly bytes: Uint8Array;
}

/** Takes ownership of `bytes`, which must be exactly one message. */
export function handshakeMessage(bytes: Uint8Array): HandshakeMessage {
  return { name: NAME_BY_TYPE.get(bytes[0]!), bytes };
}

/** For display: the message's name or its number. */
export const describeMessage = (message: HandshakeMessage): string =>
  message.name ?? `handshake message ${message.bytes[0]}`;

export const emitMessage = (name: MessageName, ...body: readonly Uint8Array[]): Uint8Array =>
  typedVector24(MESSAGE_TYPES[name], ...body);

/** Parses a message's body with `parse`; a malformed body is a decode_error (RFC 8446 §6.2). */
export function parseBody<T>(message: HandshakeMessage, parse: (body: Reader) => T): T {
  const body = new Reader(message.bytes, MESSAGE_HEADER_LENGTH);
  try {
    const value = parse(body);
    expectEnd(body);
    return value;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw alertError("decode_error", describeMessage(message), error.message, { cause: error });
  }
}
