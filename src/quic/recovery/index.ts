/** Loss recovery (RFC 9002). */

/** The state machine: packets sent and ACK frames in, lost packets and deadlines out. */
export {
  type AckOutcome,
  type HandshakeProgress,
  LossRecovery,
  type LossRecoveryOptions,
  type TimeoutOutcome,
} from "./recovery.ts";
/** The sending half of a packet number space. */
export { SendSpace } from "./send-space.ts";
/** What is recorded about a packet and each frame in it. */
export type { SentFrame, SentPacket } from "./sent-packet.ts";
/** Packet numbers skipped on purpose. */
export { SkippedNumbers } from "./skipped-numbers.ts";
