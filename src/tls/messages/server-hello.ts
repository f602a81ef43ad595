/** ServerHello and HelloRetryRequest share a type and a format and differ in their random (RFC 8446 §4.1.3, §4.1.4). */

import { fromHex } from "../../wire/hex.ts";
import type { Reader } from "../../wire/reader.ts";
import { equalBytes } from "../../wire/text.ts";
import { alertError } from "../alerts.ts";
import { type Extensions, emitExtensions, parseExtensions } from "./extensions.ts";
import { emitMessage } from "./message.ts";
import { readVector8, uint8, uint16, vector8 } from "./presentation.ts";

interface HelloFields {
  readonly legacyVersion: number;
  readonly legacySessionIdEcho: Uint8Array;
  readonly cipherSuite: number;
}

export interface ServerHello extends HelloFields {
  readonly type: "server_hello";
  readonly random: Uint8Array;
  readonly extensions: Extensions<"SH">;
}

export interface HelloRetryRequest extends HelloFields {
  readonly type: "hello_retry_request";
  readonly extensions: Extensions<"HRR">;
}

/** The SHA-256 of "HelloRetryRequest" (RFC 8446 §4.1.3). */
const HELLO_RETRY_RANDOM = fromHex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c");

/**
 * The end of the random of a downgraded ServerHello: "DOWNGRD" and 1 for TLS 1.2, 0 for older versions (RFC 8446
 * §4.1.3).
 */
const DOWNGRADE_SENTINEL = fromHex("444f574e475244");

export function isDowngraded(random: Uint8Array): boolean {
  return equalBytes(random.subarray(24, 31), DOWNGRADE_SENTINEL) && random[31]! <= 1;
}

export function parseServerHello(body: Reader): ServerHello | HelloRetryRequest {
  const legacyVersion = body.uint16();
  const random = body.view(32);
  const legacySessionIdEcho = readVector8(body, 0, 32).rest();
  const cipherSuite = body.uint16();
  if (body.uint8() !== 0)
    throw alertError("illegal_parameter", "server_hello", "legacy_compression_method is not null");
  const fields = { legacyVersion, legacySessionIdEcho, cipherSuite };
  if (equalBytes(random, HELLO_RETRY_RANDOM)) {
    return { type: "hello_retry_request", ...fields, extensions: parseExtensions(body, "HRR") };
  }
  // Older versions allow a ServerHello without extensions.
  const extensions = body.isAtEnd ? {} : parseExtensions(body, "SH");
  return { type: "server_hello", ...fields, random, extensions };
}

export const emitServerHello = (hello: ServerHello | HelloRetryRequest): Uint8Array =>
  emitMessage(
    "server_hello",
    uint16(hello.legacyVersion),
    hello.type === "server_hello" ? hello.random : HELLO_RETRY_RANDOM,
    vector8(hello.legacySessionIdEcho),
    uint16(hello.cipherSuite),
    uint8(0),
    hello.type === "server_hello" ? emitExtensions(hello.extensions, "SH") : emitExtensions(hello.extensions, "HRR"),
  );
