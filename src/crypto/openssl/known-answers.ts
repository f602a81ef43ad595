/** A self-test: the packets of RFC 9001's appendix, and the portable engine's answers for everything else. */

import type { Rng } from "../../base/rng.ts";
import { fromHex } from "../../wire/hex.ts";
import { equalBytes } from "../../wire/text.ts";
import {
  type AeadName,
  type CryptoEngine,
  HASH_LENGTH,
  type HashName,
  IV_LENGTH,
  KEY_LENGTH,
  PacketBatch,
  TAG_LENGTH,
} from "../engine.ts";
import { portableEngine } from "../portable/index.ts";

const PACKET_NUMBER = 654_360_564;

/** RFC 9001 §A.5: a packet with a short header, its mask, and the packet as it is protected but for the header. */
const CHACHA20 = {
  key: fromHex("c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8"),
  iv: fromHex("e0459b3474bdd0e44a41c144"),
  headerKey: fromHex("25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4"),
  header: fromHex("4200bff4"),
  payload: fromHex("01"),
  sealed: fromHex("4200bff4655e5cd55c41f69080575d7999c25a5bfb"),
  mask: fromHex("aefefe7d03"),
};

/** Throws if the engine's answers are wrong. */
export function checkAnswers(engine: CryptoEngine): void {
  const { key, iv, headerKey, header, payload, sealed, mask } = CHACHA20;
  const answer = protect(engine, "chacha20-poly1305", key, iv, headerKey, header, payload);
  if (!equalBytes(answer.sealed, sealed) || !equalBytes(answer.mask, mask)) throw wrong("chacha20-poly1305");
  if (!answer.isOpened) throw wrong("chacha20-poly1305");
  for (const aead of Object.keys(KEY_LENGTH) as AeadName[]) {
    const given = [bytes(KEY_LENGTH[aead], 1), bytes(IV_LENGTH, 2), bytes(KEY_LENGTH[aead], 3)] as const;
    const content = [bytes(13, 4), bytes(1_200, 5)] as const;
    const expected = protect(portableEngine, aead, ...given, ...content);
    const { sealed, mask, isOpened } = protect(engine, aead, ...given, ...content);
    if (!isOpened || !equalBytes(sealed, expected.sealed) || !equalBytes(mask, expected.mask)) throw wrong(aead);
  }
  checkHandshakeAnswers(engine);
}

/** Hashes of empty, short and long input, and both sides of an exchange. */
function checkHandshakeAnswers(engine: CryptoEngine): void {
  const scalar: Rng = { fill: (target) => target.set(bytes(target.length, 6)), uint32: () => 0 };
  const share = portableEngine.generateKeyPair("x25519", { ...scalar, fill: (target) => target.fill(7) }).publicKey;
  const answersOf = ({ createHash, hash, hmac, generateKeyPair, aeadSeal, aeadOpen }: CryptoEngine): Uint8Array[] => {
    const pair = generateKeyPair("x25519", scalar);
    const sealed = aeadSeal("aes-256-gcm", bytes(32, 11), bytes(IV_LENGTH, 12), bytes(20, 13), bytes(60, 14));
    const opened = aeadOpen("aes-256-gcm", bytes(32, 11), bytes(IV_LENGTH, 12), bytes(20, 13), sealed) ?? NOTHING;
    const forged = aeadOpen("aes-256-gcm", bytes(32, 11), bytes(IV_LENGTH, 12), bytes(21, 13), sealed) ?? NOTHING;
    const answers = [sealed, opened, forged, pair.publicKey, pair.deriveShared(share) ?? NOTHING];
    answers.push(pair.deriveShared(new Uint8Array(share.length)) ?? NOTHING);
    for (const name of Object.keys(HASH_LENGTH) as HashName[]) {
      for (const length of [0, 3, 5_000]) {
        const input = bytes(length, 8);
        const running = createHash(name);
        running.update(input);
        answers.push(running.digest(), running.digestWith(input), hash(name, input));
        answers.push(hmac(name, bytes(32, 9), input), hmac(name, input, bytes(50, 10)));
      }
    }
    return answers;
  };
  const expected = answersOf(portableEngine);
  for (const [i, answer] of answersOf(engine).entries()) {
    if (!equalBytes(answer, expected[i]!)) throw new Error("a known answer of the handshake is wrong");
  }
}

const NOTHING = new Uint8Array(0);

const bytes = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 167 + seed * 59) & 0xff);

const wrong = (aead: AeadName): Error => new Error(`a known answer of ${aead} is wrong`);

interface Answer {
  readonly sealed: Uint8Array;
  readonly mask: Uint8Array;
  /** True if of two such packets, one with a changed tag, only the other opens. */
  readonly isOpened: boolean;
}

function protect(
  engine: CryptoEngine,
  aead: AeadName,
  key: Uint8Array,
  iv: Uint8Array,
  headerKey: Uint8Array,
  header: Uint8Array,
  payload: Uint8Array,
): Answer {
  const length = header.length + payload.length + TAG_LENGTH;
  const batch = new PacketBatch(new Uint8Array(2 * length), 2);
  for (const [i, start] of [0, length].entries()) {
    batch.arena.set(header, start);
    batch.arena.set(payload, start + header.length);
    batch.header[i] = start;
    batch.packetNumberOffset[i] = start + 1;
    batch.payload[i] = start + header.length;
    batch.end[i] = start + length;
    batch.packetNumber[i] = PACKET_NUMBER;
  }
  batch.count = 2;
  const packetKey = engine.createPacketKey(aead, key, iv);
  const maskKey = engine.createHeaderKey(aead, headerKey);
  try {
    packetKey.seal(batch, 0, 0);
    const sealed = batch.arena.slice(0, length);
    const isSame = equalBytes(batch.arena.subarray(length), sealed);
    maskKey.mask(batch, 0);
    const mask = batch.masks.slice(0, 5);
    batch.arena[length - 1]! ^= 1;
    packetKey.open(batch, 0, 0);
    const opened = batch.arena.subarray(batch.payload[1], batch.end[1]! - TAG_LENGTH);
    const isOpened = isSame && batch.ok[0] === 0 && batch.ok[1] === 1 && equalBytes(opened, payload);
    return { sealed, mask, isOpened };
  } finally {
    packetKey.free();
    maskKey.free();
  }
}
