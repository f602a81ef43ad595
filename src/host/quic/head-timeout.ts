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

export class HeadTimeout {
  readonly #h3: H3Connection;
  readonly #clock: HostClock;
  readonly #interval: number;
  readonly #onFault: (fault: Fault) => void;
  readonly #onRefused: () => void;
  #timer: Timer | undefined;
  /** The lowest id without a request at the end of each of the last intervals, oldest first. */
  readonly #begun: StreamId[] = [];

  /** `milliseconds` is the timeout; 0 for none. `onRefused` is called after requests were answered. */
  constructor(
    h3: H3Connection,
    milliseconds: number,
    host: { readonly clock: HostClock; readonly onFault: (fault: Fault) => void; readonly onRefused: () => void },
  ) {
    this.#h3 = h3;
    this.#clock = host.clock;
    this.#interval = noLimit(milliseconds) / INTERVALS;
    this.#onFault = host.onFault;
    this.#onRefused = host.onRefused;
  }

  /** Call when a request has begun. */
  watch(): void {
    if (this.#timer === undefined && this.#h3.incompleteHeads > 0) this.#start();
  }

  clear(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    this.#begun.length = 0;
  }

  #start(): void {
    const tick = guard("h3 late heads", this.#onFault, () => this.#tick());
    this.#timer = new Timer(tick, this.#interval, this.#clock).unref();
  }

  #tick(): void {
    this.#begun.push(this.#h3.nextStreamId);
    if (this.#begun.length > INTERVALS) {
      this.#h3.refuseIncompleteHeads(this.#begun.shift()!);
      this.#onRefused();
    }
    if (this.#h3.incompleteHeads === 0) this.clear();
    else this.#timer?.refresh();
  }
}
