/**
 * A sender and a receiver with nothing of QUIC but loss recovery, a route and an acknowledgement tracker, to test these
 * in isolation on a simulated network. Data packets consist of a number and padding. The sender sends `total` bytes and
 * replaces each lost packet with another.
 */

import {
  type DatagramMachine,
  Ecn,
  type ReceivedBatch,
  type SlotWriter,
  type SocketAddress,
  type SocketCommand,
  type Transmit,
} from "../../../base/datagrams.ts";
import type { Rng } from "../../../base/rng.ts";
import { earliest, type Instant, type Micros, millis } from "../../../base/time.ts";
import { AckTracker } from "../../acks/ack-tracker.ts";
import type { AckFrame } from "../../frame/frames.ts";
import { PacketNumberSpace } from "../../packet/number-space.ts";
import { Route, type RouteOptions, Routes } from "../../route/index.ts";
import { LossRecovery } from "../recovery.ts";
import { SendSpace } from "../send-space.ts";
import { SkippedNumbers } from "../skipped-numbers.ts";

const { application } = PacketNumberSpace;
const HEADER = 4;
/** ECT(0) and CE counts and the delay, before the ranges. */
const ACK_HEADER = 12;

abstract class BulkMachine implements DatagramMachine<never> {
  /** Unused: the machine takes no calls from outside. */
  onReady: (() => void) | undefined;
  abstract handleBatch(received: ReceivedBatch, now: Instant): void;
  abstract handleTimeout(now: Instant): void;
  abstract nextTimeout(): Instant | undefined;
  abstract pollTransmit(slots: SlotWriter, maxSegments: number, now: Instant): Transmit | undefined;

  handleSent(_transmit: Transmit, _sent: number, _now: Instant): void {}

  pollEvent(): undefined {
    return undefined;
  }

  pollCommand(): SocketCommand | undefined {
    return undefined;
  }
}

export interface BulkSenderOptions extends Partial<RouteOptions> {
  readonly remote: SocketAddress;
  /** Bytes to send. */
  readonly total: number;
  readonly rng: Rng;
}

export class BulkSender extends BulkMachine {
  readonly route: Route;
  readonly recovery: LossRecovery;
  /** Bytes not yet sent, or lost and to be sent again. */
  #remaining: number;
  #acked = 0;
  #pendingProbes = 0;
  #now = 0 as Instant;
  #persistentCongestions = 0;
  readonly #total: number;

  constructor(options: BulkSenderOptions) {
    super();
    this.route = new Route({ local: undefined, validated: true, ...options });
    this.recovery = new LossRecovery({
      role: "server",
      routes: new Routes(this.route),
      handshake: { isConfirmed: true, hasHandshakeKeys: true },
      spaces: [undefined, undefined, new SendSpace(application, new SkippedNumbers(options.rng))],
      trace: (event) => {
        if (event.type === "quic:persistent-congestion") this.#persistentCongestions += 1;
      },
    });
    this.#remaining = options.total;
    this.#total = options.total;
  }

  get isDone(): boolean {
    return this.#acked >= this.#total;
  }

  get persistentCongestions(): number {
    return this.#persistentCongestions;
  }

  handleBatch(received: ReceivedBatch, now: Instant): void {
    for (let i = 0; i < received.count; i += 1) {
      const start = received.offset[i]!;
      const view = new DataView(received.arena.buffer, start, received.length[i]!);
      const ranges: number[] = [];
      for (let at = ACK_HEADER; at < view.byteLength; at += 4) ranges.push(view.getUint32(at));
      const counts = { ect0: view.getUint32(0), ect1: 0, ce: view.getUint32(4) };
      const ecn = counts.ect0 + counts.ce > 0 ? counts : undefined;
      const ack: AckFrame = { type: "ack", largest: ranges[1]!, delay: 0, ranges, ecn };
      const outcome = this.recovery.onAckReceived(application, ack, view.getUint32(8) as Micros, now);
      for (const packet of outcome.acked) this.#acked += packet.size;
      for (const packet of outcome.lost) this.#remaining += packet.size;
    }
  }

  handleTimeout(now: Instant): void {
    const outcome = this.recovery.onTimeout(now);
    for (const packet of outcome.lost) this.#remaining += packet.size;
    if (outcome.probe !== undefined) this.#pendingProbes = 2;
  }

  nextTimeout(): Instant | undefined {
    const next = this.recovery.nextTimeout();
    const { controller, pacer, maxDatagramSize } = this.route;
    if (this.#remaining <= 0 || !controller.canSend(maxDatagramSize)) return next;
    return earliest(next, pacer.nextSendTime(this.#now, maxDatagramSize) ?? this.#now);
  }

  pollTransmit(slots: SlotWriter, maxSegments: number, now: Instant): Transmit | undefined {
    this.#now = now;
    const { controller, pacer, ecn, maxDatagramSize: size, remote } = this.route;
    const mark = ecn.nextTrain();
    let count = 0;
    while (count < maxSegments) {
      if (this.#pendingProbes > 0) this.#pendingProbes -= 1;
      else if (this.#remaining <= 0 || !controller.canSend(size)) break;
      else if (pacer.budget(now) < size) break;
      const packetNumber = this.recovery.nextPacketNumber(application);
      new DataView(slots.arena.buffer, count * size).setUint32(0, packetNumber);
      this.recovery.onPacketSent(
        application,
        {
          packetNumber,
          route: this.route,
          ecn: mark,
          timeSent: now,
          size,
          ackEliciting: true,
          inFlight: true,
          frames: [],
          delivery: undefined,
        },
        now,
      );
      pacer.onSent(size, now);
      this.#remaining -= size;
      count += 1;
    }
    if (count === 0) return undefined;
    return { local: undefined, remote, ecn: mark, segmentSize: size, count, length: count * size };
  }
}

export class BulkReceiver extends BulkMachine {
  readonly #acks = new AckTracker(application, { maxAckDelay: millis(25), ackDelayExponent: 0 });
  #remote: SocketAddress | undefined;

  handleBatch(received: ReceivedBatch, now: Instant): void {
    for (let i = 0; i < received.count; i += 1) {
      const packetNumber = new DataView(received.arena.buffer, received.offset[i]!, HEADER).getUint32(0);
      if (this.#acks.isDuplicate(packetNumber)) continue;
      this.#acks.onPacketReceived(packetNumber, true, received.ecn[i]! as Ecn, now);
      this.#remote = received.remote[i]!;
    }
  }

  handleTimeout(_now: Instant): void {}

  nextTimeout(): Instant | undefined {
    return this.#acks.deadline;
  }

  pollTransmit(slots: SlotWriter, _maxSegments: number, now: Instant): Transmit | undefined {
    const { ackNow, deadline, received, ecnCounts } = this.#acks;
    if (this.#remote === undefined || (!ackNow && (deadline === undefined || deadline > now))) return undefined;
    const view = new DataView(slots.arena.buffer);
    view.setUint32(0, ecnCounts?.ect0 ?? 0);
    view.setUint32(4, ecnCounts?.ce ?? 0);
    view.setUint32(8, this.#acks.ackDelay(now));
    let length = ACK_HEADER;
    for (let i = received.size - 1; i >= 0; i -= 1) {
      view.setUint32(length, received.start(i));
      view.setUint32(length + 4, received.end(i) - 1);
      length += 8;
    }
    this.#acks.onAckSent(now);
    return { local: undefined, remote: this.#remote, ecn: Ecn.notEct, segmentSize: length, count: 1, length };
  }
}
