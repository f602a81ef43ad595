/**
 * Decides which connections to open for an origin: HTTP/3, TCP, or both at once.
 *
 * If HTTP/3 is the preferred protocol and not known to be broken, only HTTP/3 is tried at first (the head start), then
 * TCP joins; the first to connect carries the request. If HTTP/3 fails where TCP works, it counts as broken for a while
 * (alternatives.ts). An advertised alternative is opened in parallel with TCP, and requests move there once it is
 * connected.
 *
 * Calling order: report events, with the current connections; after each report drain `pollCommand` and ask
 * `nextTimeout`. After assigning requests to the connections with room, call `review` for those still waiting.
 */

import { after, type Instant, type Micros } from "../base/time.ts";
import type { Alternative, HttpVersion } from "../http/index.ts";
import type { Alternatives } from "./alternatives.ts";

export interface ChoiceRules {
  /** Scheme, host and port, the key in `alternatives`. */
  readonly origin: string;
  readonly port: number;
  /** The allowed protocols, in order of preference. */
  readonly protocols: readonly HttpVersion[];
  /** For HTTP/1.1; HTTP/2 and HTTP/3 use one connection for all requests. */
  readonly maxConnections: number;
  /** How long HTTP/3 is tried before TCP joins. */
  readonly headStart: Micros;
  /** True if one race can be over QUIC and TCP; the head start is then its own. */
  readonly racesBoth?: boolean | undefined;
}

/**
 * The current state: requests without a connection, and per protocol the connections that accept requests now or later.
 */
export interface Standing {
  readonly waiting: number;
  readonly http3: number;
  readonly http2: number;
  readonly http1: number;
}

export type ChoiceCommand =
  | { readonly type: "connect-http3"; readonly alternative: Alternative }
  | { readonly type: "connect-tcp" }
  /** One race over QUIC and TCP: an attempt of each, of which either may succeed or fail first. */
  | { readonly type: "connect-both"; readonly alternative: Alternative; readonly isAdvertised: boolean }
  /** Cancels the current attempt; nothing more is reported about it. */
  | { readonly type: "cancel-http3" }
  /** Cancels all TCP attempts. */
  | { readonly type: "cancel-tcp" }
  /**
   * No option is left: waiting requests fail with the last error of that attempt, or because no protocol is allowed.
   */
  | { readonly type: "fail"; readonly because: "http3" | "tcp" | "no-protocol" };

type Http3State =
  | { readonly type: "idle" }
  /**
   * `headStart` is its end; "pending" until packets are sent, "over" if there is none or it has ended, "race" while TCP is
   * part of the same race.
   */
  | { readonly type: "connecting"; readonly headStart: Instant | "pending" | "over" | "race" }
  | { readonly type: "failed" };

const IDLE: Http3State = { type: "idle" };

export class ConnectionChoice {
  readonly #rules: ChoiceRules;
  readonly #alternatives: Alternatives;
  readonly #commands: ChoiceCommand[] = [];
  readonly #own: Alternative;
  /** Where HTTP/3 is or was tried. */
  #place: Alternative;
  #http3: Http3State = IDLE;
  #tcpAttempts = 0;
  #hasTcpFailed = false;

  constructor(rules: ChoiceRules, alternatives: Alternatives) {
    this.#rules = rules;
    this.#own = { host: "", port: rules.port };
    this.#place = this.#own;
    this.#alternatives = alternatives;
  }

  /** The number of attempts in progress. */
  get connecting(): number {
    return this.#tcpAttempts + (this.#http3.type === "connecting" ? 1 : 0);
  }

  /** A request was added. An advertised alternative is opened even while a TCP connection has room. */
  handleRequest(standing: Standing, now: Instant): void {
    this.#considerHttp3(standing, now);
  }

  /** Handles the requests that still wait after the others were assigned. */
  review(standing: Standing, now: Instant): void {
    if (standing.waiting === 0) return;
    this.#considerHttp3(standing, now);
    this.#considerTcp(standing);
    this.#considerFailing(standing);
  }

