/**
 * How TCP connections end while a listener drains. Without a notice: at once, or after their last response. With one, their
 * clients hear of it first (GOAWAY, `Connection: close`), and a connection is closed only once it has been without requests
 * for a while, so that no request is lost in transit.
 */

import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { type Fault, guard } from "../guard.ts";
import { Timer } from "../timer.ts";

/** RFC 9113 §5.1.1 */
const LARGEST_STREAM = 2 ** 31 - 1;

/** HTTP/1.1 cannot tell the client of an idle connection (RFC 9112 §9.6), so it has longer to use it again, and learn. */
const IDLE_STEPS = 3;

/** RFC 9113 §6.8: a GOAWAY that leaves all requests in transit valid. */
export const announceEnd = (session: ServerHttp2Session): void => session.goaway(0, LARGEST_STREAM);

export class DrainSteps {
  readonly #sessions: ReadonlySet<ServerHttp2Session>;
  readonly #http1: ReadonlyMap<Socket, { isBusy(): boolean }>;
  readonly #notice: number;
  readonly #step: () => void;
  /** HTTP/2 sessions whose clients were told at an earlier step. */
  readonly #told = new WeakSet<object>();
  /** HTTP/1.1 connections, with the number of steps in a row at which they were idle. */
  #idle = new Map<Socket, number>();
  #timer: Timer | undefined;

  constructor(
    sessions: ReadonlySet<ServerHttp2Session>,
    http1: ReadonlyMap<Socket, { isBusy(): boolean }>,
    notice: number,
    onFault: (fault: Fault) => void,
  ) {
    this.#sessions = sessions;
    this.#http1 = http1;
    this.#notice = notice;
    this.#step = guard("tcp drain", onFault, () => this.#advance());
    if (notice > 0) for (const session of sessions) announceEnd(session);
    this.#step();
  }

  #advance(): void {
    const isGentle = this.#notice > 0;
    for (const session of this.#sessions) {
      if (!isGentle || this.#told.has(session)) session.close();
      else this.#told.add(session);
    }
    const idle = new Map<Socket, number>();
    for (const [socket, connection] of this.#http1) {
      if (connection.isBusy()) continue;
      const steps = (this.#idle.get(socket) ?? 0) + 1;
      if (!isGentle || steps > IDLE_STEPS) socket.destroySoon();
      else idle.set(socket, steps);
    }
    this.#idle = idle;
    if (isGentle) this.#timer = new Timer(this.#step, this.#notice);
  }

  stop(): void {
    this.#timer?.clear();
  }
}
