/** RSASSA-PSS verification (RFC 8017 §8.1.2): public values only, so plain bigint arithmetic leaks nothing. */

import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import { toHex } from "../../wire/hex.ts";
import { concat, equalBytes } from "../../wire/text.ts";

const HASHES = { sha256, sha384, sha512 } as const;
export type PssHash = keyof typeof HASHES;

const toBigInt = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`);

function toBytes(value: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = length - 1, rest = value; i >= 0; i -= 1, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
}

function powerModulo(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let square = base, rest = exponent; rest > 0n; rest >>= 1n, square = (square * square) % modulus) {
    if (rest & 1n) result = (result * square) % modulus;
  }
  return result;
}

/** MGF1 (RFC 8017 §B.2.1). */
function mgf1(hash: PssHash, seed: Uint8Array, length: number): Uint8Array {
  const mask = new Uint8Array(length);
  const input = new Uint8Array(seed.length + 4);
  input.set(seed);
  const hashLength = HASHES[hash].outputLen;
  // A mask has at most 1024 / 32 blocks, so the counter fits its last byte.
  for (let at = 0, counter = 0; at < length; at += hashLength, counter += 1) {
    input[input.length - 1] = counter;
    mask.set(HASHES[hash](input).subarray(0, length - at), at);
  }
  return mask;
}

/** RFC 8017 §9.1.2, with a salt as long as the digest (RFC 8446 §4.2.3). */
function verifyEncoded(hash: PssHash, message: Uint8Array, encoded: Uint8Array, bits: number): boolean {
  const hashLength = HASHES[hash].outputLen;
  const saltLength = hashLength;
  if (encoded.length < hashLength + saltLength + 2 || encoded.at(-1) !== 0xbc) return false;
  const maskedLength = encoded.length - hashLength - 1;
  const digest = encoded.subarray(maskedLength, maskedLength + hashLength);
  const unusedBits = 8 * encoded.length - bits;
  const usedMask = 0xff >>> unusedBits;
  if ((encoded[0]! & ~usedMask) !== 0) return false;
  const data = mgf1(hash, digest, maskedLength);
  for (let i = 0; i < maskedLength; i += 1) data[i]! ^= encoded[i]!;
  data[0]! &= usedMask;
  const separator = maskedLength - saltLength - 1;
  for (let i = 0; i < separator; i += 1) if (data[i] !== 0) return false;
  if (data[separator] !== 1) return false;
  const salt = data.subarray(separator + 1);
  return equalBytes(digest, HASHES[hash](concat(new Uint8Array(8), HASHES[hash](message), salt)));
}

export function verifyRsaPss(
  hash: PssHash,
  key: { readonly modulus: Uint8Array; readonly exponent: Uint8Array },
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== key.modulus.length) return false;
  const modulus = toBigInt(key.modulus);
  const value = toBigInt(signature);
  if (value >= modulus) return false;
  const bits = modulus.toString(2).length - 1;
  const encoded = powerModulo(value, toBigInt(key.exponent), modulus);
  const length = Math.ceil(bits / 8);
  // RFC 8017 §8.1.2 step 2c: the number must fit.
  if (encoded >> BigInt(8 * length) !== 0n) return false;
  return verifyEncoded(hash, message, toBytes(encoded, length), bits);
}
