/**
 * The three packet number spaces (RFC 9000 §12.3), each with what belongs to it alone: keys, acknowledgements owed,
 * handshake bytes, probes owed. A discarded space is gone with all it held.
 */

import type { Instant } from "../../base/time.ts";
import { earliest } from "../../base/time.ts";
import { Level } from "../../tls/handshake.ts";
import { AckTracker } from "../acks/index.ts";
import type { PacketKeys } from "../keys/index.ts";
import type { ConnectionConfig } from "./config.ts";
import { CryptoStream } from "./crypto-stream.ts";

export class PacketSpace {
  readonly level: Level;
  readonly acks: AckTracker;
  readonly crypto: CryptoStream;
  /** Initial and Handshake only: 1-RTT keys have generations and an owner of their own. */
  read: PacketKeys | undefined;
  write: PacketKeys | undefined;
  /** Ack-eliciting packets that a probe timeout asks for (RFC 9002 §6.2.4). */
  probesOwed = 0;

  constructor(level: Level, config: ConnectionConfig) {
    this.level = level;
    this.acks = new AckTracker(level, config);
    this.crypto = new CryptoStream(level);
  }
}

export class PacketSpaces {
  readonly #spaces: (PacketSpace | undefined)[];

  constructor(config: ConnectionConfig) {
    this.#spaces = [Level.initial, Level.handshake, Level.application].map((level) => new PacketSpace(level, config));
  }

  get(level: Level): PacketSpace | undefined {
    return this.#spaces[level];
  }

  get application(): PacketSpace {
    return this.#spaces[Level.application]!;
  }

  discard(level: typeof Level.initial | typeof Level.handshake): void {
    this.#spaces[level] = undefined;
  }

  /** When the earliest owed acknowledgement has to leave. */
  ackDeadline(): Instant | undefined {
    let deadline: Instant | undefined;
    for (const space of this.#spaces) deadline = earliest(deadline, space?.acks.deadline);
    return deadline;
  }

  /** Something that must leave even if congestion control forbids: an acknowledgement that is due. */
  isAckDue(now: Instant): boolean {
    for (const space of this.#spaces) {
      if (space !== undefined && isAckDue(space, now)) return true;
    }
    return false;
  }
}

export function isAckDue(space: PacketSpace, now: Instant): boolean {
  const { acks } = space;
  return acks.ackNow || (acks.deadline !== undefined && acks.deadline <= now);
}
