/**
 * How TCP connections end while a listener drains. Without a notice: at once, or after their last response. With one, no
 * request is lost in transit: clients of HTTP/2 acknowledge that they know of the end, and those of HTTP/1.1 learn it from
 * the next response (`Connection: close`), or are closed once they have been idle for a whole notice.
 */

import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { type Fault, guard } from "../guard.ts";
import { Timer } from "../timer.ts";

/** RFC 9113 §5.1.1 */
const LARGEST_STREAM = 2 ** 31 - 1;

/**
 * RFC 9113 §6.8: a GOAWAY that leaves all requests in transit valid. The answer to a PING after it shows that the client has
 * seen it, and that its last requests have arrived.
 */
export function endAfterNotice(session: ServerHttp2Session, onFault: (fault: Fault) => void): void {
  if (session.closed || session.destroyed) return;
  session.goaway(0, LARGEST_STREAM);
  session.ping(
    guard(
      "http2 end known",
      (fault) => {
        session.destroy();
        onFault(fault);
      },
      () => session.close(),
    ),
  );
}

export class DrainSteps {
  readonly #http1: ReadonlyMap<Socket, { isBusy(): boolean }>;
  readonly #notice: number;
  readonly #step: () => void;
  /** HTTP/1.1 connections that were idle at the last step. */
  #idle: ReadonlySet<Socket> = new Set();
  #timer: Timer | undefined;

  constructor(
    sessions: ReadonlySet<ServerHttp2Session>,
    http1: ReadonlyMap<Socket, { isBusy(): boolean }>,
    notice: number,
    onFault: (fault: Fault) => void,
  ) {
    this.#http1 = http1;
    this.#notice = notice;
    this.#step = guard("tcp drain", onFault, () => this.#advance());
    for (const session of sessions) {
      if (notice > 0) endAfterNotice(session, onFault);
      else session.close(); // GOAWAY (RFC 9113 §6.8)
    }
    this.#step();
  }

  #advance(): void {
    const idle = new Set<Socket>();
    for (const [socket, connection] of this.#http1) {
      if (connection.isBusy()) continue;
      if (this.#notice === 0 || this.#idle.has(socket)) socket.destroySoon();
      else idle.add(socket);
    }
    this.#idle = idle;
    if (this.#notice > 0) this.#timer = new Timer(this.#step, this.#notice);
  }

  stop(): void {
    this.#timer?.clear();
  }
}
