/** Loss recovery (RFC 9002). */

/** The machine: packets sent and ACK frames in, lost packets and deadlines out. */
export {
  type AckOutcome,
  LossRecovery,
  type LossRecoveryOptions,
  type RecoveryTraceEvent,
  type TimeoutOutcome,
} from "./recovery.ts";
/** What is remembered of a packet and of each frame in it. */
export type { SentFrame, SentPacket } from "./sent-packet.ts";
