/**
 * TCP connections whose TLS handshake is not finished. They use descriptors like all others, so the budget must be able
 * to end them; otherwise connections that send nothing could keep everyone else out.
 */

import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Budget, Holder } from "../budget.ts";
import { millisNow, systemClock } from "../clock.ts";

/** A client's end of a TCP connection. */
type RemoteEnd = Pick<Socket, "remoteAddress" | "remotePort">;

export class PendingHandshakes {
  readonly #budget: Budget;
  readonly #holders = new Map<string, PendingHandshake>();

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** Call for a new connection. Returns a function to call when it has closed. */
  add(socket: Socket): () => void {
    const key = keyOf(socket);
    const holder = new PendingHandshake(socket);
    this.#holders.set(key, holder);
    // Node limits the time of a handshake.
    this.#budget.add(holder, Number.POSITIVE_INFINITY);
    return () => {
      if (this.#holders.get(key) === holder) this.#holders.delete(key);
      this.#budget.remove(holder);
    };
  }

  /** Call with the TLS socket when its handshake has finished. `onSecured` gets the milliseconds that it took. */
  finish(socket: TLSSocket, onSecured?: (milliseconds: number) => void): void {
    const key = keyOf(socket);
    const holder = this.#holders.get(key);
    if (holder === undefined) return;
    this.#holders.delete(key);
    this.#budget.remove(holder);
    onSecured?.(millisNow(systemClock) - holder.startedAt);
  }
}

const keyOf = ({ remoteAddress, remotePort }: RemoteEnd): string => `${remoteAddress} ${remotePort}`;

class PendingHandshake implements Holder {
  /** Milliseconds. */
  readonly startedAt = millisNow(systemClock);
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  held(): number {
    return 0;
  }

  awaitsPeer(): boolean {
    return false; // idle, so that the budget ends it like other idle connections
  }

  awaitsReader(): boolean {
    return false;
  }

  isBusy(): boolean {
    return false;
  }

  progress(): number {
    return 0;
  }

  read(): number {
    return 0;
  }

  shed(): void {
    this.#socket.destroy();
  }
}
