/** What loss recovery tells its listener. Only exists if there is one. */

import type { Instant, Micros } from "../../base/time.ts";
import type { Trace } from "../../base/trace.ts";
import type { PacketNumberSpace } from "../packet/number-space.ts";
import type { Route } from "../route/index.ts";
import type { RecoveryEvent } from "../trace.ts";
import type { SentPacket } from "./sent-packet.ts";

/** The loss detection timer (RFC 9002 Appendix A.8): waits for late acknowledgements of a space, or for the next probe. */
export interface LossTimer {
  readonly timer: "ack" | "pto";
  readonly space: PacketNumberSpace;
  readonly at: Instant;
}

export class RecoveryTrace {
  readonly #trace: Trace<RecoveryEvent>;
  readonly #pathId: number;
  #timer: LossTimer | undefined;

  constructor(trace: Trace<RecoveryEvent>, pathId: number) {
    this.#trace = trace;
    this.#pathId = pathId;
  }

  acked(space: PacketNumberSpace, acked: readonly SentPacket[], now: Instant): void {
    const packetNumbers = acked.map(({ packetNumber }) => packetNumber);
    this.#trace({ type: "quic:packets-acked", pathId: this.#pathId, space, packetNumbers }, now);
  }

  lost(space: PacketNumberSpace, packetNumber: number, isReordered: boolean, isMtuProbe: boolean, now: Instant): void {
    const cause = isReordered ? "reordering-threshold" : "time-threshold";
    this.#trace({ type: "quic:packet-lost", pathId: this.#pathId, space, packetNumber, cause, isMtuProbe }, now);
  }

  spuriouslyLost(space: PacketNumberSpace, packetNumber: number, now: Instant): void {
    this.#trace({ type: "quic:spurious-loss", pathId: this.#pathId, space, packetNumber }, now);
  }

  persistentCongestion(now: Instant): void {
    this.#trace({ type: "quic:persistent-congestion", pathId: this.#pathId }, now);
  }

  datagramSize(size: number, now: Instant): void {
    this.#trace({ type: "quic:mtu-updated", pathId: this.#pathId, size }, now);
  }

  metrics({ rtt, controller, ecn }: Route, ptoCount: number, now: Instant): void {
    this.#trace(
      {
        type: "quic:recovery-metrics-updated",
        pathId: this.#pathId,
        smoothedRtt: rtt.smoothed,
        minRtt: rtt.min,
        latestRtt: rtt.latest,
        rttVariance: rtt.variance,
        ptoCount,
        congestionWindow: controller.congestionWindow,
        bytesInFlight: controller.bytesInFlight,
        ssthresh: controller.ssthresh,
        pacingRate: controller.pacingRate(rtt),
        congestionState: controller.state,
        ecn: ecn.state,
      },
      now,
    );
  }

  probeTimeout(space: PacketNumberSpace, ptoCount: number, now: Instant): void {
    this.#trace({ type: "quic:probe-timeout", pathId: this.#pathId, space, ptoCount }, now);
  }

  /** Compares the timer with that of the last call; undefined if it does not run. */
  timer(timer: LossTimer | undefined, now: Instant): void {
    const before = this.#timer;
    const isSame = before?.timer === timer?.timer && before?.space === timer?.space;
    if (isSame && before?.at === timer?.at) return;
    this.#timer = timer;
    if (before !== undefined && !isSame) this.#timerUpdated(before, "cancelled", now);
    if (timer !== undefined) this.#timerUpdated(timer, "set", now);
  }

  timerExpired(timer: LossTimer, now: Instant): void {
    this.#timer = undefined;
    this.#timerUpdated(timer, "expired", now);
  }

  #timerUpdated({ timer, space, at }: LossTimer, state: "set" | "expired" | "cancelled", now: Instant): void {
    const delay = Math.max(0, at - now) as Micros;
    this.#trace({ type: "quic:timer-updated", pathId: this.#pathId, timer, space, state, delay }, now);
  }
}
