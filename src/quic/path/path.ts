/**
 * One network path of a connection, and everything that is true of a path rather than of the connection (DESIGN §4): its
 * addresses, round-trip time, congestion controller, pacer, ECN state, datagram size and anti-amplification budget.
 * A connection has one at a time so far; what speaks of "the path" takes one as an argument.
 */

import type { SocketAddress } from "../../base/datagrams.ts";
import { type Micros, millis } from "../../base/time.ts";
import { type CongestionController, NewReno, Pacer } from "../../congestion/index.ts";
import { AmplificationBudget } from "./amplification.ts";
import { EcnValidator } from "./ecn.ts";
import { BASE_DATAGRAM_SIZE, MtuProber } from "./mtu.ts";
import { RttEstimator } from "./rtt.ts";

export interface PathOptions {
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

export class Path {
  /** Goes into the packet protection nonce of multipath; 0 is the path of QUIC version 1. */
  readonly id = 0;
  local: SocketAddress | undefined;
  remote: SocketAddress;
  readonly rtt = new RttEstimator();
  readonly controller: CongestionController;
  readonly pacer: Pacer;
  readonly ecn: EcnValidator;
  readonly mtu: MtuProber;
  readonly #amplification: AmplificationBudget;

  constructor(options: PathOptions) {
    this.local = options.local;
    this.remote = options.remote;
    this.mtu = new MtuProber(options.maxUdpPayload ?? BASE_DATAGRAM_SIZE);
    this.controller = options.controller?.(BASE_DATAGRAM_SIZE) ?? new NewReno(BASE_DATAGRAM_SIZE);
    this.pacer = new Pacer({ maxDatagramSize: BASE_DATAGRAM_SIZE, grain: options.timerGrain ?? millis(1) });
    this.ecn = new EcnValidator(options.ecn ?? false);
    this.#amplification = new AmplificationBudget(options.validated);
  }

  /** The largest UDP payload that may be sent, other than as a probe. */
  get maxDatagramSize(): number {
    return this.mtu.current;
  }

  /** The peer's max_udp_payload_size (RFC 9000 §18.2): nothing larger is ever sent or probed for. */
  limitMaxUdpPayload(bytes: number): void {
    this.mtu.limit(bytes);
  }

  /** To be called after the prober's `current` changed. */
  applyMaxDatagramSize(): void {
    this.controller.setMaxDatagramSize(this.mtu.current);
    this.pacer.maxDatagramSize = this.mtu.current;
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
    return this.#amplification.allowance() < BASE_DATAGRAM_SIZE;
  }
}
