/** Drives a stack: gives it time and frames, dispatches its events to sockets, and sends what they cause. */

import type { Instant } from "../../base/time.ts";
import { Stack, type StackOptions } from "../../netstack/index.ts";
import type { TcpConnection, TcpEvent, TcpListener } from "../../tcp/index.ts";
import type { HostClock } from "../clock.ts";
import { type Fault, guard } from "../guard.ts";
import { MachineTimer } from "../machine-timer.ts";
import { Liveness } from "./liveness.ts";
import { Names } from "./names.ts";

export type ConnectionListener = (type: Exclude<TcpEvent["type"], "accepted">, now: Instant) => void;

export class StackDriver {
  readonly stack: Stack;
  readonly clock: HostClock;
  readonly onFault: (fault: Fault) => void;
  readonly liveness = new Liveness();
  readonly names: Names;
  readonly #timer: MachineTimer;
  readonly #turn: () => void;
  readonly #connections = new Map<TcpConnection, ConnectionListener>();
  readonly #listeners = new Map<TcpListener, () => void>();
  readonly #echoes = new Map<number, (bytes: number, hopLimit: number) => void>();
  #isTurnDue = false;
  #isClosed = false;

  constructor(options: StackOptions, clock: HostClock, onFault: (fault: Fault) => void, names = new Names()) {
    this.clock = clock;
    this.names = names;
    this.onFault = onFault;
    this.stack = new Stack(
      {
        ...options,
        onEchoReply: (packet, now) => {
          options.onEchoReply?.(packet, now);
          const { bytes, start, end, hopLimit } = packet;
          const key = new DataView(bytes.buffer, bytes.byteOffset).getUint32(start + 4);
          this.#echoes.get(key)?.(end - start - 8, hopLimit);
        },
      },
      clock.now(),
    );
    this.#timer = new MachineTimer(onFault, (now) => this.advance(now), clock).unref();
    this.#turn = guard("netstack turn", onFault, () => {
      this.#isTurnDue = false;
      this.advance(clock.now());
    });
    for (const { device } of options.interfaces) {
      device.onTurn = () => this.advance(clock.now());
      device.onWaiting = () => this.schedule();
    }
    this.schedule();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Something was asked of the stack: it sends at the end of this turn of the event loop. */
  schedule(): void {
    if (this.#isTurnDue || this.#isClosed) return;
    this.#isTurnDue = true;
    this.clock.defer(this.#turn);
  }

  /** Calls back after this turn of the event loop. */
  later(run: () => void): void {
    this.clock.defer(guard("netstack deferred", this.onFault, run));
  }

  watch(connection: TcpConnection, listener: ConnectionListener): void {
    this.#connections.set(connection, listener);
  }

  unwatch(connection: TcpConnection): void {
    this.#connections.delete(connection);
  }

  watchListener(listener: TcpListener, onAccept: () => void): void {
    this.#listeners.set(listener, onAccept);
  }

  unwatchListener(listener: TcpListener): void {
    this.#listeners.delete(listener);
  }

  /** Calls back for the reply to an echo request; returns how to stop waiting. */
  watchEcho(id: number, sequence: number, onReply: (bytes: number, hopLimit: number) => void): () => void {
    const key = ((id << 16) | sequence) >>> 0;
    this.#echoes.set(key, onReply);
    return () => this.#echoes.delete(key);
  }

  /** The connection was written to, read from or closed. */
  touch(connection: TcpConnection): void {
    this.stack.tcp.touch(connection);
    this.schedule();
  }

  advance(now: Instant): void {
    if (this.#isClosed) return;
    this.stack.handleTimeout(now);
    this.#dispatch(now);
    this.stack.flush(now);
    const next = this.stack.nextTimeout();
    this.#timer.set(next);
    // Packets from this host to itself: a timer would make each wait for a millisecond.
    if (next !== undefined && next <= now) this.schedule();
    // What was sent before the last socket was closed still has to arrive.
    this.liveness.release(this);
    if (!this.liveness.isHeld && this.#hasUnfinished()) this.liveness.hold(this);
  }

  #hasUnfinished(): boolean {
    for (const { state } of this.stack.tcp.connections())
      if (state !== "TIME-WAIT" && state !== "FIN-WAIT-2") return true;
    return false;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer.set(undefined);
    this.liveness.clear();
    for (const { device } of this.stack.interfaces) device.close();
  }

  #dispatch(now: Instant): void {
    const { tcp } = this.stack;
    for (let event = tcp.pollEvent(); event !== undefined; event = tcp.pollEvent()) this.#handle(event, now);
  }

  #handle(event: TcpEvent, now: Instant): void {
    // An application that throws ends its own connection, not the stack's turn.
    const run = guard(
      "netstack event",
      (fault: Fault) => {
        if (event.type !== "accepted") event.connection.abort(4, now);
        this.onFault(fault);
      },
      () => {
        if (event.type === "accepted") this.#listeners.get(event.listener)?.();
        else this.#connections.get(event.connection)?.(event.type, now);
      },
    );
    run();
  }
}
