/**
 * The cryptographic interface. Each engine has its own entry point, so that importing the interface loads no engine.
 * Experimental.
 *
 * @module nagare/crypto
 */

/** A DER reader for parsing keys and certificates. */
export { contextTag, DerReader, Tag } from "./der.ts";
/** The engine's interface, its names and sizes, and the batch its packet keys work on. */
export * from "./engine.ts";
/** HKDF and its TLS 1.3 forms. */
export { deriveSecret, hkdfExpand, hkdfExpandLabel, hkdfExtract } from "./hkdf.ts";
/** The key kind of a SubjectPublicKeyInfo, and the kind that a signature scheme requires. */
export { KEY_KIND, type PublicKey, parsePublicKey } from "./public-key.ts";
/** A key that changes with time, derived from one secret. */
export { RotatingKey } from "./rotating-key.ts";
