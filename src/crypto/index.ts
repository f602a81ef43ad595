/**
 * What protocols see of cryptography. The engines themselves are entry points of their own (`portable/`, `pure/`), so that
 * naming the interface pulls in none of them.
 */

/** Reading DER, for whoever takes keys and certificates apart. */
export { contextTag, DerReader, Tag } from "./der.ts";
/** The engine's interface, its names and sizes, and the batch its packet keys work on. */
export * from "./engine.ts";
/** HKDF and its TLS 1.3 forms. */
export { deriveSecret, hkdfExpand, hkdfExpandLabel, hkdfExtract } from "./hkdf.ts";
/** What kind of key a SubjectPublicKeyInfo holds, and which kind a signature scheme needs. */
export { KEY_KIND, type PublicKey, parsePublicKey } from "./public-key.ts";
