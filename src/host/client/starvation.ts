// Explains a stalled connection: unread responses use up the flow control credit of the whole connection (RFC 9000
// §4.1), and further responses wait for them silently. HTTP/2 is not affected: node:http2 returns connection credit as
// soon as data arrives.
import type { HostClock, HostTimer } from "../clock.ts";
import { type Fault, guard } from "../guard.ts";

const INTERVAL = 1_000;

export interface Starvable {
  readonly active: number;
  /** True if the server can send nothing more on this connection until received data is read. */
  isStarved(): boolean;
}

export class StarvationWatch {
  readonly #session: Starvable;
  readonly #origin: string;
  readonly #onFault: (fault: Fault) => void;
  readonly #clock: HostClock;
  #timer: HostTimer | undefined;
  #wasStarved = false;
  #hasWarned = false;

  constructor(session: Starvable, origin: string, clock: HostClock, onFault: (fault: Fault) => void) {
    this.#clock = clock;
    this.#session = session;
    this.#origin = origin;
    this.#onFault = onFault;
  }

  /** Call when a request begins. */
  begin(): void {
    if (this.#timer !== undefined || this.#hasWarned) return;
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
    // A slow reader would have read something by now.
    if (isStarved && this.#wasStarved) {
      this.#hasWarned = true;
      process.emitWarning(
        `${active} responses from ${this.#origin} share a connection, and unread ones block others: read or cancel them`,
        { code: "NAGARE_UNREAD_RESPONSES" },
      );
      return;
    }
    this.#wasStarved = isStarved;
    this.begin();
  }
}
