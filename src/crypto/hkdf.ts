/** HKDF (RFC 5869) and its TLS 1.3 forms (RFC 8446 §7.1), on any engine. */

import { utf8 } from "../wire/text.ts";
import { type CryptoEngine, HASH_LENGTH, type HashName } from "./engine.ts";

const EMPTY = new Uint8Array(0);

/** RFC 5869 §2.2. An empty salt equals a hash length of zeros, because HMAC pads keys with zeros. */
export const hkdfExtract = (engine: CryptoEngine, hash: HashName, salt: Uint8Array, secret: Uint8Array): Uint8Array =>
  engine.hmac(hash, salt, secret);

/** RFC 5869 §2.3: T(n) = HMAC(key, T(n-1) | info | n), cut to `length`. */
export function hkdfExpand(
  engine: CryptoEngine,
  hash: HashName,
  key: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const hashLength = HASH_LENGTH[hash];
  if (length > 255 * hashLength)
    throw new RangeError(`HKDF cannot output ${length} bytes; the limit is ${255 * hashLength}`);
  const output = new Uint8Array(length);
  let previous: Uint8Array = EMPTY;
  for (let at = 0, counter = 1; at < length; at += hashLength, counter += 1) {
    const input = new Uint8Array(previous.length + info.length + 1);
    input.set(previous);
    input.set(info, previous.length);
    input[input.length - 1] = counter;
    previous = engine.hmac(hash, key, input);
    output.set(at + hashLength > length ? previous.subarray(0, length - at) : previous, at);
  }
  return output;
}

/** By label: "tls13 " and the label in bytes. */
const names = new Map<string, Uint8Array>();
/** By length and label: the whole info of a label without a context. */
const infos: (Map<string, Uint8Array> | undefined)[] = [];

/** There are few labels, all constants, so each is encoded once. */
function nameOf(label: string): Uint8Array {
  let name = names.get(label);
  if (name === undefined) names.set(label, (name = utf8(`tls13 ${label}`)));
  return name;
}

/** The HkdfLabel structure (RFC 8446 §7.1), and the counter 1 that follows it in the first block of HKDF-Expand. */
function encodeInfo(label: string, context: Uint8Array, length: number): Uint8Array {
  const name = nameOf(label);
  const info = new Uint8Array(4 + name.length + context.length + 1);
  info[0] = length >>> 8;
  info[1] = length;
  info[2] = name.length;
  info.set(name, 3);
  info[3 + name.length] = context.length;
  info.set(context, 4 + name.length);
  info[info.length - 1] = 1;
  return info;
}

function infoOf(label: string, length: number): Uint8Array {
  const known = (infos[length] ??= new Map<string, Uint8Array>());
  let info = known.get(label);
  if (info === undefined) known.set(label, (info = encodeInfo(label, EMPTY, length)));
  return info;
}

/**
 * HKDF-Expand-Label (RFC 8446 §7.1) of at most a hash's length, which is all that TLS and QUIC need: one HMAC. `label`
 * excludes the prefix "tls13 ", which QUIC's own labels ("quic key" …, RFC 9001 §5.1) get as well. Labels must be
 * constants, because they are cached.
 */
export function hkdfExpandLabel(
  engine: CryptoEngine,
  hash: HashName,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const hashLength = HASH_LENGTH[hash];
  if (length > hashLength) throw new RangeError(`${length} bytes of a label; the limit is ${hashLength}`);
  const info = context.length === 0 ? infoOf(label, length) : encodeInfo(label, context, length);
  const output = engine.hmac(hash, secret, info, length);
  return output.length === length ? output : output.slice(0, length);
}

/** HKDF-Expand-Label of any length, in blocks of a hash's length (RFC 5869 §2.3). Labels must be constants here, too. */
export function hkdfExpandLabelLong(
  engine: CryptoEngine,
  hash: HashName,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const hashLength = HASH_LENGTH[hash];
  const most = 255 * hashLength;
  if (length > most) throw new RangeError(`${length} bytes of a label; the limit is ${most}`);
  const first = encodeInfo(label, context, length);
  const output = new Uint8Array(length);
  let block: Uint8Array = EMPTY;
  for (let at = 0; at < length; at += hashLength) {
    const input = new Uint8Array(block.length + first.length);
    input.set(block);
    input.set(first, block.length);
    input[input.length - 1] = at / hashLength + 1;
    block = engine.hmac(hash, secret, input);
    output.set(block.subarray(0, length - at), at);
  }
  return output;
}

/** Derive-Secret (RFC 8446 §7.1), given the hash of the messages so far. */
export const deriveSecret = (
  engine: CryptoEngine,
  hash: HashName,
  secret: Uint8Array,
  label: string,
  transcriptHash: Uint8Array,
): Uint8Array => hkdfExpandLabel(engine, hash, secret, label, transcriptHash, HASH_LENGTH[hash]);
