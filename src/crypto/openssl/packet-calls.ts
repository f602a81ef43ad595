/**
 * The calls of OpenSSL that protect a packet (RFC 9001 §5.3), one by one: each crosses from JavaScript to C. It works
 * wherever this engine does; `packet-list.ts` needs fewer crossings, where it works.
 */

import { type PacketBatch, TAG_LENGTH } from "../engine.ts";
import { writePacketNonce } from "../nonce.ts";
import type { ContextPointer, Evp } from "./evp.ts";

/** As `seal` and `open` of a `PacketKey`, with the context of a key, and the IV at the start of an array. */
export interface PacketCalls {
  seal(context: ContextPointer, iv: Uint8Array, batch: PacketBatch, from: number, pathId: number): void;
  open(context: ContextPointer, iv: Uint8Array, batch: PacketBatch, from: number, pathId: number): void;
}

export class SinglePacketCalls implements PacketCalls {
  readonly #evp: Evp;

  constructor(evp: Evp) {
    this.#evp = evp;
  }

  seal(context: ContextPointer, iv: Uint8Array, batch: PacketBatch, from: number, pathId: number): void {
    const evp = this.#evp;
    const base = evp.addressOf(batch.arena);
    for (let i = from; i < batch.count; i += 1) {
      requireInside(batch, i);
      const header = batch.header[i]!;
      const payload = batch.payload[i]!;
      const tag = batch.end[i]! - TAG_LENGTH;
      writePacketNonce(evp.iv, iv, pathId, batch.packetNumber[i]!);
      evp.begin(context);
      evp.authenticate(context, base + header, payload - header);
      if (tag > payload) evp.transform(context, base + payload, base + payload, tag - payload);
      if (!evp.end(context)) throw cannotSeal();
      evp.readTag(context, base + tag, TAG_LENGTH);
    }
  }

  open(context: ContextPointer, iv: Uint8Array, batch: PacketBatch, from: number, pathId: number): void {
    const evp = this.#evp;
    const base = evp.addressOf(batch.arena);
    for (let i = from; i < batch.count; i += 1) {
      const header = batch.header[i]!;
      const payload = batch.payload[i]!;
      const tag = batch.end[i]! - TAG_LENGTH;
      batch.ok[i] = 0;
      if (!isInside(batch, i)) continue;
      writePacketNonce(evp.iv, iv, pathId, batch.packetNumber[i]!);
      evp.begin(context);
      evp.writeTag(context, base + tag, TAG_LENGTH);
      evp.authenticate(context, base + header, payload - header);
      if (tag > payload) evp.transform(context, base + payload, base + payload, tag - payload);
      if (evp.end(context)) batch.ok[i] = 1;
    }
  }
}

/** C does not check: a packet with offsets out of order must not reach it. */
export function isInside({ arena, header, payload, end }: PacketBatch, i: number): boolean {
  return header[i]! <= payload[i]! && payload[i]! + TAG_LENGTH <= end[i]! && end[i]! <= arena.length;
}

export function requireInside(batch: PacketBatch, i: number): void {
  if (!isInside(batch, i)) throw new RangeError("a packet to seal is outside of its arena");
}

export const cannotSeal = (): Error => new Error("OpenSSL could not seal a packet");
