/** Drives a WebTransport session on a WebSocket, as QMux. Works in browsers too. */

import type { Session } from "../../webtransport/index.ts";
import { QmuxConnection, type QmuxVersion } from "../../webtransport/qmux/index.ts";
import type { HostClock } from "../clock.ts";
import type { Fault } from "../guard.ts";
import { MachineTimer } from "../machine-timer.ts";
import type { MessageSocket, MessageSocketHandler } from "../websocket/message-socket.ts";
import { FlushSoon } from "./flush-soon.ts";

export interface QmuxDriverOptions {
  readonly role: "client" | "server";
  readonly version: QmuxVersion;
  readonly clock: HostClock;
  readonly onFault: (fault: Fault) => void;
  /** The session can be used. */
  readonly onReady: (session: Session) => void;
  /** There will be no session; not called after `onReady`. */
  readonly onFailure: (reason: Error) => void;
}

export class QmuxDriver implements MessageSocketHandler {
  readonly #socket: MessageSocket;
  readonly #options: QmuxDriverOptions;
  readonly #connection: QmuxConnection;
  readonly #timer: MachineTimer;
  #isReady = false;
  #hasRoom = true;
  readonly #flushSoon: FlushSoon;
  #isClosed = false;

  constructor(socket: MessageSocket, options: QmuxDriverOptions) {
    const { role, version, clock } = options;
    this.#socket = socket;
    this.#options = options;
    this.#flushSoon = new FlushSoon(() => this.#flush(), this.#handleFault);
    this.#timer = new MachineTimer(
      this.#handleFault,
      (now) => {
        this.#connection.handleTimeout(now);
        this.#flush();
      },
      clock,
    );
    this.#connection = new QmuxConnection({
      role,
      version,
      now: clock.now(),
      onReady: () => {
        this.#isReady = true;
        options.onReady(this.#connection.session);
      },
      onPending: () => this.#flushSoon.schedule(),
    });
    socket.handler = this;
    this.#flush();
  }

  /** The session, which can be used from `onReady` on. */
  get session(): Session {
    return this.#connection.session;
  }

  onMessage(message: Uint8Array): void {
    this.#connection.handleMessage(message, this.#options.clock.now());
  }

  onDrain(): void {
    this.#hasRoom = true;
    this.#flush();
  }

  onEnd(reason: Error): void {
    this.#isClosed = true;
    this.#connection.handleEnd(reason);
    this.#finish(reason);
  }

  #flush(): void {
    if (this.#isClosed) return;
    const connection = this.#connection;
    const now = this.#options.clock.now();
    while (this.#hasRoom || connection.isOver) {
      const message = connection.pollMessage(now);
      if (message === undefined) break;
      this.#hasRoom = this.#socket.send(message);
    }
    if (connection.isOver) {
      this.#isClosed = true;
      this.#socket.close(connection.closeStatus!);
      this.#finish(new Error("the peer did not begin a session"));
    } else this.#timer.set(connection.nextTimeout());
  }

  #finish(reason: Error): void {
    this.#timer.set(undefined);
    if (!this.#isReady) this.#options.onFailure(reason);
  }

  readonly #handleFault = (fault: Fault): void => {
    this.#options.onFault(fault);
    this.onEnd(fault.error);
  };
}