  /** The host name is resolved and packets are about to be sent: the head start begins, excluding the lookup. */
  handleHttp3Started(now: Instant): void {
    if (this.#http3.type !== "connecting" || this.#http3.headStart !== "pending") return;
    this.#http3 = { type: "connecting", headStart: after(now, this.#rules.headStart) };
  }

  /** An HTTP/3 attempt succeeded. */
  handleHttp3Connected(): void {
    this.#http3 = IDLE;
    this.#alternatives.worked(this.#rules.origin, this.#place);
    this.#cancelTcp();
  }

  /** No endpoint of the race speaks HTTP/3. */
  handleHttp3Untried(): void {
    if (this.#http3.type === "connecting") this.#http3 = IDLE;
  }

  handleHttp3Failed(standing: Standing, now: Instant): void {
    this.#http3 = { type: "failed" };
    if (isUsable(standing)) this.#markBroken(now);
  }

  /** A TCP attempt succeeded. */
  handleTcpConnected(now: Instant): void {
    this.#tcpAttempts -= 1;
    this.#endRace();
    if (this.#http3.type === "failed") this.#markBroken(now);
  }

  handleTcpFailed(standing: Standing): void {
    this.#tcpAttempts -= 1;
    this.#endRace();
    this.#hasTcpFailed = true;
    this.#considerFailing(standing);
  }

  /** No request is waiting. */
  handleAbandoned(): void {
    if (this.#http3.type === "connecting") {
      this.#commands.push({ type: "cancel-http3" });
      this.#http3 = IDLE;
    }
    this.#cancelTcp();
  }

  handleTimeout(now: Instant): void {
    const deadline = this.nextTimeout();
    if (deadline !== undefined && now >= deadline) this.#http3 = { type: "connecting", headStart: "over" };
  }

  /** The end of the head start; call `review` then. */
  nextTimeout(): Instant | undefined {
    const { type } = this.#http3;
    if (type !== "connecting") return undefined;
    const { headStart } = this.#http3;
    return typeof headStart === "string" ? undefined : headStart;
  }

  pollCommand(): ChoiceCommand | undefined {
    return this.#commands.shift();
  }

  #considerHttp3(standing: Standing, now: Instant): void {
    if (!this.#rules.protocols.includes("h3") || this.#http3.type !== "idle" || standing.http3 > 0) return;
    const target = this.#http3Target(standing, now);
    if (target === undefined) return;
    const { alternative, isAdvertised } = target;
    this.#place = alternative;
    if (this.#rules.racesBoth === true && this.#allowsTcp && !isUsable(standing) && this.#tcpAttempts === 0) {
      this.#http3 = { type: "connecting", headStart: "race" };
      this.#tcpAttempts = 1;
      this.#commands.push({ type: "connect-both", alternative, isAdvertised });
      return;
    }
    this.#http3 = { type: "connecting", headStart: isUsable(standing) ? "over" : "pending" };
    this.#commands.push({ type: "connect-http3", alternative });
  }

  /** TCP's part of a race is decided: HTTP/3 goes on alone. */
  #endRace(): void {
    if (this.#http3.type === "connecting" && this.#http3.headStart === "race") {
      this.#http3 = { type: "connecting", headStart: "over" };
    }
  }

  /** The alternative at which to try HTTP/3 now, if any. */
  #http3Target(
    standing: Standing,
    now: Instant,
  ): { readonly alternative: Alternative; readonly isAdvertised: boolean } | undefined {
    const { origin, protocols } = this.#rules;
    const own = { alternative: this.#own, isAdvertised: false };
    const known = this.#alternatives.http3(origin, this.#own, now);
    if (known.kind === "advertised") return { alternative: known.alternative, isAdvertised: true };
    if (!this.#allowsTcp) return own;
    if (known.kind === "broken" || isUsable(standing)) return undefined;
    return protocols[0] === "h3" ? own : undefined;
  }

  #considerTcp({ waiting, http3, http2, http1 }: Standing): void {
    if (!this.#allowsTcp || this.#hasTcpFailed) return;
    if (this.#http3.type === "connecting" && this.#http3.headStart !== "over") return;
    if (http3 + http2 > 0) return; // Full for now; its next free stream will come sooner than a new connection.
    // Another connection serves another request only if the origin is known to speak HTTP/1.1.
    const isHttp1 = http1 > 0 || !this.#rules.protocols.includes("h2");
    const wanted = isHttp1 ? Math.min(waiting, this.#rules.maxConnections - http1) : 1;
    for (; this.#tcpAttempts < wanted; this.#tcpAttempts += 1) this.#commands.push({ type: "connect-tcp" });
  }

  #considerFailing(standing: Standing): void {
    if (this.connecting > 0) return;
    if (isUsable(standing)) {
      this.#hasTcpFailed = false; // Another connection was refused; the existing ones are unaffected.
      return;
    }
    if (this.#rules.protocols.length === 0) this.#commands.push({ type: "fail", because: "no-protocol" });
    else if (this.#hasTcpFailed) this.#fail("tcp");
    else if (!this.#allowsTcp && this.#http3.type === "failed") this.#fail("http3");
  }

  /** Resets the state, so that the next request tries everything again. */
  #fail(because: "http3" | "tcp"): void {
    this.#hasTcpFailed = false;
    this.#http3 = IDLE;
    this.#commands.push({ type: "fail", because });
  }

  #markBroken(now: Instant): void {
    this.#alternatives.failed(this.#rules.origin, this.#place, now);
    this.#http3 = IDLE;
  }

  #cancelTcp(): void {
    if (this.#tcpAttempts > 0) this.#commands.push({ type: "cancel-tcp" });
    this.#tcpAttempts = 0;
  }

  get #allowsTcp(): boolean {
    return this.#rules.protocols.some((protocol) => protocol !== "h3");
  }
}

const isUsable = ({ http3, http2, http1 }: Standing): boolean => http3 + http2 + http1 > 0;
