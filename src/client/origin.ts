// One origin: its sessions, the requests waiting for one, and the choice between HTTP/3 and TCP.
//
// With HTTP/3 first among the protocols and nothing known against it, it is tried alone for a moment (`headStart`), then TCP joins;
// the first to be ready carries the request. HTTP/3 that failed where TCP worked counts as broken for a while (alternatives.ts).
// An Alt-Svc learned over TCP opens HTTP/3 in the background; requests move there once it is ready.
import type { Alternative, Alternatives } from "../agent/alternatives.ts";
import { type Attempt, Dialer } from "../host/client/dialer.ts";
import { ClientError } from "../host/client/errors.ts";
import type { Session } from "../host/client/session.ts";
import type { ClientSettings } from "./options.ts";

/** A request in want of a session. Exactly one of its two functions is called, unless it is withdrawn before. */
export interface Waiter {
  start(session: Session, reused: boolean): void;
  fail(error: Error): void;
}

export class Origin {
  readonly dialer: Dialer;
  readonly #settings: ClientSettings;
  readonly #alternatives: Alternatives;
  readonly #sessions = new Set<Session>();
  readonly #served = new WeakSet<Session>();
  readonly #waiting: Waiter[] = [];
  readonly #tcpAttempts = new Set<Attempt>();
  #http3Attempt: Attempt | undefined;
  /** HTTP/3 is on its way and TCP still stands back for it. */
  #headStart = false;
  #tcpFailure: Error | undefined;
  #http3Failure: Error | undefined;
  #pumping = false;
  #closed = false;

