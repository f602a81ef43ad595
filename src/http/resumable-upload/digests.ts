/**
 * Digests of uploads: Content-Digest, Repr-Digest and Want-Repr-Digest (RFC 9530), and Upload-Checksum of tus 1.0. Only
 * their fields: what computes a digest is given the algorithm's name.
 */

import type { FieldLine, FieldSection } from "../field-section.ts";
import { fieldValue } from "../field-section.ts";
import { decodeBase64, dictionaryField } from "./structured.ts";

/** The algorithms of this implementation, by the names of RFC 9530 §5 and those of tus 1.0. */
export const DIGEST_ALGORITHMS = { "sha-256": "sha256", "sha-512": "sha512" } as const;
export const CHECKSUM_ALGORITHMS = { sha1: "sha1", sha256: "sha256", sha512: "sha512", md5: "md5" } as const;

/** A digest that content must have. */
export interface ExpectedDigest {
  /** The name of the algorithm for node:crypto. */
  readonly hash: "sha1" | "sha256" | "sha512" | "md5";
  readonly value: Uint8Array;
}

/** The strongest known digest of a field; undefined if there is none. Others are ignored (RFC 9530 §2). */
export function digestField(fields: FieldSection, name: "content-digest" | "repr-digest"): ExpectedDigest | undefined {
  const members = dictionaryField(fields, name);
  for (const algorithm of ["sha-512", "sha-256"] as const) {
    const value = members?.get(algorithm);
    if (value instanceof ArrayBuffer) return { hash: DIGEST_ALGORITHMS[algorithm], value: new Uint8Array(value) };
  }
  return undefined;
}

/** The algorithm that a client prefers for Repr-Digest (RFC 9530 §4). */
export function wantedDigest(fields: FieldSection): keyof typeof DIGEST_ALGORITHMS | undefined {
  const members = dictionaryField(fields, "want-repr-digest");
  let best: keyof typeof DIGEST_ALGORITHMS | undefined;
  let weight = 0;
  for (const algorithm of ["sha-256", "sha-512"] as const) {
    const value = members?.get(algorithm);
    if (typeof value === "number" && value > weight) {
      best = algorithm;
      weight = value;
    }
  }
  return best;
}

/** Upload-Checksum of tus 1.0: "malformed", "unknown" for an algorithm that is not ours, or undefined if absent. */
export function checksumField(fields: FieldSection): ExpectedDigest | "malformed" | "unknown" | undefined {
  const value = fieldValue(fields, "upload-checksum");
  if (value === undefined) return undefined;
  const [algorithm = "", encoded = "", ...rest] = value.trim().split(" ");
  const digest = rest.length > 0 || encoded === "" ? undefined : decodeBase64(encoded);
  if (digest === undefined) return "malformed";
  const hash = (CHECKSUM_ALGORITHMS as Readonly<Record<string, ExpectedDigest["hash"]>>)[algorithm.toLowerCase()];
  return hash === undefined ? "unknown" : { hash, value: digest };
}

/** Repr-Digest of a known digest, in base64. */
export const reprDigest = (algorithm: keyof typeof DIGEST_ALGORITHMS, base64: string): FieldLine => [
  "repr-digest",
  `${algorithm}=:${base64}:`,
];
