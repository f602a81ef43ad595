/** What the model of the path says about how much to keep in flight (draft-ietf-ccwg-bbr §5.6.4). */

import { millis } from "../../base/time.ts";
import { initialWindow } from "../controller.ts";
import type { AckAggregation } from "./ack-aggregation.ts";
import type { MinRtt } from "./min-rtt.ts";
import type { PathModel } from "./path-model.ts";
import { type BbrState, GAINS, isProbeBw } from "./state.ts";

/** §2.8, BBR.MinPipeCwnd, in datagrams: allows a peer that acknowledges every other packet. */
const MIN_PIPE = 4;

/** §5.6.3: what is sent as one burst. */
const QUANTUM_TIME = millis(1);
const MAX_QUANTUM = 65_536;

export class Targets {
  readonly #model: PathModel;
  readonly #minRtt: MinRtt;
  readonly #aggregation: AckAggregation;
  maxDatagramSize: number;
  /** Bytes per microsecond. */
  pacingRate = 0;

  constructor(model: PathModel, minRtt: MinRtt, aggregation: AckAggregation, maxDatagramSize: number) {
    this.#model = model;
    this.#minRtt = minRtt;
    this.#aggregation = aggregation;
    this.maxDatagramSize = maxDatagramSize;
  }

  get minPipe(): number {
    return MIN_PIPE * this.maxDatagramSize;
  }

  /** The bandwidth-delay product times `gain`. */
  bdp(gain: number, bandwidth = this.#model.bandwidth): number {
    const rtt = this.#minRtt.value;
    return rtt === Number.POSITIVE_INFINITY ? initialWindow(this.maxDatagramSize) : gain * bandwidth * rtt;
  }

  /** §5.6.4.2, Inflight: at least what a burst and pipelining need. */
  inflight(gain: number, state: BbrState, bandwidth?: number): number {
    return this.#quantized(this.bdp(gain, bandwidth), state);
  }

  /** §5.6.4.2, BBR.max_inflight: what fills the path and allows for collected acknowledgements. */
  maxInflight(state: BbrState): number {
    return this.#quantized(this.bdp(GAINS[state].window) + this.#aggregation.extraAcked, state);
  }

  /** §5.3.3.8, TargetInflight: the bandwidth-delay product, unless congestion has cut the window. */
  targetInflight(window: number): number {
    return Math.min(this.bdp(1), window);
  }

  get inflightWithHeadroom(): number {
    return this.#model.inflightWithHeadroom(this.maxDatagramSize, this.minPipe);
  }

  /** §5.6.4.5, ProbeRTTCwnd. */
  get rttProbeWindow(): number {
    return Math.max(this.bdp(GAINS["probe-rtt"].window), this.minPipe);
  }

  /** §5.6.4.5, §5.6.4.7: the upper bound that the state and recent congestion set. */
  windowCap(state: BbrState): number {
    let cap = Number.POSITIVE_INFINITY;
    if (state === "probe-rtt" || state === "probe-bw-cruise") cap = this.inflightWithHeadroom;
    else if (isProbeBw(state)) cap = this.#model.inflightLongTerm;
    if (state === "probe-rtt") cap = Math.min(cap, this.rttProbeWindow);
    return Math.max(Math.min(cap, this.#model.inflightShortTerm), this.minPipe);
  }

  #quantized(bytes: number, state: BbrState): number {
    const quantum = Math.min(this.pacingRate * QUANTUM_TIME, MAX_QUANTUM);
    const floor = Math.max(bytes, quantum, 2 * this.maxDatagramSize, this.minPipe);
    return state === "probe-bw-up" ? floor + 2 * this.maxDatagramSize : floor;
  }
}
