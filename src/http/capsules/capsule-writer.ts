/** Writes capsules (RFC 9297 §3.2): type, length, value. */

import { type VarInt, varintLength } from "../../wire/varint.ts";
import { Writer } from "../../wire/writer.ts";
import { CapsuleType } from "./capsule-type.ts";

/** The type and length of a capsule, whose value of `length` bytes follows in any number of pieces. */
export function capsuleHead(type: VarInt, length: number): Uint8Array {
  const writer = new Writer(new Uint8Array(varintLength(type) + varintLength(length)));
  writer.varint(type);
  writer.varint(length);
  return writer.bytes;
}

/** A whole capsule; its value is the given parts in order. */
export function capsule(type: VarInt, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const writer = new Writer(new Uint8Array(varintLength(type) + varintLength(length) + length));
  writer.varint(type);
  writer.varint(length);
  for (const part of parts) writer.write(part);
  return writer.bytes;
}

/** An HTTP Datagram as a capsule (RFC 9297 §3.5). */
export const datagramCapsule = (...parts: readonly Uint8Array[]): Uint8Array => capsule(CapsuleType.DATAGRAM, ...parts);
