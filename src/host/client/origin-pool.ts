/** A gateway's connections to one origin, over HTTP/1.1. */
import { systemClock } from "../clock.ts";
import { detach, type Fault, guard } from "../guard.ts";
import { Dialer } from "./dialer.ts";
import { ownHttp3 } from "./own-http3.ts";
import type { Session } from "./session.ts";

export interface OriginPoolOptions {
  /** The connect timeout in milliseconds, including name lookup and TLS handshake. */
  readonly connectTimeout: number;
  /** PEM of the authorities to trust for https origins, instead of Node's. */
  readonly ca: string | undefined;
  /** True to reject invalid certificates; false accepts any. */
  readonly rejectUnauthorized: boolean;
  readonly onFault: (fault: Fault) => void;
}

/** A request waiting for a connection. */
export interface PoolWaiter {
  /** `reused` is true if the connection has carried requests before: the origin may be closing it. */
  start(session: Session, reused: boolean): void;
  /** No connection could be made. */
  fail(error: Error): void;
}

/** The maximum number of connections to one origin. Further requests wait. */
const MAX_CONNECTIONS = 256;

export class OriginPool {
  readonly #dialer: Dialer;
  readonly #sessions: Session[] = [];
  readonly #used = new WeakSet<Session>();
  readonly #waiting: PoolWaiter[] = [];
  readonly #dials = new Set<{ abort(reason: Error): void }>();
  readonly #onFault: (fault: Fault) => void;
  #closed: Error | undefined;

  constructor(url: URL, { connectTimeout, ca, rejectUnauthorized, onFault }: OriginPoolOptions) {
    this.#onFault = onFault;
    const settings = {
      protocols: ["http/1.1"] as const,
      ca: ca === undefined ? undefined : [ca],
      rejectUnauthorized,
      earlyData: false,
      keylog: undefined,
      resolve: undefined,
      connectTimeout,
      idleTimeout: undefined,
      http3: ownHttp3(),
      clock: systemClock,
    };
    // Deferred: a response ends slightly before its connection is known to be usable or closed.
    const pump = guard("proxy pump", this.#handleFault, () => this.#pump());
    this.#dialer = new Dialer(url, settings, () => queueMicrotask(pump));
  }

  enqueue(waiter: PoolWaiter): void {
    this.#waiting.push(waiter);
    this.#pump();
  }

  withdraw(waiter: PoolWaiter): void {
    const index = this.#waiting.indexOf(waiter);
    if (index !== -1) this.#waiting.splice(index, 1);
  }

  async destroy(): Promise<void> {
    this.#closed = new Error("the proxy was closed");
    for (const dial of this.#dials) dial.abort(this.#closed);
    for (const waiter of this.#waiting.splice(0)) waiter.fail(this.#closed);
    const sessions = this.#sessions.splice(0);
    for (const session of sessions) session.destroy(this.#closed);
    await Promise.all(sessions.map((session) => session.closed));
  }

  readonly #handleFault = (fault: Fault): void => {
    this.#onFault(fault);
    for (const waiter of this.#waiting.splice(0)) waiter.fail(fault.error);
  };

  #pump(): void {
    for (let i = this.#sessions.length - 1; i >= 0; i -= 1) if (!this.#sessions[i]!.usable) this.#sessions.splice(i, 1);
    while (this.#waiting.length > 0) {
      // The most recently used connection is the least likely to be closed by the origin.
      const session = this.#sessions.findLast(({ room }) => room > 0);
      if (session === undefined) break;
      const reused = this.#used.has(session);
      this.#used.add(session);
      this.#waiting.shift()!.start(session, reused);
    }
    while (this.#dials.size < this.#waiting.length && this.#sessions.length + this.#dials.size < MAX_CONNECTIONS) {
      this.#dial();
    }
  }

  #dial(): void {
    const dial = this.#dialer.dialTcp();
    this.#dials.add(dial);
    const dialled = dial.session.then(
      (session) => {
        this.#dials.delete(dial);
        if (this.#closed !== undefined) {
          session.destroy(this.#closed);
          return;
        }
        this.#sessions.push(session);
        this.#pump();
      },
      (error: Error) => {
        this.#dials.delete(dial);
        this.#waiting.shift()?.fail(error);
      },
    );
    detach("proxy dialled", this.#handleFault, dialled);
  }
}