  constructor(url: URL, settings: ClientSettings, alternatives: Alternatives) {
    this.dialer = new Dialer(url, settings, () => queueMicrotask(() => this.#pump()));
    this.#settings = settings;
    this.#alternatives = alternatives;
  }

  get idle(): boolean {
    return this.#sessions.size === 0 && this.#waiting.length === 0 && this.#connecting === 0;
  }

  sessions(): readonly Session[] {
    return [...this.#sessions];
  }

  enqueue(waiter: Waiter): void {
    if (this.#closed) {
      waiter.fail(new ClientError("CLIENT_CLOSED", "the client is closed"));
      return;
    }
    this.#waiting.push(waiter);
    this.#considerHttp3(); // even when a TCP session is free: an alternative is opened while that one serves
    this.#pump();
  }

  /** The request no longer wants a session. With nobody left waiting, connecting stops too. */
  withdraw(waiter: Waiter): void {
    const index = this.#waiting.indexOf(waiter);
    if (index === -1) return;
    this.#waiting.splice(index, 1);
    if (this.#waiting.length === 0) this.#abortAttempts();
  }

  altSvc(field: string): void {
    this.#alternatives.advertised(this.dialer.origin, field, Date.now());
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#failAll(new ClientError("CLIENT_CLOSED", "the client was closed"));
    this.#abortAttempts();
    await Promise.all([...this.#sessions].map((session) => session.close()));
  }

  destroy(error: Error): void {
    this.#closed = true;
    this.#failAll(error);
    this.#abortAttempts();
    for (const session of this.#sessions) session.destroy(error);
  }

  #pump(): void {
    if (this.#pumping || this.#closed) return; // a request that is started may end, and free its session, at once
    this.#pumping = true;
    for (let session = this.#pick(); session !== undefined && this.#waiting.length > 0; session = this.#pick()) {
      const reused = this.#served.has(session);
      this.#served.add(session);
      this.#waiting.shift()!.start(session, reused);
    }
    this.#pumping = false;
    if (this.#waiting.length === 0) return;
    this.#considerHttp3();
    this.#considerTcp();
    this.#giveUp();
  }

  #pick(): Session | undefined {
    let best: Session | undefined;
    for (const session of this.#sessions) {
      if (session.room === 0) continue;
      if (session.protocol === "h3") return session;
      best = session; // the newest: of HTTP/1.1 connections the one least likely to have been given up by the server
    }
    return best;
  }

  #considerHttp3(): void {
    if (!this.dialer.allowsHttp3 || this.#http3Attempt !== undefined || this.#http3Failure !== undefined) return;
    for (const session of this.#sessions) if (session.protocol === "h3" && session.usable) return;
    const alternative = this.#whereHttp3();
    if (alternative !== undefined) this.#openHttp3(alternative);
  }

  /** Where to try HTTP/3 now, if it is to be tried at all. */
  #whereHttp3(): Alternative | undefined {
    const own = { host: "", port: this.dialer.port };
    const alone = this.dialer.tcpProtocols.length === 0;
    const known = this.#alternatives.http3(this.dialer.origin, Date.now());
    if (known.kind === "advertised") return known.alternative;
    if (alone) return own;
    if (known.kind === "broken" || this.#hasUsable) return undefined;
    return this.#settings.protocols[0] === "h3" ? own : undefined;
  }

  #considerTcp(): void {
    if (this.dialer.tcpProtocols.length === 0 || this.#headStart || this.#tcpFailure !== undefined) return;
    let http1 = 0;
    for (const session of this.#sessions) {
      if (!session.usable) continue;
      if (session.protocol !== "http/1.1") return; // full for now: its next free stream is nearer than a new connection
      http1 += 1;
    }
    // Only when the origin is known to speak HTTP/1.1 does one more connection serve one more request.
    const onlyHttp1 = http1 > 0 || !this.dialer.tcpProtocols.includes("h2");
    const wanted = onlyHttp1 ? Math.min(this.#waiting.length, this.#settings.maxConnections - http1) : 1;
    while (this.#tcpAttempts.size < wanted) this.#openTcp();
  }

  #openTcp(): void {
    const attempt = this.dialer.dialTcp();
    this.#tcpAttempts.add(attempt);
    attempt.session.then(
      (session) => {
        if (!this.#tcpAttempts.delete(attempt)) return discard(session);
        if (this.#http3Failure !== undefined) this.#http3Broken();
        this.#add(session);
      },
      (error: Error) => {
        if (!this.#tcpAttempts.delete(attempt)) return;
        this.#tcpFailure = error;
        this.#giveUp();
      },
    );
  }

  #openHttp3(alternative: Alternative): void {
    const attempt = this.dialer.dialHttp3(alternative);
    this.#http3Attempt = attempt;
    this.#headStart = !this.#hasUsable;
    let timer: NodeJS.Timeout | undefined;
    const endHeadStart = () => {
      clearTimeout(timer);
      this.#headStart = false;
      this.#pump();
    };
    attempt.started.then(() => {
      if (this.#http3Attempt === attempt && this.#headStart) timer = setTimeout(endHeadStart, this.#settings.headStart);
    });
    attempt.session.then(
      (session) => {
        if (this.#http3Attempt !== attempt) return discard(session);
        this.#http3Attempt = undefined;
        this.#alternatives.worked(this.dialer.origin);
        this.#abortTcp();
        this.#add(session);
        endHeadStart();
      },
      (error: Error) => {
        if (this.#http3Attempt !== attempt) return;
        this.#http3Attempt = undefined;
        this.#http3Failure = error;
        if (this.#hasUsable) this.#http3Broken();
        endHeadStart();
      },
    );
  }

  #http3Broken(): void {
    this.#alternatives.failed(this.dialer.origin, Date.now());
    this.#http3Failure = undefined;
  }

  #add(session: Session): void {
    if (this.#closed) {
      session.destroy(new ClientError("CLIENT_CLOSED", "the client was closed"));
      return;
    }
    this.#sessions.add(session);
    session.closed.then(() => this.#sessions.delete(session));
    this.#pump();
  }

  /** Every way was tried and none is left: whoever still waits is told why. */
  #giveUp(): void {
    if (this.#connecting > 0) return;
    if (this.#hasUsable) {
      this.#tcpFailure = undefined; // one connection more was refused; those that there are go on
      return;
    }
    const { tcpProtocols, allowsHttp3, origin } = this.dialer;
    if (tcpProtocols.length === 0 && !allowsHttp3) {
      const message = `${origin} cannot be asked: http:// is spoken in HTTP/1.1 only`;
      this.#failAll(new ClientError("PROTOCOL_UNAVAILABLE", message, { hint: "allow HTTP/1.1, or ask for https://" }));
      return;
    }
    const failure = this.#tcpFailure ?? (tcpProtocols.length === 0 ? this.#http3Failure : undefined);
    if (failure === undefined) return;
    this.#tcpFailure = undefined;
    this.#http3Failure = undefined;
    this.#failAll(failure);
  }

  get #connecting(): number {
    return this.#tcpAttempts.size + (this.#http3Attempt === undefined ? 0 : 1);
  }

  #failAll(error: Error): void {
    for (const waiter of this.#waiting.splice(0)) waiter.fail(error);
  }

  get #hasUsable(): boolean {
    for (const session of this.#sessions) if (session.usable) return true;
    return false;
  }

  #abortAttempts(): void {
    this.#abortTcp();
    this.#http3Attempt?.abort(unwanted());
    this.#http3Attempt = undefined;
    this.#headStart = false;
  }

  #abortTcp(): void {
    for (const attempt of this.#tcpAttempts) attempt.abort(unwanted());
    this.#tcpAttempts.clear();
  }
}

const unwanted = () => new ClientError("CLIENT_CLOSED", "the connection is no longer wanted");

/** It was ready after all, but its attempt had been given up. */
function discard(session: Session): void {
  session.destroy(unwanted());
}
