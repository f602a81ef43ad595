/**
 * Copa (Arun and Balakrishnan, NSDI 2018) in its default mode: the rate is in inverse proportion to the delay that queues add, so that
 * senders that share a bottleneck get equal parts of it and keep its queue short; they empty it every few round trips, so that all
 * of them measure the same least delay. It yields to senders that fill queues: the competitive mode is not built.
 */

import { after, type Instant, type Micros, seconds, since } from "../base/time.ts";
import {
  type CongestionController,
  type CongestionPacket,
  initialWindow,
  minimumWindow,
  type RttView,
} from "./controller.ts";
import { WindowUtilization } from "./utilization.ts";

/** §2.1, δ: one half keeps about two packets of each sender in the queue. */
const DELTA = 0.5;
/** §2.2: how long a least round trip counts. */
const MIN_RTT_WINDOW = seconds(10);
/** §2.2: the velocity doubles only after the window has moved in one direction for so many round trips. */
const STEADY_ROUNDS = 3;
/** Between two samples that are kept of one window of time; the least one of each interval stays. */
const SAMPLES = 16;

/** The least of the samples of the last while: exact at the end that is kept, within a sixteenth of the span at the other. */
class WindowedMin {
  readonly #samples: { at: Instant; value: Micros }[] = [];

  /** Adds a sample, and returns the least one that is not older than `span`. */
  update(value: Micros, span: Micros, now: Instant): Micros {
    const samples = this.#samples;
    while (samples.length > 0 && samples.at(-1)!.value >= value) samples.pop();
    const last = samples.at(-1);
    if (last === undefined || since(last.at, now) >= span / SAMPLES) samples.push({ at: now, value });
    while (since(samples[0]!.at, now) > span && samples.length > 1) samples.shift();
    return samples[0]!.value;
  }
}

export class Copa implements CongestionController {
  readonly name = "Copa";
  readonly #utilization = new WindowUtilization();
  readonly #least = new WindowedMin();
  readonly #standing = new WindowedMin();
  #maxDatagramSize: number;
  #window: number;
  #bytesInFlight = 0;
  #isInSlowStart = true;
  /** How fast the window moves. */
  #velocity = 1;
  #direction: "up" | "down" = "up";
  #steadyRounds = 0;
  /** The window when the current round trip began, which ends when what is sent from then on is acknowledged. */
  #roundWindow: number;
  #roundStart = 0 as Instant;
  #queueingDelay = 0 as Micros;

  constructor(maxDatagramSize: number) {
    this.#maxDatagramSize = maxDatagramSize;
    this.#window = initialWindow(maxDatagramSize);
    this.#roundWindow = this.#window;
  }

  get state(): string {
    return this.#isInSlowStart ? "slow-start" : "delay-control";
  }

  get congestionWindow(): number {
    return Math.floor(this.#window);
  }

  get bytesInFlight(): number {
    return this.#bytesInFlight;
  }

  get ssthresh(): number {
    return this.#isInSlowStart ? Number.POSITIVE_INFINITY : this.congestionWindow;
  }

  /** What queues add to a round trip. */
  get queueingDelay(): Micros {
    return this.#queueingDelay;
  }

  /** §2.1: twice the window in a round trip, so that bursts are short and the window is used. */
  pacingRate(rtt: Pick<RttView, "smoothed">): number {
    return (2 * this.#window) / Math.max(1, rtt.smoothed);
  }

  canSend(size: number = this.#maxDatagramSize): boolean {
    return this.#bytesInFlight + size <= this.#window;
  }

  onPacketSent(size: number): undefined {
    this.#bytesInFlight += size;
    this.#utilization.onPacketSent(this.#bytesInFlight);
    return undefined;
  }

  onApplicationLimited(): void {}

  onPacketsAcked(packets: readonly CongestionPacket[], rtt: RttView, now: Instant): void {
    let acknowledged = 0;
    let latest = 0 as Instant;
    for (const packet of packets) {
      if (!packet.inFlight) continue;
      acknowledged += packet.size;
      if (packet.timeSent > latest) latest = packet.timeSent;
    }
    if (acknowledged === 0) return;
    this.#utilization.onPacketsAcked(latest, this.#bytesInFlight, now);
    this.#bytesInFlight = Math.max(0, this.#bytesInFlight - acknowledged);
    const least = this.#least.update(rtt.latest, MIN_RTT_WINDOW, now);
    // §2.2: the least of half a round trip is what stands in the queue, without what jitter adds.
    const standing = this.#standing.update(rtt.latest, (rtt.smoothed / 2) as Micros, now);
    this.#queueingDelay = (standing - least) as Micros;
    this.#adjust(acknowledged, standing);
    if (latest >= this.#roundStart) this.#endRound(now);
  }

  /** §2.1. */
  #adjust(acknowledged: number, standing: Micros): void {
    const size = this.#maxDatagramSize;
    const packets = this.#window / size;
    // Packets per microsecond.
    const target = 1 / (DELTA * Math.max(1, this.#queueingDelay));
    const isBelow = packets / standing <= target;
    // A window that is not used says nothing about the queue that it would cause.
    if (isBelow && this.#utilization.peak + 3 * size < this.#window) return;
    if (this.#isInSlowStart) {
      if (isBelow) this.#window += acknowledged;
      else this.#isInSlowStart = false;
      return;
    }
    const step = (this.#velocity * acknowledged) / (DELTA * packets);
    this.#window = Math.max(minimumWindow(size), this.#window + (isBelow ? step : -step));
  }

  /** §2.2: the window moves faster the longer it has moved in one direction. */
  #endRound(now: Instant): void {
    const direction = this.#window > this.#roundWindow ? "up" : "down";
    if (direction === this.#direction) {
      this.#steadyRounds += 1;
      // No faster than doubling in a round trip.
      const fastest = (DELTA * this.#window) / this.#maxDatagramSize;
      if (this.#steadyRounds >= STEADY_ROUNDS) this.#velocity = Math.max(1, Math.min(2 * this.#velocity, fastest));
    } else {
      this.#velocity = 1;
      this.#steadyRounds = 0;
      this.#direction = direction;
    }
    this.#roundWindow = this.#window;
    this.#roundStart = after(now, 1 as Micros);
  }

  /** Loss does not change the rate (§2.4), but none of what is sent arriving does. */
  onPacketsLost(
    packets: readonly CongestionPacket[],
    _largestLostTimeSent: Instant,
    persistent: boolean,
    _now: Instant,
  ): boolean {
    for (const packet of packets) if (packet.inFlight) this.#bytesInFlight -= packet.size;
    this.#bytesInFlight = Math.max(0, this.#bytesInFlight);
    // A queue that overflows in slow start has no room for the target.
    const wasInSlowStart = this.#isInSlowStart;
    if (wasInSlowStart) this.#window = Math.max(minimumWindow(this.#maxDatagramSize), this.#window / 2);
    if (persistent) this.#window = minimumWindow(this.#maxDatagramSize);
    this.#isInSlowStart = false;
    if (!persistent && !wasInSlowStart) return false;
    this.#velocity = 1;
    return true;
  }

  onCongestionExperienced(timeSent: Instant, now: Instant): void {
    this.onPacketsLost([], timeSent, false, now);
  }

  onSpuriousCongestion(): void {}

  onPacketsDiscarded(bytes: number): void {
    this.#bytesInFlight = Math.max(0, this.#bytesInFlight - bytes);
  }

  setMaxDatagramSize(bytes: number): void {
    this.#maxDatagramSize = bytes;
    this.#window = Math.max(this.#window, minimumWindow(bytes));
  }
}
