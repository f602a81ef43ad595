/**
 * Limits how long the head of a request over HTTP/3 may take to arrive. A late request is answered with 408 (RFC 9110
 * §15.5.9), as in HTTP/1.1.
 *
 * While heads are incomplete, a timer notes at intervals which requests have begun; ordinary requests cost nothing.
 */

import type { H3Connection } from "../../h3/index.ts";
import type { StreamId } from "../../quic/index.ts";
import type { HostClock } from "../clock.ts";
import { type Fault, guard } from "../guard.ts";
import { noLimit, Timer } from "../timer.ts";

export const DEFAULT_HEADERS_TIMEOUT = 30_000;

/** A head is late after the timeout plus at most this share of it. */
const INTERVALS = 6;

export interface HeadTimeoutHost {
  readonly h3: H3Connection;
  readonly clock: HostClock;
  handleFault(fault: Fault): void;
  /** Called after requests were answered. */
  onRefused(): void;
}

export class HeadTimeout {
  readonly #host: HeadTimeoutHost;
  readonly #interval: number;
  #timer: Timer | undefined;
  /** The lowest id without a request at the end of each of the last intervals, oldest first. */
  readonly #begun: StreamId[] = [];

  /** `milliseconds` is the timeout; 0 for none. */
  constructor(host: HeadTimeoutHost, milliseconds: number) {
    this.#host = host;
    this.#interval = noLimit(milliseconds) / INTERVALS;
  }

  /** Call when a request has begun. */
  watch(): void {
    if (this.#timer === undefined && this.#host.h3.incompleteHeads > 0) this.#start();
  }

  clear(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    this.#begun.length = 0;
  }

  #start(): void {
    const onFault = (fault: Fault): void => this.#host.handleFault(fault);
    const tick = guard("h3 late heads", onFault, () => this.#tick());
    this.#timer = new Timer(tick, this.#interval, this.#host.clock).unref();
  }

  #tick(): void {
    this.#begun.push(this.#host.h3.nextStreamId);
    if (this.#begun.length > INTERVALS) {
      this.#host.h3.refuseIncompleteHeads(this.#begun.shift()!);
      this.#host.onRefused();
    }
    if (this.#host.h3.incompleteHeads === 0) this.clear();
    else this.#timer?.refresh();
  }
}
