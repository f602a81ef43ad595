/** A gateway's connections to one origin, over one version of HTTP, or over the one that TLS selects. */
import { systemClock } from "../clock.ts";
import { detach, type Fault, guard } from "../guard.ts";
import { type Attempt, Dialer } from "./dialer.ts";
import { type LookUp, OriginAddresses } from "./origin-addresses.ts";
import { ownHttp3 } from "./own-http3.ts";
import type { Protocol, Session } from "./session.ts";

/** "auto": HTTP/2 or HTTP/1.1, as TLS selects (RFC 7301). "h2" without TLS: with prior knowledge (RFC 9113 §3.3). */
export type OriginProtocol = Protocol | "auto";

export interface OriginPoolOptions {
  readonly protocol: OriginProtocol;
  /** A UNIX domain socket to connect to, instead of the URL's host and port. */
  readonly path?: string | undefined;
  /** The connect timeout in milliseconds, including name lookup and TLS handshake. */
  readonly connectTimeout: number;
  /** Milliseconds that an unused connection stays open; undefined for 4 s over HTTP/1.1, and one minute over HTTP/2. */
  readonly idleTimeout?: number | undefined;
  /** Milliseconds after which the host is looked up again; Infinity for never. */
  readonly lookupInterval: number;
  /** Replaces the system's lookup. */
  readonly lookUp?: LookUp | undefined;
  /** The maximum number of connections. Further requests wait. Tunnels do not count. */
  readonly maxConnections: number;
  /** The maximum number of requests that wait for more than a connection of their own. Further requests fail. */
  readonly maxWaiting: number;
  /** PEM of the authorities to trust for https origins, instead of Node's. */
  readonly ca: string | undefined;
  /** True to reject invalid certificates; false accepts any. */
  readonly rejectUnauthorized: boolean;
  /** Sends PRIORITY_UPDATE frames over HTTP/2 and TLS, too. */
  readonly http2PriorityUpdate?: boolean | undefined;
  readonly onFault: (fault: Fault) => void;
}

/** A request waiting for a connection. */
export interface PoolWaiter {
  /** Bytes that the connection begins with. Such a connection carries this request only. */
  readonly preface?: Uint8Array | undefined;
  /** `reused` is true if the connection has carried requests before: the origin may be closing it. */
  start(session: Session, reused: boolean): void;
  /** No connection could be made, or too many requests wait for one: OriginBusyError. */
  fail(error: Error): void;
}

/** All connections to the origin are in use, and enough requests wait for one. */
export class OriginBusyError extends Error {
  constructor() {
    super("all connections to the origin are in use, and too many requests wait for one");
  }
}

const PROTOCOLS: Readonly<Record<OriginProtocol, readonly Protocol[]>> = {
  "http/1.1": ["http/1.1"],
  h2: ["h2"],
  h3: ["h3"],
  auto: ["h2", "http/1.1"],
};

export class OriginPool {
  readonly #options: OriginPoolOptions;
  readonly #dialer: Dialer;
  readonly #addresses: OriginAddresses;
  readonly #sessions: Session[] = [];
  readonly #used = new WeakSet<Session>();
  readonly #waiting: PoolWaiter[] = [];
  readonly #dials = new Set<Attempt>();
  /** Connections that begin with a preface, and dials for them. */
  readonly #own = new Map<PoolWaiter, Attempt | Session>();
  /** True if a connection carries many requests at once; undefined until the first one is there. */
  #isMultiplexed: boolean | undefined;
  #closed: Error | undefined;

