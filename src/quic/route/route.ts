/**
 * One route of a connection: a 4-tuple and all the state that belongs to it alone: addresses, validation and the
 * anti-amplification budget, round-trip time, congestion controller, pacer, ECN and datagram size. A path has one
 * active route, and several while it migrates (RFC 9000 §9). Each sent packet names its route, so that one route's
 * outcomes never count for another.
 */

import type { SocketAddress } from "../../base/datagrams.ts";
import type { Rng } from "../../base/rng.ts";
import { type Micros, millis } from "../../base/time.ts";
import { type CongestionControl, type CongestionController, createController, Pacer } from "../../congestion/index.ts";
import { MIN_DATAGRAM_SIZE } from "../packet/datagram-size.ts";
import { AmplificationBudget } from "./amplification.ts";
import { EcnValidator } from "./ecn.ts";
import { LossHistory } from "./losses.ts";
import { MtuProber } from "./mtu.ts";
import { PathChallenges } from "./path-challenges.ts";
import { PathResponses } from "./path-responses.ts";
import { RttEstimator } from "./rtt.ts";

export interface RouteOptions {
  /** Undefined if the host does not report the address that it receives on. */
  readonly local: SocketAddress | undefined;
  readonly remote: SocketAddress;
  /** True for a client, which chose the peer's address. A server's is true only after validation (RFC 9000 §8.1). */
  readonly validated: boolean;
  /** The inaccuracy of the host's timers; 1 ms by default. */
  readonly timerGrain?: Micros;
  /** The largest datagram to probe for. By default there is no probing. */
  readonly maxUdpPayload?: number;
  /** True if the host can set and read ECN marks. */
  readonly ecn?: boolean;
  /** CUBIC by default. */
  readonly congestionControl?: CongestionControl;
  readonly rng: Rng;
}

export class Route {
  readonly local: SocketAddress | undefined;
  readonly remote: SocketAddress;
  rtt = new RttEstimator();
  controller: CongestionController;
  pacer: Pacer;
  ecn: EcnValidator;
  mtu: MtuProber;
  losses = new LossHistory();
  /** Responses to PATH_CHALLENGE frames that arrived on this route. */
  readonly pathResponses = new PathResponses();
  readonly challenges = new PathChallenges();
  /** The key of our connection id to which the last packet on this route was sent. */
  destination: string | undefined;
  readonly #amplification: AmplificationBudget;

  constructor(options: RouteOptions) {
    this.local = options.local;
    this.remote = options.remote;
    this.mtu = new MtuProber(options.maxUdpPayload ?? MIN_DATAGRAM_SIZE);
    this.controller = createController(options.congestionControl ?? "cubic", MIN_DATAGRAM_SIZE, options.rng);
    this.pacer = new Pacer({
      controller: this.controller,
      rtt: this.rtt,
      datagramSize: this.mtu,
      grain: options.timerGrain ?? millis(1),
    });
    this.ecn = new EcnValidator(options.ecn ?? false);
    this.#amplification = new AmplificationBudget(options.validated);
  }

  /**
   * Shares another route's measurements from now on. If only a port changed, the network path is most likely the same (RFC
   * 9000 §9.4).
   */
  continueFrom({ rtt, controller, pacer, ecn, mtu, losses }: Route): void {
    this.rtt = rtt;
    this.controller = controller;
    this.pacer = pacer;
    this.ecn = ecn;
    this.mtu = mtu;
    this.losses = losses;
  }

  /** The largest UDP payload that may be sent, except for probes. */
  get maxDatagramSize(): number {
    return this.mtu.current;
  }

  /** Must be called after `mtu.current` has changed. */
  applyMaxDatagramSize(): void {
    this.controller.setMaxDatagramSize(this.mtu.current);
  }

  /** True if the peer has shown that it receives at `remote` (RFC 9000 §8). */
  get isValidated(): boolean {
    return this.#amplification.isValidated;
  }

  validate(): void {
    this.#amplification.validate();
  }

  onDatagramReceived(bytes: number): void {
    this.#amplification.onDatagramReceived(bytes);
  }

  onDatagramSent(bytes: number): void {
    this.#amplification.onDatagramSent(bytes);
  }

  /** The number of bytes that the anti-amplification limit allows now; Infinity once validated. */
  sendAllowance(): number {
    return this.#amplification.allowance();
  }

  /** True if the limit does not allow a full datagram, and thus no probe (RFC 9002 §6.2.2.1). */
  get isAmplificationLimited(): boolean {
    return this.#amplification.allowance() < MIN_DATAGRAM_SIZE;
  }
}
