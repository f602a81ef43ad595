/**
 * Which connections to open for an origin: HTTP/3, TCP, or both at once.
 *
 * With HTTP/3 first among the protocols and nothing known against it, it is tried alone for a moment (the head start),
 * then TCP joins; the first to be ready carries the request. HTTP/3 that failed where TCP worked counts as broken for a
 * while (alternatives.ts). An alternative that was advertised is opened beside TCP, and requests move there once it is ready.
 *
 * Calling order: report what happens, with the connections as they stand then; after each report drain `pollCommand` and
 * ask `nextTimeout`. Once requests have been given to the connections with room, `review` says what those still waiting need.
 */

import { after, type Instant, type Micros } from "../base/time.ts";
import type { Alternative, HttpVersion } from "../http/index.ts";
import type { Alternatives } from "./alternatives.ts";

export interface ChoiceRules {
  /** Scheme, host and port, as `alternatives` has it. */
  readonly origin: string;
  readonly port: number;
  /** What may be spoken with this origin, the preferred one first. */
  readonly protocols: readonly HttpVersion[];
  /** Over HTTP/1.1; HTTP/2 and HTTP/3 have one connection for all requests. */
  readonly maxConnections: number;
  /** How long HTTP/3 is tried alone. */
  readonly headStart: Micros;
}

/** What there is now: requests without a connection, and connections that take requests, or will again, by protocol. */
export interface Standing {
  readonly waiting: number;
  readonly http3: number;
  readonly http2: number;
  readonly http1: number;
}

export type ChoiceCommand =
  | { readonly type: "connect-http3"; readonly alternative: Alternative }
  | { readonly type: "connect-tcp" }
  /** Gives up the attempt under way; nothing is reported of it any more. */
  | { readonly type: "cancel-http3" }
  /** Gives up all attempts over TCP. */
  | { readonly type: "cancel-tcp" }
  /** No way is left: requests that wait fail, with the last error of that attempt, or since no protocol may be spoken. */
  | { readonly type: "fail"; readonly because: "http3" | "tcp" | "no-protocol" };

type Http3State =
  | { readonly type: "idle" }
  /** `headStart` is when it ends; "pending" until packets leave, "over" where there was none or it has ended. */
  | { readonly type: "connecting"; readonly headStart: Instant | "pending" | "over" }
  | { readonly type: "failed" };

const IDLE: Http3State = { type: "idle" };

export class ConnectionChoice {
  readonly #rules: ChoiceRules;
  readonly #alternatives: Alternatives;
  readonly #commands: ChoiceCommand[] = [];
  #http3: Http3State = IDLE;
  #tcpAttempts = 0;
  #hasTcpFailed = false;

  constructor(rules: ChoiceRules, alternatives: Alternatives) {
    this.#rules = rules;
    this.#alternatives = alternatives;
  }

  /** Attempts under way. */
  get connecting(): number {
    return this.#tcpAttempts + (this.#http3.type === "connecting" ? 1 : 0);
  }

  /** A request joined. An alternative is opened even while a connection over TCP has room. */
  handleRequest(standing: Standing, now: Instant): void {
    this.#considerHttp3(standing, now);
  }

  /** Requests still wait after those with a place have left. */
  review(standing: Standing, now: Instant): void {
    if (standing.waiting === 0) return;
    this.#considerHttp3(standing, now);
    this.#considerTcp(standing);
    this.#considerFailing(standing);
  }

  /** The host was looked up, and packets are about to leave: what came before is not HTTP/3's time. */
  handleHttp3Started(now: Instant): void {
    if (this.#http3.type !== "connecting" || this.#http3.headStart !== "pending") return;
    this.#http3 = { type: "connecting", headStart: after(now, this.#rules.headStart) };
  }

  /** An attempt at HTTP/3 has its connection. */
  handleHttp3Connected(): void {
    this.#http3 = IDLE;
    this.#alternatives.worked(this.#rules.origin);
    this.#cancelTcp();
  }

  handleHttp3Failed(standing: Standing, now: Instant): void {
    this.#http3 = { type: "failed" };
    if (isUsable(standing)) this.#markBroken(now);
  }

  /** An attempt over TCP has its connection. */
  handleTcpConnected(now: Instant): void {
    this.#tcpAttempts -= 1;
    if (this.#http3.type === "failed") this.#markBroken(now);
  }

  handleTcpFailed(standing: Standing): void {
    this.#tcpAttempts -= 1;
    this.#hasTcpFailed = true;
    this.#considerFailing(standing);
  }

  /** No request waits any more. */
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

  /** When the head start ends; `review` is due then. */
  nextTimeout(): Instant | undefined {
    const { type } = this.#http3;
    if (type !== "connecting") return undefined;
    const { headStart } = this.#http3;
    return headStart === "pending" || headStart === "over" ? undefined : headStart;
  }

  pollCommand(): ChoiceCommand | undefined {
    return this.#commands.shift();
  }

  #considerHttp3(standing: Standing, now: Instant): void {
    if (!this.#rules.protocols.includes("h3") || this.#http3.type !== "idle" || standing.http3 > 0) return;
    const alternative = this.#whereHttp3(standing, now);
    if (alternative === undefined) return;
    this.#http3 = { type: "connecting", headStart: isUsable(standing) ? "over" : "pending" };
    this.#commands.push({ type: "connect-http3", alternative });
  }

  /** Where to try HTTP/3 now, if it is to be tried at all. */
  #whereHttp3(standing: Standing, now: Instant): Alternative | undefined {
    const { origin, port, protocols } = this.#rules;
    const own = { host: "", port };
    const known = this.#alternatives.http3(origin, now);
    if (known.kind === "advertised") return known.alternative;
    if (!this.#allowsTcp) return own;
    if (known.kind === "broken" || isUsable(standing)) return undefined;
    return protocols[0] === "h3" ? own : undefined;
  }

  #considerTcp({ waiting, http3, http2, http1 }: Standing): void {
    if (!this.#allowsTcp || this.#hasTcpFailed) return;
    if (this.#http3.type === "connecting" && this.#http3.headStart !== "over") return;
    if (http3 + http2 > 0) return; // full for now: its next free stream is nearer than a new connection
    // Only when the origin is known to speak HTTP/1.1 does one more connection serve one more request.
    const isHttp1 = http1 > 0 || !this.#rules.protocols.includes("h2");
    const wanted = isHttp1 ? Math.min(waiting, this.#rules.maxConnections - http1) : 1;
    for (; this.#tcpAttempts < wanted; this.#tcpAttempts += 1) this.#commands.push({ type: "connect-tcp" });
  }

  #considerFailing(standing: Standing): void {
    if (this.connecting > 0) return;
    if (isUsable(standing)) {
      this.#hasTcpFailed = false; // one connection more was refused; those that there are go on
      return;
    }
    if (this.#rules.protocols.length === 0) this.#commands.push({ type: "fail", because: "no-protocol" });
    else if (this.#hasTcpFailed) this.#fail("tcp");
    else if (!this.#allowsTcp && this.#http3.type === "failed") this.#fail("http3");
  }

  /** The next request tries everything anew. */
  #fail(because: "http3" | "tcp"): void {
    this.#hasTcpFailed = false;
    this.#http3 = IDLE;
    this.#commands.push({ type: "fail", because });
  }

  #markBroken(now: Instant): void {
    this.#alternatives.failed(this.#rules.origin, now);
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
