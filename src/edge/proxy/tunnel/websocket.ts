/**
 * The opening handshake of WebSocket (RFC 6455 §4), translated between versions: HTTP/1.1 has a key and an answer to it,
 * which extended CONNECT has not (RFC 8441 §5). Each side of the proxy has its own key, so that neither has to be trusted.
 */
import { createHash, randomBytes } from "node:crypto";
import { type FieldLine, type FieldSection, fieldValue } from "../../../http/index.ts";

/** RFC 6455 §1.3 */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

export const isWebSocket = (protocol: string): boolean => protocol.toLowerCase() === "websocket";

/** A nonce of 16 bytes. */
export const newKey = (): string => randomBytes(16).toString("base64");

export const acceptFor = (key: string): string =>
  createHash("sha1")
    .update(key + GUID)
    .digest("base64");

/** RFC 6455 §4.2.1: a base64 of 16 bytes. */
export const isKey = (key: string): boolean => /^[A-Za-z0-9+/]{22}==$/.test(key);

/** The fields for an origin, with a key of our own if it speaks HTTP/1.1. */
export function requestFieldsWith(fields: FieldSection, key: string | undefined): readonly FieldLine[] {
  const others = fields.filter(([name]) => name !== "sec-websocket-key" && name !== "sec-websocket-accept");
  const versions: FieldLine[] =
    fieldValue(fields, "sec-websocket-version") === undefined ? [["sec-websocket-version", "13"]] : [];
  return [...others, ...versions, ...(key === undefined ? [] : ([["sec-websocket-key", key]] as const))];
}

/** The fields for a client, with the answer to its key if it speaks HTTP/1.1. */
export function responseFieldsWith(fields: FieldSection, key: string | undefined): readonly FieldLine[] {
  const others = fields.filter(([name]) => name !== "sec-websocket-accept" && name !== "sec-websocket-key");
  return key === undefined ? others : [...others, ["sec-websocket-accept", acceptFor(key)]];
}
