/** ClientHello (RFC 8446 §4.1.2). */

import type { Reader } from "../../wire/reader.ts";
import { type Extensions, emitExtensions, parseExtensions } from "./extensions.ts";
import { emitMessage } from "./message.ts";
import { readList, readUint16, readVector8, readVector16, uint16, vector8, vector16 } from "./presentation.ts";

export interface ClientHello {
  readonly legacyVersion: number;
  readonly random: Uint8Array;
  /** Empty in QUIC (RFC 9001 §8.4). */
  readonly legacySessionId: Uint8Array;
  readonly cipherSuites: readonly number[];
  /** A single zero byte in TLS 1.3. */
  readonly legacyCompressionMethods: Uint8Array;
  readonly extensions: Extensions<"CH">;
}

export function parseClientHello(body: Reader): ClientHello {
  return {
    legacyVersion: body.uint16(),
    random: body.view(32),
    legacySessionId: readVector8(body, 0, 32).rest(),
    cipherSuites: readList(readVector16(body, 2), readUint16),
    legacyCompressionMethods: readVector8(body, 1).rest(),
    // Older versions allow a ClientHello without extensions (RFC 8446 §4.1.2).
    extensions: body.isAtEnd ? {} : parseExtensions(body, "CH"),
  };
}

export const emitClientHello = (hello: ClientHello): Uint8Array =>
  emitMessage(
    "client_hello",
    uint16(hello.legacyVersion),
    hello.random,
    vector8(hello.legacySessionId),
    vector16(...hello.cipherSuites.map(uint16)),
    vector8(hello.legacyCompressionMethods),
    emitExtensions(hello.extensions, "CH"),
  );
