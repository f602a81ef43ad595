/** Long header packets, written byte by byte so that every field can be wrong (RFC 9000 §17.2). */

import { TAG_LENGTH } from "../src/crypto/engine.ts";
import { emitRetry } from "../src/quic/packet/index.ts";
import { preferredVersion } from "../src/quic/versions/index.ts";
import { EncryptionLevel } from "../src/tls/index.ts";
import { concat } from "../src/wire/text.ts";
import { Writer } from "../src/wire/writer.ts";
import type { Chance } from "./chance.ts";
import { writeFrames } from "./frames.ts";
import { openEngine, openTag } from "./open-engine.ts";

/** Connection IDs known to the victim. */
export interface KnownIds {
  readonly destinations: readonly Uint8Array[];
  readonly sources: readonly Uint8Array[];
  /** The destination of a client's first packet, which a Retry is bound to. */
  readonly original: Uint8Array | undefined;
}

const VERSIONS = [
  preferredVersion,
  preferredVersion,
  preferredVersion,
  preferredVersion,
  preferredVersion,
  0,
  0x6b3343cf,
  0x0a0a0a0a,
  0xffffffff,
] as const;
const PADDED = 1_200;

const idOf = (chance: Chance, known: readonly Uint8Array[]): Uint8Array =>
  chance.oneIn(4) ? chance.exactBytes(chance.pick([0, 1, 7, 8, 20, 21])) : chance.pick(known);

export function longHeaderPacket(chance: Chance, known: KnownIds): Uint8Array {
  if (known.original !== undefined && chance.oneIn(12)) return retryPacket(chance, known, known.original);
  const writer = new Writer(new Uint8Array(4_096));
  const version = chance.pick(VERSIONS);
  const type = chance.oneIn(2) ? 0 : chance.below(4);
  const numberLength = 1 + chance.below(4);
  const lowBits = chance.oneIn(50) ? chance.below(16) : numberLength - 1;
  writer.uint8((chance.oneIn(20) ? 0x80 : 0xc0) | (type << 4) | lowBits);
  writer.uint32(version);
  for (const ids of [known.destinations, known.sources]) {
    const id = idOf(chance, ids);
    writer.uint8(chance.oneIn(40) ? chance.below(256) : id.length);
    writer.write(id);
  }
  if (version === 0) {
    for (let i = chance.below(6); i > 0; i -= 1) writer.uint32(chance.pick(VERSIONS));
    return finish(writer, chance);
  }
  if (type === 0) {
    const token = chance.oneIn(3) ? chance.bytes(120) : new Uint8Array(0);
    writer.varint(chance.oneIn(20) ? chance.varint() : token.length);
    writer.write(token);
  }
  const level = type === 0 ? EncryptionLevel.initial : EncryptionLevel.handshake;
  const frames = chance.oneIn(40)
    ? chance.bytes(200)
    : writeFrames(chance, { largestSent: 2, level, role: known.original === undefined ? "client" : "server" });
  const padding = new Uint8Array(chance.oneIn(4) ? 0 : Math.max(0, PADDED - writer.position - frames.length - 22));
  const body = concat(chance.exactBytes(numberLength), frames, padding, new Uint8Array(TAG_LENGTH));
  writer.varint(chance.oneIn(20) ? chance.varint() : body.length);
  writer.write(body);
  writer.bytes.set(openTag(writer.position), writer.position - TAG_LENGTH);
  return finish(writer, chance);
}

function finish(writer: Writer, chance: Chance): Uint8Array {
  const whole = writer.written();
  return chance.oneIn(30) ? whole.slice(0, chance.below(whole.length)) : whole.slice();
}

/** A Retry with a valid integrity tag, which anyone who has seen the Initial can compute. */
function retryPacket(chance: Chance, known: KnownIds, original: Uint8Array): Uint8Array {
  const writer = new Writer(new Uint8Array(2_048));
  const source = chance.oneIn(6) ? original : chance.exactBytes(chance.pick([0, 4, 8, 20]));
  const token = chance.exactBytes(chance.pick([0, 1, 60, 300, 767, 768, 769, 1_100, 1_300]));
  emitRetry(openEngine, writer, preferredVersion, original, chance.pick(known.sources), source, token);
  return writer.written().slice();
}
