/** A `LossRecovery` with its route, and short methods to send and acknowledge packets in tests. */

import { Ecn } from "../../../base/datagrams.ts";
import { type Rng, SeededRng } from "../../../base/rng.ts";
import { type Instant, type Micros, micros } from "../../../base/time.ts";
import type { EcnCounts } from "../../frame/frames.ts";
import { PacketNumberSpace } from "../../packet/number-space.ts";
import { Route, type RouteOptions, Routes } from "../../route/index.ts";
import type { RecoveryEvent } from "../../trace.ts";
import { type AckOutcome, LossRecovery } from "../recovery.ts";
import { SendSpace } from "../send-space.ts";
import type { SentPacket } from "../sent-packet.ts";
import { SkippedNumbers } from "../skipped-numbers.ts";

export interface HarnessOptions extends Partial<RouteOptions> {
  readonly rng?: Rng;
}

export class Harness {
  readonly routes: Routes;
  readonly handshake = { isConfirmed: false, hasHandshakeKeys: false };
  readonly recovery: LossRecovery;
  /** The mark of packets sent from now on. */
  mark: Ecn = Ecn.notEct;
  readonly events: RecoveryEvent[] = [];

  constructor(role: "client" | "server", options: HarnessOptions = {}) {
    const address = { family: 4, host: "192.0.2.1", port: 443 } as const;
    const route = new Route({
      local: undefined,
      remote: address,
      validated: true,
      // The expected windows are RFC 9002's.
      congestionControl: "newreno",
      rng: new SeededRng(1),
      ...options,
    });
    this.routes = new Routes(route);
    this.recovery = new LossRecovery({
      role,
      routes: this.routes,
      handshake: this.handshake,
      spaces: [
        new SendSpace(PacketNumberSpace.initial),
        new SendSpace(PacketNumberSpace.handshake),
        new SendSpace(PacketNumberSpace.application, options.rng && new SkippedNumbers(options.rng)),
      ],
      trace: (event) => this.events.push(event),
    });
  }

  get route(): Route {
    return this.routes.active;
  }

  send(space: PacketNumberSpace, now: Instant, fields: Partial<SentPacket> = {}): SentPacket {
    const packet: SentPacket = {
      packetNumber: this.recovery.nextPacketNumber(space),
      route: this.route,
      ecn: this.mark,
      timeSent: now,
      size: 1200,
      ackEliciting: true,
      inFlight: true,
      frames: [],
      delivery: undefined,
      ...fields,
    };
    this.recovery.onPacketSent(space, packet, now);
    return packet;
  }

  /** `ranges` as on the wire: smallest, largest, …, descending. */
  ack(
    space: PacketNumberSpace,
    ranges: readonly number[],
    now: Instant,
    ackDelay: Micros = micros(0),
    ecn?: EcnCounts,
  ): AckOutcome {
    return this.recovery.onAckReceived(
      space,
      { type: "ack", largest: ranges[1]!, delay: 0, ranges, ecn },
      ackDelay,
      now,
    );
  }
}
