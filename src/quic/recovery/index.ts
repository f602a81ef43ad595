/** Loss recovery (RFC 9002). */

/** The machine: packets sent and ACK frames in, lost packets and deadlines out. */
export {
  type AckOutcome,
  type HandshakeProgress,
  LossRecovery,
  type LossRecoveryOptions,
  type TimeoutOutcome,
} from "./recovery.ts";
/** The sending half of a packet number space. */
export { SendSpace } from "./send-space.ts";
/** What is remembered of a packet and of each frame in it. */
export type { SentFrame, SentPacket } from "./sent-packet.ts";
/** Packet numbers left out on purpose. */
export { SkippedNumbers } from "./skipped-numbers.ts";
