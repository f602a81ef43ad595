/**
 * The diagnostic payload of a reset in its two incompatible forms: eight bytes with the magic 0x33AA
 * (draft-ietf-tcpm-rst-diagnostic-payload), and CBOR (draft-boucadair-tcpm-rst-diagnostic-payload up to -12). The
 * first bytes tell them apart.
 */

import { CborReader, emitText, emitUnsigned } from "./cbor.ts";
import type { ResetReason } from "./reasons.ts";

export type ResetFormat = "binary" | "cbor";

const MAGIC = 0x33aa;
const BINARY_LENGTH = 8;
/** "Replace with the RFC number", the drafts say. */
const COOKIE = 12_345;
const MAX_CODE = 0xffff;
/** The drafts give no limit. These fit the smallest MSS. */
const MAX_DESCRIPTION = 255;
const MAX_PAYLOAD = 536;

const Key = { code: 1, enterprise: 2, description: 3 } as const;
/** The article of 2022 has text keys. */
const TEXT_KEYS = new Map<string | number, number>([
  ["reason-code", Key.code],
  ["pen", Key.enterprise],
  ["reason-description", Key.description],
]);

/** What a payload was. "opaque" has no magic: text of an older system, for example. */
export type ResetPayload = { readonly reason: ResetReason } | "opaque" | "malformed";

export function emitResetPayload(reason: ResetReason, format: ResetFormat): Uint8Array {
  if (format === "cbor") return emitCbor(reason);
  const bytes = new Uint8Array(BINARY_LENGTH);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, MAGIC);
  view.setUint16(2, reason.code ?? 0);
  view.setUint32(4, reason.enterprise);
  return bytes;
}

export function parseResetPayload(bytes: Uint8Array): ResetPayload {
  if (bytes[0] === MAGIC >> 8 && bytes[1] === (MAGIC & 0xff)) return parseBinary(bytes);
  // 0x19 0x3039 is the cookie; 0x82 before it makes an array of two of the sequence.
  const at = bytes[0] === 0x82 ? 1 : 0;
  if (bytes[at] !== 0x19 || ((bytes[at + 1]! << 8) | bytes[at + 2]!) !== COOKIE) return "opaque";
  return parseCbor(bytes, at + 3);
}

function parseBinary(bytes: Uint8Array): ResetPayload {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length !== BINARY_LENGTH || view.getUint16(2) === 0) return "malformed";
  return { reason: { code: view.getUint16(2), enterprise: view.getUint32(4) } };
}

/** The sequence form with integer keys, which the drafts' own example has. */
function emitCbor({ code, enterprise, description }: ResetReason): Uint8Array {
  const pairs: number[][] = [];
  if (code !== undefined) pairs.push([Key.code, ...emitUnsigned(code)]);
  // The number is left out for IANA's codes.
  if (code !== undefined && enterprise !== 0) pairs.push([Key.enterprise, ...emitUnsigned(enterprise)]);
  if (code === undefined) pairs.push([Key.description, ...emitText(description ?? "", MAX_DESCRIPTION)]);
  return Uint8Array.from([...emitUnsigned(COOKIE), 0xa0 | pairs.length, ...pairs.flat()]);
}

function parseCbor(bytes: Uint8Array, start: number): ResetPayload {
  if (bytes.length > MAX_PAYLOAD) return "malformed";
  const map = new CborReader(bytes, start).soleMap();
  if (map === undefined) return "malformed";
  const fields = new Map<number, number | string>();
  for (const [key, value] of map) {
    const known = TEXT_KEYS.get(key) ?? key;
    if (typeof known === "string") continue;
    if (fields.has(known)) return "malformed";
    fields.set(known, value);
  }
  const code = fields.get(Key.code);
  const enterprise = fields.get(Key.enterprise) ?? 0;
  const description = fields.get(Key.description);
  const isCode = code === undefined || (typeof code === "number" && code > 0 && code <= MAX_CODE);
  const isDescription = description === undefined || typeof description === "string";
  if (!isCode || !isDescription || typeof enterprise !== "number") return "malformed";
  if (code === undefined && description === undefined) return "malformed";
  return { reason: { code, enterprise, ...(description === undefined ? {} : { description }) } };
}
