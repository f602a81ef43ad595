/**
 * Probing for bandwidth (draft-ietf-ccwg-bbr §5.3.3): when to probe next, which acknowledgements belong to a probe, and
 * how a probe that meets no loss raises the long-term bound on bytes in flight.
 */

import { type Rng, uniform } from "../../base/rng.ts";
import { after, type Instant, type Micros, micros, seconds } from "../../base/time.ts";

/** §5.3.3.8: wait at most this many round trips, so that NewReno and CUBIC flows keep up. */
const MAX_WAIT_ROUNDS = 63;

/** §5.3.3.8: wait between two and three seconds. */
const MIN_WAIT = seconds(2);
const WAIT_SPREAD = seconds(1);

/** The steps of the long-term bound double each round trip, up to 2 to this power. */
const MAX_UP_ROUNDS = 30;

/** §2.14, BBR.ack_phase: how the acknowledgements that arrive now relate to the probe. */
type AckPhase = "none" | "refilling" | "starting" | "feedback" | "stopping";

export class BandwidthProbe {
  readonly #rng: Rng;
  ackPhase: AckPhase = "none";
  /** True while the packets acknowledged or lost were sent by a probe whose loss has not been answered. */
  isSample = false;
  /** True if the last probe met too much loss. */
  wasTooHigh = false;
  /** True if the last probe stopped early, because the one before it met too much loss. */
  wasPrecautionary = false;
  #roundsSinceUp = 0;
  #wait = micros(0);
  #cycleStart = 0 as Instant;
  #upRounds = 0;
  #upAcked = 0;
  /** Bytes to be acknowledged for each increment of the long-term bound. */
  #ackedPerIncrement = Number.POSITIVE_INFINITY;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  onRound(): void {
    this.#roundsSinceUp += 1;
  }

  /** The probe is over. */
  onDown(now: Instant): void {
    this.#ackedPerIncrement = Number.POSITIVE_INFINITY;
    // Random, so that flows that share a bottleneck do not probe together.
    this.#roundsSinceUp = uniform(this.#rng) < 0.5 ? 0 : 1;
    this.#wait = (MIN_WAIT + micros(uniform(this.#rng) * WAIT_SPREAD)) as Micros;
    this.#cycleStart = now;
    this.ackPhase = "stopping";
  }

  onRefill(): void {
    this.#upRounds = 0;
    this.#upAcked = 0;
    this.wasPrecautionary = false;
    this.ackPhase = "refilling";
  }

  onUp(window: number, maxDatagramSize: number): void {
    this.isSample = true;
    this.ackPhase = "starting";
    this.#raiseSlope(window, maxDatagramSize);
  }

  /** `target` in datagrams: a NewReno flow with this window would take as many round trips to probe. */
  isDue(target: number, now: Instant): boolean {
    return now > after(this.#cycleStart, this.#wait) || this.#roundsSinceUp >= Math.min(target, MAX_WAIT_ROUNDS);
  }

  /** Bytes by which to raise the long-term bound, because the window that it limits was filled without loss. */
  growth(acknowledged: number, window: number, maxDatagramSize: number, isRoundStart: boolean): number {
    this.#upAcked += acknowledged;
    const increments = Math.floor(this.#upAcked / this.#ackedPerIncrement);
    if (increments > 0) this.#upAcked -= increments * this.#ackedPerIncrement;
    if (isRoundStart) this.#raiseSlope(window, maxDatagramSize);
    return increments * maxDatagramSize;
  }

  #raiseSlope(window: number, maxDatagramSize: number): void {
    const growth = 2 ** this.#upRounds;
    this.#upRounds = Math.min(this.#upRounds + 1, MAX_UP_ROUNDS);
    this.#ackedPerIncrement = Math.max(window / growth, maxDatagramSize);
  }
}
