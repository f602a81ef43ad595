/**
 * RFC 9002 §6.2.3: the peer's packets can show that it lacks handshake data. It is then sent again before the probe
 * timeout, which is long while there is no RTT sample. Limited, because both sides could answer each other forever.
 */

import { after, type Instant, type Micros, millis } from "../../base/time.ts";
import { PacketNumberSpace } from "../packet/number-space.ts";
import type { ConnectionParts } from "./parts.ts";
import type { Repeats } from "./repeats.ts";

/** For each connection. Probes of the peer double their distance, so these suffice for minutes. */
const MAX_ANSWERS = 10;

/** The peer's probes come in pairs, which get one answer. */
const MIN_DISTANCE = millis(25);

export class MissingHandshake {
  readonly #parts: ConnectionParts;
  readonly #repeats: Repeats;
  #answers = 0;
  #answeredAt: Instant | undefined;

  constructor(parts: ConnectionParts, repeats: Repeats) {
    this.#parts = parts;
    this.#repeats = repeats;
  }

  /** Client only: packets of the server came before its Initial packets that have the keys. */
  onUnreadable(now: Instant): void {
    const { initial } = this.#parts.spaces;
    if (initial === undefined || !this.#mayAnswer(initial.sent.timeOfLastAckEliciting, now)) return;
    this.#repeats.probeHandshake(1);
    initial.pendingProbes = Math.max(initial.pendingProbes, 1);
  }

  /** The peer sent handshake data that we had, or a PING instead of it. */
  onRepeated(now: Instant): void {
    const { spaces } = this.#parts;
    for (const space of spaces) {
      if (space.write === undefined || !space.crypto.hasUnacknowledged) continue;
      if (this.#mayAnswer(space.sent.timeOfLastAckEliciting, now)) this.#repeats.probeHandshake(1);
      return;
    }
  }

  /** Server only: the client still sends Handshake packets, so it lacks HANDSHAKE_DONE. */
  onLateHandshakePacket(now: Instant): void {
    const { primary } = this.#parts.paths;
    const { recovery, routes } = primary;
    const [oldest] = recovery.inFlight(PacketNumberSpace.application);
    if (oldest === undefined || recovery.largestAcked(PacketNumberSpace.application) >= 0) return;
    if (!this.#mayAnswer(oldest.timeSent, now)) return;
    primary.pendingProbes = Math.max(primary.pendingProbes, 1);
    this.#repeats.repeatOldest(primary, routes.active.maxDatagramSize);
  }

  /** What was sent less than a round trip ago may still arrive. */
  #mayAnswer(sentAt: Instant | undefined, now: Instant): boolean {
    const { rtt } = this.#parts.paths.primary.routes.active;
    const distance = Math.max(MIN_DISTANCE, rtt.hasSample ? rtt.smoothed : 0) as Micros;
    if (this.#answers >= MAX_ANSWERS || sentAt === undefined) return false;
    if (now < after(sentAt, distance)) return false;
    if (this.#answeredAt !== undefined && now < after(this.#answeredAt, distance)) return false;
    this.#answers += 1;
    this.#answeredAt = now;
    return true;
  }
}
