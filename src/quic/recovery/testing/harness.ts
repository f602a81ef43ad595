/** A `LossRecovery` with its path, and short ways to send packets and to acknowledge them; for tests. */

import type { Rng } from "../../../base/rng.ts";
import { type Instant, type Micros, micros } from "../../../base/time.ts";
import type { Level } from "../../../tls/handshake.ts";
import type { EcnCounts } from "../../frame/frames.ts";
import { Path, type PathOptions } from "../../path/path.ts";
import { type AckOutcome, LossRecovery, type RecoveryTraceEvent } from "../recovery.ts";
import type { SentPacket } from "../sent-packet.ts";

export interface HarnessOptions extends Partial<PathOptions> {
  readonly rng?: Rng;
}

export class Harness {
  readonly path: Path;
  readonly recovery: LossRecovery;
  readonly events: RecoveryTraceEvent[] = [];

  constructor(role: "client" | "server", options: HarnessOptions = {}) {
    const address = { family: 4, host: "192.0.2.1", port: 443 } as const;
    this.path = new Path({ local: undefined, remote: address, validated: true, ...options });
    this.recovery = new LossRecovery(this.path, {
      role,
      ...(options.rng && { rng: options.rng }),
      trace: (event) => this.events.push(event),
    });
  }

  send(level: Level, now: Instant, fields: Partial<SentPacket> = {}): SentPacket {
    const packet: SentPacket = {
      packetNumber: this.recovery.nextPacketNumber(level),
      timeSent: now,
      size: 1200,
      ackEliciting: true,
      inFlight: true,
      frames: [],
      ...fields,
    };
    this.recovery.onPacketSent(level, packet, now);
    return packet;
  }

  /** `ranges` as on the wire: smallest, largest, …, descending. */
  ack(
    level: Level,
    ranges: readonly number[],
    now: Instant,
    ackDelay: Micros = micros(0),
    ecn?: EcnCounts,
  ): AckOutcome {
    return this.recovery.onAckReceived(
      level,
      { type: "ack", largest: ranges[1]!, delay: 0, ranges, ecn },
      ackDelay,
      now,
    );
  }
}
