/** Keys: from secrets to protected packets. */

/** Secrets of Initial packets. */
export { deriveInitialSecrets } from "./initial.ts";
/** The generations of 1-RTT keys. */
export { type KeyPhase, OneRttKeys, type OneRttOptions } from "./key-update.ts";
/** How often keys may be used. */
export { AEAD_LIMITS, type AeadLimits } from "./limits.ts";
/** Keys of one level and direction. */
export { derivePacketKey, derivePacketKeys, nextSecret, type PacketKeys } from "./packet-keys.ts";
/** Protecting and unprotecting batches. */
export { openBatch, protectBatch, removeHeaderProtection } from "./protection.ts";
