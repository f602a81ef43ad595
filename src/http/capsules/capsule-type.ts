/** Capsule types (RFC 9297 §5.4). A protocol that defines others keeps them with its own code. */
export const CapsuleType = {
  /** RFC 9297 §3.5 */
  DATAGRAM: 0x00,
} as const;
