/**
 * One route of a connection: a 4-tuple, and everything that is true of it alone (DESIGN §4): addresses, validation and the
 * anti-amplification budget, round-trip time, congestion controller, pacer, ECN and datagram size. A path has one active
 * route, and while it migrates, several (RFC 9000 §9). A sent packet names its route, so that what one route did never
 * counts for another.
 */

import type { SocketAddress } from "../../base/datagrams.ts";
import { type Micros, millis } from "../../base/time.ts";
import { type CongestionController, NewReno, Pacer } from "../../congestion/index.ts";
import { MIN_DATAGRAM_SIZE } from "../packet/datagram-size.ts";
import { AmplificationBudget } from "./amplification.ts";
import { EcnValidator } from "./ecn.ts";
import { LossMemory } from "./losses.ts";
import { MtuProber } from "./mtu.ts";
import { PathResponses } from "./path-responses.ts";
import { RttEstimator } from "./rtt.ts";

export interface RouteOptions {
  /** Undefined where the host does not say at which address it receives. */
  readonly local: SocketAddress | undefined;
  readonly remote: SocketAddress;
  /** A client chose the address it talks to; a server knows only after validation (RFC 9000 §8.1). */
  readonly validated: boolean;
  /** How late the host's timers may be; 1 ms by default. */
  readonly timerGrain?: Micros;
  /** The largest datagram to probe for; no probing by default. */
  readonly maxUdpPayload?: number;
  /** Whether the host can set and read ECN marks. */
  readonly ecn?: boolean;
  /** NewReno by default. */
  readonly controller?: (maxDatagramSize: number) => CongestionController;
}

export class Route {
  readonly local: SocketAddress | undefined;
  readonly remote: SocketAddress;
  readonly rtt = new RttEstimator();
  readonly controller: CongestionController;
  readonly pacer: Pacer;
  readonly ecn: EcnValidator;
  readonly mtu: MtuProber;
  readonly losses = new LossMemory();
  /** Answers to PATH_CHALLENGE frames that came by this route. */
  readonly pathResponses = new PathResponses();
  readonly #amplification: AmplificationBudget;

  constructor(options: RouteOptions) {
    this.local = options.local;
    this.remote = options.remote;
    this.mtu = new MtuProber(options.maxUdpPayload ?? MIN_DATAGRAM_SIZE);
    this.controller = options.controller?.(MIN_DATAGRAM_SIZE) ?? new NewReno(MIN_DATAGRAM_SIZE);
    this.pacer = new Pacer({
      controller: this.controller,
      rtt: this.rtt,
      datagramSize: this.mtu,
      grain: options.timerGrain ?? millis(1),
    });
    this.ecn = new EcnValidator(options.ecn ?? false);
    this.#amplification = new AmplificationBudget(options.validated);
  }

  /** The largest UDP payload that may be sent, other than as a probe. */
  get maxDatagramSize(): number {
    return this.mtu.current;
  }

  /** Must be called after the prober's `current` changed. */
  applyMaxDatagramSize(): void {
    this.controller.setMaxDatagramSize(this.mtu.current);
  }

  /** Whether the peer has shown that it receives at `remote` (RFC 9000 §8). */
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

  /** How many bytes the anti-amplification limit lets through now: Infinity once validated. */
  sendAllowance(): number {
    return this.#amplification.allowance();
  }

  /** No full datagram may be sent, so neither may a probe (RFC 9002 §6.2.2.1). */
  get isAmplificationLimited(): boolean {
    return this.#amplification.allowance() < MIN_DATAGRAM_SIZE;
  }
}
