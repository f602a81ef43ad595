/**
 * LEDBAT (RFC 6817) with slow start and the decrease of LEDBAT++ (draft-irtf-iccrg-ledbat-plus-plus): the window follows the
 * delay that queues add, so that they stay as short as the target. It measures round trips, as LEDBAT++ does, because the clocks
 * of two hosts drift. Periodic slowdowns are not built: it is for senders that share their bottleneck with themselves.
 */

import { after, type Instant, type Micros, micros, millis, seconds } from "../base/time.ts";
import {
  type CongestionController,
  type CongestionPacket,
  initialWindow,
  minimumWindow,
  type RttView,
} from "./controller.ts";
import { WindowUtilization } from "./utilization.ts";

/** LEDBAT++ §4.1 takes 60 ms; data with deadlines shares the queue here. */
const DEFAULT_TARGET = millis(15);
/** Slow start ends at this share of the target (LEDBAT++ §4.3). */
const SLOW_START_SHARE = 0.75;
/** How hard a queue above the target reduces the window, per round trip (LEDBAT++ §4.2): a quarter for one of twice the target. */
const DECREASE = 0.25;
/** The window that remains after a loss (RFC 6817 §2.4.2 halves it), and after one without a queue, which is not congestion. */
const LOSS_FACTOR = 0.5;
const RANDOM_LOSS_FACTOR = 0.9;
/** Minima of this many intervals are the base delay (RFC 6817 §2.4.2, BASE_HISTORY). */
const BASE_INTERVALS = 10;
const BASE_INTERVAL = seconds(60);
/** The delay is the least of the last few samples, which filters late acknowledgements (RFC 6817 §2.4.2, CURRENT_FILTER). */
const CURRENT_SAMPLES = 4;

export interface LedbatOptions {
  /** The delay that the queue may add. */
  readonly target?: Micros;
}

export class Ledbat implements CongestionController {
  readonly name = "LEDBAT";
  readonly #target: Micros;
  readonly #utilization = new WindowUtilization();
  readonly #bases: number[] = [];
  readonly #current: number[] = [];
  #intervalEnd = 0 as Instant;
  #maxDatagramSize: number;
  #window: number;
  #bytesInFlight = 0;
  #ssthresh = Number.POSITIVE_INFINITY;
  #recoveryStart: Instant | undefined;
  /** The earliest time of the next decrease: one for each round trip. */
  #decreaseAfter = 0 as Instant;

  constructor(maxDatagramSize: number, { target = DEFAULT_TARGET }: LedbatOptions = {}) {
    this.#maxDatagramSize = maxDatagramSize;
    this.#target = target;
    this.#window = initialWindow(maxDatagramSize);
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
    return this.#ssthresh;
  }

  /** What the queue adds to a round trip. */
  get queueingDelay(): Micros {
    if (this.#current.length === 0) return micros(0);
    return micros(Math.max(0, Math.min(...this.#current) - Math.min(...this.#bases)));
  }

  get #isInSlowStart(): boolean {
    return this.#window < this.#ssthresh;
  }

  get #minimum(): number {
    return minimumWindow(this.#maxDatagramSize);
  }

  pacingRate(rtt: Pick<RttView, "smoothed">): number {
    return ((this.#isInSlowStart ? 2 : 1.25) * this.#window) / Math.max(1, rtt.smoothed);
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
    this.#measure(rtt.latest, now);
    if (this.#recoveryStart !== undefined && latest <= this.#recoveryStart) return;
    // RFC 6817 §2.4.1: a window that is not used does not grow.
    const isUsed = this.#utilization.peak + 3 * this.#maxDatagramSize >= this.#window;
    this.#adjust(acknowledged, isUsed, rtt, now);
  }

  #adjust(acknowledged: number, isUsed: boolean, rtt: RttView, now: Instant): void {
    const queue = this.queueingDelay;
    if (this.#isInSlowStart) {
      if (queue > SLOW_START_SHARE * this.#target) this.#ssthresh = this.#window;
      else if (isUsed) this.#window += acknowledged;
      return;
    }
    const excess = queue / this.#target - 1;
    if (excess <= 0) {
      if (isUsed) this.#window += (this.#maxDatagramSize * acknowledged) / this.#window;
    } else if (now >= this.#decreaseAfter) {
      this.#decreaseAfter = after(now, rtt.smoothed);
      this.#window = Math.max(this.#minimum, this.#window * Math.max(0.5, 1 - DECREASE * excess));
    }
  }

  #measure(sample: Micros, now: Instant): void {
    if (now >= this.#intervalEnd || this.#bases.length === 0) {
      this.#intervalEnd = after(now, BASE_INTERVAL);
      this.#bases.push(sample);
      if (this.#bases.length > BASE_INTERVALS) this.#bases.shift();
    } else if (sample < this.#bases.at(-1)!) this.#bases[this.#bases.length - 1] = sample;
    this.#current.push(sample);
    if (this.#current.length > CURRENT_SAMPLES) this.#current.shift();
  }

  onPacketsLost(
    packets: readonly CongestionPacket[],
    largestLostTimeSent: Instant,
    persistent: boolean,
    now: Instant,
  ): boolean {
    for (const packet of packets) if (packet.inFlight) this.#bytesInFlight -= packet.size;
    this.#bytesInFlight = Math.max(0, this.#bytesInFlight);
    if (persistent) {
      this.#window = this.#minimum;
      this.#recoveryStart = now;
      return true;
    }
    if (this.#recoveryStart !== undefined && largestLostTimeSent <= this.#recoveryStart) return false;
    this.#recoveryStart = now;
    const isCongestion = this.queueingDelay > this.#target / 4 || this.#isInSlowStart;
    this.#window = Math.max(this.#minimum, this.#window * (isCongestion ? LOSS_FACTOR : RANDOM_LOSS_FACTOR));
    this.#ssthresh = this.#window;
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
    this.#window = Math.max(this.#window, this.#minimum);
  }
}