  constructor(url: URL, options: OriginPoolOptions) {
    const { protocol, ca, onFault, lookupInterval } = options;
    this.#options = options;
    this.#isMultiplexed = protocol === "auto" ? undefined : protocol !== "http/1.1";
    this.#addresses = new OriginAddresses(lookupInterval, onFault, (isLeft) => this.#leave(isLeft), options.lookUp);
    const settings = {
      protocols: PROTOCOLS[protocol],
      path: options.path,
      cleartextHttp2: protocol === "h2",
      ca: ca === undefined ? undefined : [ca],
      rejectUnauthorized: options.rejectUnauthorized,
      earlyData: false,
      keylog: undefined,
      resolve: this.#addresses.resolve,
      connectTimeout: options.connectTimeout,
      idleTimeout: options.idleTimeout,
      http2PriorityUpdate: options.http2PriorityUpdate,
      http3: ownHttp3(),
      clock: systemClock,
    };
    // Deferred: a response ends slightly before its connection is known to be usable or closed.
    const pump = guard("proxy pump", this.#handleFault, () => this.#pump());
    this.#dialer = new Dialer(url, settings, () => queueMicrotask(pump));
  }

  /** Open connections without tunnels. */
  get connections(): number {
    return this.#sessions.length + this.#own.size;
  }

  /** Requests that wait for a connection. */
  get waiting(): number {
    return this.#waiting.length;
  }

  enqueue(waiter: PoolWaiter): void {
    if (this.#closed !== undefined) {
      waiter.fail(this.#closed);
      return;
    }
    this.#addresses.refresh(this.#dialer.host);
    if (waiter.preface !== undefined) this.#dialOwn(waiter);
    else {
      this.#waiting.push(waiter);
      this.#pump();
      this.#limitWaiting();
    }
  }

  withdraw(waiter: PoolWaiter): void {
    const index = this.#waiting.indexOf(waiter);
    if (index !== -1) this.#waiting.splice(index, 1);
    const own = this.#own.get(waiter);
    if (own !== undefined && "abort" in own) own.abort(new Error("the request was withdrawn"));
  }

  async destroy(): Promise<void> {
    const error = new Error("the proxy was closed");
    this.#closed = error;
    for (const dial of this.#dials) dial.abort(error);
    for (const waiter of this.#waiting.splice(0)) waiter.fail(error);
    const sessions = this.#sessions.splice(0);
    for (const own of this.#own.values()) {
      if ("abort" in own) own.abort(error);
      else sessions.push(own);
    }
    for (const session of sessions) session.destroy(error);
    await Promise.all(sessions.map((session) => session.closed));
  }

  readonly #handleFault = (fault: Fault): void => {
    this.#options.onFault(fault);
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
    const wanted = this.#isMultiplexed === false ? this.#waiting.length : Math.min(1, this.#waiting.length);
    while (this.#dials.size < wanted && this.#hasRoomToDial()) this.#dial();
  }

  #hasRoomToDial(): boolean {
    return this.connections + this.#dials.size < this.#options.maxConnections;
  }

  /** Fails the last waiter if there are too many. Those that a dial is under way for do not count. */
  #limitWaiting(): void {
    const dialled = this.#isMultiplexed === false ? this.#dials.size : 0;
    const isFull = !this.#hasRoomToDial() && this.#waiting.length - dialled > this.#options.maxWaiting;
    if (isFull) this.#waiting.pop()!.fail(new OriginBusyError());
  }

  #begin(preface?: Uint8Array): Attempt {
    const { host, port } = this.#dialer;
    if (this.#options.protocol !== "h3") return this.#dialer.dialTcp(preface);
    return this.#dialer.dialHttp3({ host, port });
  }

  #dial(): void {
    const dial = this.#begin();
    this.#dials.add(dial);
    const dialled = dial.session.then(
      (session) => {
        this.#dials.delete(dial);
        this.#isMultiplexed = session.protocol !== "http/1.1";
        if (this.#closed !== undefined) {
          session.destroy(this.#closed);
          return;
        }
        this.#sessions.push(session);
        this.#pump();
      },
      (error: Error) => {
        this.#dials.delete(dial);
        // A dial of a multiplexed connection is for all that wait.
        const count = this.#isMultiplexed === false ? 1 : this.#dials.size === 0 ? this.#waiting.length : 0;
        for (const waiter of this.#waiting.splice(0, count)) waiter.fail(error);
        if (this.#closed === undefined) this.#pump();
      },
    );
    detach("proxy dialled", this.#handleFault, dialled);
  }

  #dialOwn(waiter: PoolWaiter): void {
    if (this.#own.size >= this.#options.maxConnections) {
      waiter.fail(new OriginBusyError());
      return;
    }
    const dial = this.#begin(waiter.preface);
    this.#own.set(waiter, dial);
    const fail = (error: Error): void => {
      this.#own.delete(waiter);
      waiter.fail(error);
    };
    const dialled = dial.session.then(async (session) => {
      this.#own.set(waiter, session);
      if (this.#closed === undefined) waiter.start(session, false);
      else session.destroy(this.#closed);
      await session.close();
      this.#own.delete(waiter);
    }, fail);
    detach(
      "proxy own dialled",
      (fault) => {
        this.#options.onFault(fault);
        fail(fault.error);
      },
      dialled,
    );
  }

  /** The host no longer has these addresses: finishes what is under way there, and begins nothing. */
  #leave(isLeft: (address: string) => boolean): void {
    for (const session of this.#sessions.filter(({ remoteAddress }) => isLeft(remoteAddress))) {
      this.#sessions.splice(this.#sessions.indexOf(session), 1);
      detach("proxy left address", this.#options.onFault, session.close());
    }
  }
}
