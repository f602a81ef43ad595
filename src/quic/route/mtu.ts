/**
 * Finds the largest datagram that the path takes (RFC 9000 §14.3): Datagram Packetization Layer PMTU Discovery, RFC
 * 8899. A probe is a packet of PING and PADDING that is larger than anything sent before. If it is acknowledged, that
 * is the new datagram size. A lost probe only says that the size is too large; it does not indicate congestion (RFC
 * 9000 §14.4).
 *
 * Most paths have the MTU of Ethernet. So the search probes that first, then the minimum of IPv6, and bisects in between.
 * If the interface takes more, it goes on with the interface's maximum, and then bisects in coarser steps.
 *
 * Calling order: when `probeSize` returns a size, send a probe of that size and report `onProbeSent`. On
 * acknowledgements and losses, check each packet number with `isProbe` and report the outcome. At most one probe is in
 * flight. Without probes the size never grows.
 */

import { type Instant, type Micros, seconds } from "../../base/time.ts";
import { MIN_DATAGRAM_SIZE } from "../packet/datagram-size.ts";

/** RFC 8899 §5.1.2, MAX_PROBES: a size is given up after this many lost probes. */
const MAX_PROBES = 3;

/** An Ethernet frame holds an IPv6 packet with this much UDP payload. */
export const ETHERNET_PAYLOAD = 1_452;

/** The same for the smallest MTU of IPv6, which tunnels often have: a QUIC connection's first datagrams fit in ours. */
const MINIMUM_PAYLOAD = 1_232;

/** The search ends when it would gain less than this many bytes, or less than an eighth beyond Ethernet. */
const SEARCH_STEP = 20;

/** RFC 8899 §5.1.1, PMTU_RAISE_TIMER: the time from the end of a search to the next one. */
const RAISE_AFTER: Micros = seconds(600);

/** The time from a detected black hole to the next search. */
const RETRY_AFTER_BLACK_HOLE: Micros = seconds(60);

/** A black hole is detected after this many losses of large packets with none acknowledged in between. */
const BLACK_HOLE_LOSSES = 3;

/** A black hole is also detected after this many probe timeouts in a row. */
const BLACK_HOLE_PTOS = 3;

interface Probe {
  readonly packetNumber: number;
  readonly size: number;
}

export class MtuProber {
  /** The largest size known to work. */
  #current: number;
  /** The largest size worth probing. */
  #ceiling: number;
  /** Known to fail in the current search, as are all larger sizes. */
  #tooLarge: number;
  #probe: Probe | undefined;
  #lostProbes = 0;
  #lossesInARow = 0;
  /** No probes are sent before this time. */
  #resumeAt: Instant | undefined;
  /** How long to pause after a search or a black hole. Applied in `probeSize`, which knows the time. */
  #pause: Micros | undefined;

  /** Probing is off if `ceiling` is at most the base size. */
  constructor(ceiling: number) {
    this.#current = MIN_DATAGRAM_SIZE;
    this.#ceiling = ceiling;
    this.#tooLarge = ceiling + 1;
  }

  /** The largest UDP payload known to pass: the path's maximum datagram size. */
  get current(): number {
    return this.#current;
  }

  /** Lowers the ceiling to the peer's max_udp_payload_size, or to what the host's interface supports. */
  limit(ceiling: number): void {
    this.#ceiling = Math.min(this.#ceiling, ceiling);
    this.#tooLarge = Math.min(this.#tooLarge, this.#ceiling + 1);
  }

  /** The size of the probe to send now; undefined if none is due. */
  probeSize(now: Instant): number | undefined {
    if (this.#probe !== undefined || this.#ceiling - this.#current < this.#step) return undefined;
    if (this.#pause !== undefined) {
      this.#resumeAt = (now + this.#pause) as Instant;
      this.#pause = undefined;
    }
    if (this.#resumeAt !== undefined) {
      if (now < this.#resumeAt) return undefined;
      this.#resumeAt = undefined;
      this.#tooLarge = this.#ceiling + 1;
    }
    const top = this.#current < ETHERNET_PAYLOAD ? Math.min(ETHERNET_PAYLOAD, this.#ceiling) : this.#ceiling;
    if (this.#tooLarge > top) return top;
    if (this.#current < MINIMUM_PAYLOAD && this.#tooLarge > MINIMUM_PAYLOAD) return MINIMUM_PAYLOAD;
    return this.#current + ((this.#tooLarge - this.#current) >> 1);
  }

  onProbeSent(packetNumber: number, size: number): void {
    this.#probe = { packetNumber, size };
  }

  isProbe(packetNumber: number): boolean {
    return this.#probe !== undefined && this.#probe.packetNumber === packetNumber;
  }

  /** The probe arrived, so `current` has grown. */
  onProbeAcked(): void {
    if (this.#probe === undefined) return;
    this.#current = Math.max(this.#current, this.#probe.size);
    this.#probe = undefined;
    this.#lostProbes = 0;
    this.#endSearchWhenNarrow();
  }

  onProbeLost(): void {
    if (this.#probe === undefined) return;
    this.#lostProbes += 1;
    if (this.#lostProbes >= MAX_PROBES) {
      this.#tooLarge = this.#probe.size;
      this.#lostProbes = 0;
      this.#endSearchWhenNarrow();
    }
    this.#probe = undefined;
  }

  #endSearchWhenNarrow(): void {
    if (this.#current < this.#ceiling && this.#tooLarge - this.#current <= this.#step) this.#pause = RAISE_AFTER;
  }

  /** The least gain that is worth a probe. */
  get #step(): number {
    return this.#current < ETHERNET_PAYLOAD ? SEARCH_STEP : this.#current >> 3;
  }

  /** An ordinary packet was acknowledged. */
  onPacketAcked(size: number): void {
    if (size > MIN_DATAGRAM_SIZE) this.#lossesInARow = 0;
  }

  /**
   * Ordinary packets were lost, the largest with `largestSize` bytes. Returns true if `current` was reset to the base
   * size.
   */
  onPacketsLost(largestSize: number): boolean {
    if (largestSize <= MIN_DATAGRAM_SIZE) return false;
    this.#lossesInARow += 1;
    return this.#lossesInARow >= BLACK_HOLE_LOSSES && this.#fallBack();
  }

  /**
   * The probe timeout expired for the `count`th time in a row. Returns true if `current` was reset to the base size.
   */
  onPto(count: number): boolean {
    return count >= BLACK_HOLE_PTOS && this.#fallBack();
  }

  /** RFC 8899 §4.3: black hole detection. */
  #fallBack(): boolean {
    this.#lossesInARow = 0;
    if (this.#current === MIN_DATAGRAM_SIZE) return false;
    this.#current = MIN_DATAGRAM_SIZE;
    this.#probe = undefined;
    this.#lostProbes = 0;
    this.#pause = RETRY_AFTER_BLACK_HOLE;
    return true;
  }
}
