/** The tunnels of a listener for TCP: how they learn that it drains, and that it is about to cut them off. */

import { type Fault, guard } from "../guard.ts";
import { Timer } from "../timer.ts";
import type { Tunnel } from "./tunnel.ts";

/** Milliseconds between the last word to tunnels and the end of their connections, for every version of HTTP. */
export const FAREWELL = 200;

export class OpenTunnels {
  readonly #tunnels = new Set<Tunnel>();

  add(tunnel: Tunnel): void {
    this.#tunnels.add(tunnel);
  }

  delete(tunnel: Tunnel): void {
    this.#tunnels.delete(tunnel);
  }

  handleShutdown(): void {
    for (const tunnel of [...this.#tunnels]) tunnel.onShutdown?.();
  }

  handleDeadline(): void {
    for (const tunnel of [...this.#tunnels]) tunnel.onDeadline?.();
  }
}

/** Cuts connections off after a time, of which tunnels have the last part to say goodbye. */
export class CutOff {
  #timer: Timer;

  /** `cutOff` must not throw. */
  constructor(timeout: number, tunnels: OpenTunnels, cutOff: () => void, onFault: (fault: Fault) => void) {
    const end = guard(
      "tcp cut-off",
      (fault) => {
        cutOff();
        onFault(fault);
      },
      () => {
        if (isAnnounced) {
          cutOff();
          return;
        }
        isAnnounced = true;
        this.#timer = new Timer(end, FAREWELL);
        tunnels.handleDeadline();
      },
    );
    // Without time for both, connections are just cut off.
    let isAnnounced = timeout < 2 * FAREWELL;
    this.#timer = new Timer(end, isAnnounced ? timeout : timeout - FAREWELL);
  }

  clear(): void {
    this.#timer.clear();
  }
}
