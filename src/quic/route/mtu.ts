/**
 * How large a datagram the path takes (RFC 9000 §14.3): Datagram Packetization Layer PMTU Discovery, RFC 8899. A probe
 * is a packet of PING and PADDING that is larger than anything sent before; if it is acknowledged, datagrams may be as
 * large. A lost probe says something about size and nothing about congestion (RFC 9000 §14.4).
 *
 * The search asks for the maximum first, because most paths have the usual MTU, and then halves the interval.
 *
 * Calling order: when `probeSize` gives a size, send a probe of it and report `onProbeSent`. Whoever learns of
 * acknowledgements and losses asks `isProbe` of each packet number and reports the outcome. There is at most one probe in
 * flight. Without probes the size stays what it was.
 */

import { type Instant, type Micros, seconds } from "../../base/time.ts";
import { MIN_DATAGRAM_SIZE } from "../packet/datagram-size.ts";

/** RFC 8899 §5.1.2, MAX_PROBES: a size is given up after so many lost probes. */
const MAX_PROBES = 3;

/** The search ends when less than this would be gained. */
const SEARCH_STEP = 20;

/** RFC 8899 §5.1.1, PMTU_RAISE_TIMER: how long after a search another is begun. */
const RAISE_AFTER: Micros = seconds(600);

/** How long after a black hole the search is tried again. */
const RETRY_AFTER_BLACK_HOLE: Micros = seconds(60);

/** Losses of large packets in a row, with none acknowledged between, that mean that the path no longer takes them. */
const BLACK_HOLE_LOSSES = 3;

/** Probe timeouts in a row that mean the same: nothing comes back at all. */
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
  /** Sizes from here on are known not to work in this search. */
  #tooLarge: number;
  #probe: Probe | undefined;
  #lostProbes = 0;
  #lossesInARow = 0;
  /** No probes before this instant. */
  #resumeAt: Instant | undefined;
  /** A search or a pause has ended, but only `probeSize` knows the time. */
  #pause: Micros | undefined;

  /** `ceiling` of no more than the base size turns probing off. */
  constructor(ceiling: number) {
    this.#current = MIN_DATAGRAM_SIZE;
    this.#ceiling = ceiling;
    this.#tooLarge = ceiling + 1;
  }

  /** The largest UDP payload known to pass: the path's maximum datagram size. */
  get current(): number {
    return this.#current;
  }

  /** The peer's max_udp_payload_size, or what the host knows of its interface. */
  limit(ceiling: number): void {
    this.#ceiling = Math.min(this.#ceiling, ceiling);
    this.#tooLarge = Math.min(this.#tooLarge, this.#ceiling + 1);
  }

  /** The size of the probe to send now, if one is due. */
  probeSize(now: Instant): number | undefined {
    if (this.#probe !== undefined || this.#ceiling <= this.#current) return undefined;
    if (this.#pause !== undefined) {
      this.#resumeAt = (now + this.#pause) as Instant;
      this.#pause = undefined;
    }
    if (this.#resumeAt !== undefined) {
      if (now < this.#resumeAt) return undefined;
      this.#resumeAt = undefined;
      this.#tooLarge = this.#ceiling + 1;
    }
    if (this.#tooLarge > this.#ceiling) return this.#ceiling;
    return this.#current + ((this.#tooLarge - this.#current) >> 1);
  }

  onProbeSent(packetNumber: number, size: number): void {
    this.#probe = { packetNumber, size };
  }

  isProbe(packetNumber: number): boolean {
    return this.#probe !== undefined && this.#probe.packetNumber === packetNumber;
  }

  /** The probe arrived: `current` has grown. */
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
    if (this.#current < this.#ceiling && this.#tooLarge - this.#current <= SEARCH_STEP) this.#pause = RAISE_AFTER;
  }

  /** An ordinary packet was acknowledged. */
  onPacketAcked(size: number): void {
    if (size > MIN_DATAGRAM_SIZE) this.#lossesInARow = 0;
  }

  /** Ordinary packets were found lost, the largest of them so large. True when `current` fell back. */
  onPacketsLost(largestSize: number): boolean {
    if (largestSize <= MIN_DATAGRAM_SIZE) return false;
    this.#lossesInARow += 1;
    return this.#lossesInARow >= BLACK_HOLE_LOSSES && this.#fallBack();
  }

  /** The probe timeout expired for the `count`th time in a row. True when `current` fell back. */
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
