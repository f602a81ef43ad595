/** Certificate requests (PKCS #10, RFC 2986) for an order (RFC 8555 §7.4). */

import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { contextTag } from "../../crypto/index.ts";
import { signatureAlgorithm, subjectAltName } from "../certificates/builder.ts";
import { bitString, der, integer, oid, sequence, set } from "../certificates/der-writer.ts";

/** The types of keys that certificates may have. */
export type CertificateKeyType = "p256" | "p384" | "rsa2048" | "rsa4096";

export function generateCertificateKey(type: CertificateKeyType = "p256"): KeyObject {
  if (type === "p256") return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  if (type === "p384") return generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
  return generateKeyPairSync("rsa", { modulusLength: type === "rsa4096" ? 4096 : 2048 }).privateKey;
}

/** DER. The names stand in the subject alternative names only; the subject is empty (RFC 5280 §4.1.2.6). */
export function certificateRequest(names: readonly string[], key: KeyObject): Uint8Array {
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  // RFC 2985 §5.4.2: extensionRequest
  const extensions = sequence(oid("1.2.840.113549.1.9.14"), set(sequence(subjectAltName(...names))));
  const info = sequence(integer(0), sequence(), spki, der(contextTag(0, true), extensions));
  return sequence(info, signatureAlgorithm(key, "sha256"), bitString(sign("sha256", info, key)));
}
