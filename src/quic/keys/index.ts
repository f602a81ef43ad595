/** Keys: derivation, packet protection and key updates. */

/** Secrets of Initial packets. */
export { deriveInitialSecrets } from "./initial.ts";
/** The generations of 1-RTT keys. */
export { type KeyPhase, OneRttKeys, type OneRttOptions } from "./key-update.ts";
/** How often a key may be used. */
export { AEAD_LIMITS, type AeadLimits } from "./limits.ts";
/** The keys of one level and direction. */
export { derivePacketKey, derivePacketKeys, freeKeys, nextSecret, type PacketKeys } from "./packet-keys.ts";
/** Protects and unprotects batches of packets. */
export { openBatch, protectBatch, removeHeaderProtection } from "./protection.ts";
