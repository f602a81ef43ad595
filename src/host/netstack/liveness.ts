/**
 * Keeps the process alive while sockets are open, as sockets of the system do, and until what they sent has arrived. The
 * machine's own timers do not: a connection in TIME-WAIT would hold the process for a minute.
 */

import { LONGEST_TIMEOUT } from "../timer.ts";

const ignore = (): void => {};

export class Liveness {
  readonly #holders = new Set<object>();
  #interval: NodeJS.Timeout | undefined;

  get isHeld(): boolean {
    return this.#holders.size > 0;
  }

  hold(holder: object): void {
    this.#holders.add(holder);
    this.#interval ??= setInterval(ignore, LONGEST_TIMEOUT);
  }

  release(holder: object): void {
    this.#holders.delete(holder);
    if (this.isHeld) return;
    clearInterval(this.#interval);
    this.#interval = undefined;
  }

  clear(): void {
    for (const holder of this.#holders) this.release(holder);
  }
}
