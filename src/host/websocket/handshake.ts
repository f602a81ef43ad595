/** The handshake of a WebSocket, for both roles: RFC 6455 §4 over HTTP/1.1; RFC 8441 and RFC 9220 need no key. */

import { createHash, randomBytes } from "node:crypto";
import { type FieldLine, type FieldSection, fieldValue, type HttpVersion } from "../../http/index.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const VERSION = "13";
/** 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** The proof that the server has read the key (RFC 6455 §4.2.2). */
export const acceptanceOf = (key: string): string =>
  createHash("sha1")
    .update(key + GUID)
    .digest("base64");

/** True if a request for the protocol "websocket" has what the server must check (RFC 6455 §4.2.1). */
export function isHandshake(fields: FieldSection, version: HttpVersion): boolean {
  if (fieldValue(fields, "sec-websocket-version") !== VERSION) return false;
  return version !== "http/1.1" || KEY.test(fieldValue(fields, "sec-websocket-key") ?? "");
}

/** The fields that accept a handshake with one of the subprotocols that the client offers. */
export function acceptanceFields(fields: FieldSection, version: HttpVersion, subprotocol: string): FieldLine[] {
  const chosen: FieldLine = ["sec-websocket-protocol", subprotocol];
  if (version !== "http/1.1") return [chosen];
  return [["sec-websocket-accept", acceptanceOf(fieldValue(fields, "sec-websocket-key")!)], chosen];
}

/** A client's handshake. */
export interface ClientHandshake {
  readonly fields: readonly FieldLine[];
  /** What is wrong with the fields that accept it; undefined if nothing is. */
  problemWith(answered: FieldSection, version: HttpVersion): string | undefined;
}

export function clientHandshake(subprotocols: readonly string[]): ClientHandshake {
  const key = randomBytes(16).toString("base64");
  return {
    fields: [
      ["sec-websocket-key", key],
      ["sec-websocket-version", VERSION],
      ["sec-websocket-protocol", subprotocols.join(", ")],
    ],
    problemWith(answered, version) {
      // RFC 6455 §4.1.
      if (version === "http/1.1" && fieldValue(answered, "sec-websocket-accept") !== acceptanceOf(key)) {
        return "the server's answer does not fit the key of the WebSocket";
      }
      const chosen = fieldValue(answered, "sec-websocket-protocol");
      if (chosen === undefined || !subprotocols.includes(chosen)) {
        return `the server chose the subprotocol "${chosen ?? ""}", which was not offered`;
      }
      return fieldValue(answered, "sec-websocket-extensions") === undefined
        ? undefined
        : "an extension was not offered";
    },
  };
}
