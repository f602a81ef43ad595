// Says why nothing comes: responses that nobody reads hold the credit of a whole connection (RFC 9000 §4.1), and the next response
// waits for them without a word. Over HTTP/2 it does not: node:http2 gives a connection's credit back as soon as data arrives.
import type { HostClock, HostTimer } from "../clock.ts";
import { type Fault, guard } from "../guard.ts";

const INTERVAL = 1_000;

export interface Starvable {
  readonly active: number;
  /** The server may send nothing more on this connection before something that came is read. */
  isStarved(): boolean;
}

export class StarvationWatch {
  readonly #session: Starvable;
  readonly #origin: string;
  readonly #onFault: (fault: Fault) => void;
  readonly #clock: HostClock;
  #timer: HostTimer | undefined;
  #wasStarved = false;
  #isTold = false;

  constructor(session: Starvable, origin: string, clock: HostClock, onFault: (fault: Fault) => void) {
    this.#clock = clock;
    this.#session = session;
    this.#origin = origin;
    this.#onFault = onFault;
  }

  /** A request begins. */
  begin(): void {
    if (this.#timer !== undefined || this.#isTold) return;
    const look = guard("client starvation", this.#onFault, () => this.#look());
    this.#timer = this.#clock.startTimer(look, INTERVAL);
    this.#timer.unref();
  }

  #look(): void {
    this.#timer = undefined;
    const { active } = this.#session;
    if (active < 2) {
      this.#wasStarved = false;
      return;
    }
    const isStarved = this.#session.isStarved();
    // A reader that is only slow has read something by now.
    if (isStarved && this.#wasStarved) {
      this.#isTold = true;
      process.emitWarning(
        `${active} responses of ${this.#origin} share a connection, and what nobody reads of them holds up the others: read or cancel them`,
        { code: "NAGARE_UNREAD_RESPONSES" },
      );
      return;
    }
    this.#wasStarved = isStarved;
    this.begin();
  }
}
