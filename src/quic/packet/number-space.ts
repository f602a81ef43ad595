/**
 * Packet number spaces (RFC 9000 §12.3). A space is not an encryption level: 0-RTT and 1-RTT packets share one space,
 * and with multipath each path has an Application space of its own.
 */

import type { EncryptionLevel } from "../../tls/handshake.ts";

export const PacketNumberSpace = { initial: 0, handshake: 1, application: 2 } as const;
export type PacketNumberSpace = (typeof PacketNumberSpace)[keyof typeof PacketNumberSpace];

export const PACKET_NUMBER_SPACE_NAMES = ["Initial", "Handshake", "Application"] as const;

const SPACES: readonly PacketNumberSpace[] = [
  PacketNumberSpace.initial,
  PacketNumberSpace.application,
  PacketNumberSpace.handshake,
  PacketNumberSpace.application,
];

/** The packet number space of an encryption level. */
export const spaceOf = (level: EncryptionLevel): PacketNumberSpace => SPACES[level]!;
