/** A client's request for a WebTransport session, as a handler sees it: over HTTP/3, or over a WebSocket. */

import { combinedFieldValue, type FieldLine, fieldValue } from "../../http/index.ts";
import { DRAFT_02_REQUEST, DRAFT_02_RESPONSE, requestsSession } from "../../webtransport/h3/index.ts";
import type { MuxLimits } from "../../webtransport/mux/index.ts";
import { chooseSubprotocol, MAX_MESSAGE, parseOffer, parseSubprotocol } from "../../webtransport/qmux/index.ts";
import { type HostClock, systemClock } from "../clock.ts";
import { type Fault, reportFault } from "../guard.ts";
import type { ServerExchange } from "../http/exchange.ts";
import type { Tunnel } from "../http/tunnel.ts";
import { acceptanceFields, isHandshake } from "../websocket/handshake.ts";
import { TunnelSocket } from "../websocket/tunnel-socket.ts";
import { CapsuleDriver } from "./capsule-driver.ts";
import { sessionError } from "./error.ts";
import type { SessionAbout } from "./inspection.ts";
import { formatProtocol, parseProtocols } from "./protocols.ts";
import { QmuxDriver } from "./qmux-driver.ts";
import { endWithServer } from "./server-stops.ts";
import { sessionIn } from "./tunnel-carrier.ts";
import { WebTransportSession } from "./web-transport-session.ts";

/** How a server accepts a session. */
export interface AcceptWebTransportOptions {
  /** The subprotocol, one of those that the client offers. */
  readonly protocol?: string | undefined;
  /**
   * The origins of pages that may connect: "https://example.com", or "*" for all of them. Default: the origin of the request
   * itself. Clients other than browsers send none, and are accepted.
   */
  readonly origins?: readonly string[] | undefined;
  readonly headers?: ConstructorParameters<typeof Headers>[0];
}

/** A server's session. Return `response` from the handler; it is a placeholder for the one that was sent already. */
export interface AcceptedWebTransport extends WebTransportSession {
  readonly response: Response;
}

/** The handler refused the session; the client gets the status. */
export class WebTransportRefusal extends Error {
  override readonly name = "WebTransportRefusal";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** `context.webtransport`, if the client requests a session. */
export class WebTransportRequest {
  /** The subprotocols that the client offers, in its order of preference. */
  readonly protocols: readonly string[];
  /** The origin of the page; null for clients other than browsers. */
  readonly origin: string | null;
  readonly #exchange: ServerExchange;
  readonly #clock: HostClock;
  /** The subprotocols of a WebSocket that name QMux; undefined over HTTP/3. */
  readonly #offered: readonly string[] | undefined;
  #tunnel: Tunnel | undefined;

  constructor(exchange: ServerExchange, clock: HostClock = systemClock) {
    this.#exchange = exchange;
    this.#clock = clock;
    this.#offered = qmuxOffer(exchange);
    this.protocols =
      this.#offered === undefined ? parseProtocols(exchange.fields) : applicationProtocols(this.#offered);
    this.origin = fieldValue(exchange.fields, "origin") ?? null;
  }

  /** True if the exchange requests a session that can be accepted. */
  static isFor(exchange: ServerExchange): boolean {
    const { tunnelOffer, protocol } = exchange;
    if (qmuxOffer(exchange) !== undefined) return true;
    if (!requestsSession(tunnelOffer?.protocol)) return false;
    return protocol === "h3" || tunnelOffer?.sessionLimits !== undefined;
  }

  /**
   * Accepts the session: the response is sent immediately. Throws a `WebTransportRefusal`, which the client sees as 403, if
   * the page's origin is not allowed, and as 400 if a client over a WebSocket requires one of its protocols. To refuse a
   * session, return a response instead.
   */
  accept(
    { protocol, origins, headers }: AcceptWebTransportOptions = {},
    /** @internal */
    session: WebTransportSession = new WebTransportSession(),
  ): AcceptedWebTransport {
    if (protocol !== undefined && !this.protocols.includes(protocol)) {
      throw new TypeError(`the client does not offer the protocol "${protocol}"`);
    }
    const allowed = origins ?? [`${this.#exchange.scheme}://${this.#exchange.authority}`];
    if (this.origin !== null && !allowed.some((each) => each === "*" || sameOrigin(each, this.origin!))) {
      throw new WebTransportRefusal(403, `pages of ${this.origin} may not connect; allow them with \`origins\``);
    }
    const lines: FieldLine[] = [...(new Headers(headers) as unknown as Iterable<FieldLine>)];
    const { sessionLimits } = this.#exchange.tunnelOffer ?? {};
    if (sessionLimits !== undefined) this.#acceptOverHttp2(session, sessionLimits, protocol, lines);
    else if (this.#offered === undefined) this.#acceptOverHttp3(session, protocol, lines);
    else this.#acceptOverWebSocket(session, this.#offered, protocol ?? "", lines);
    this.#exchange.inspectSession = () => (session.reliability === "pending" ? undefined : session.inspect());
    return Object.assign(session, { response: new Response(null) });
  }

  /** The path and query of the request, as in Node's `request.url`. */
  get url(): string {
    return this.#exchange.path;
  }

  /** The fields of the request. */
  get headers(): Headers {
    const headers = new Headers();
    for (const [name, value] of this.#exchange.fields) headers.append(name, value);
    return headers;
  }

  /** Refuses the session with this status, for `nagare/node`; a fetch handler returns a response instead. */
  refuse(status = 404): void {
    if (this.#exchange.status === undefined) this.#exchange.respond(status, [], { endStream: true });
  }

  get isAccepted(): boolean {
    return this.#tunnel !== undefined;
  }

  /** Cuts the session off, after the handler has failed. The peer does not learn why. */
  reset(reason: Error): void {
    this.#tunnel?.reset(reason);
  }

  #acceptOverHttp2(
    session: WebTransportSession,
    limits: () => MuxLimits,
    protocol: string | undefined,
    lines: FieldLine[],
  ): void {
    if (protocol !== undefined) lines.push(["wt-protocol", formatProtocol(protocol)]);
    const peer = limits();
    const tunnel = this.#exchange.acceptTunnel(lines);
    this.#tunnel = tunnel;
    const clock = this.#clock;
    const onFault = endWith(tunnel);
    const { session: machine } = new CapsuleDriver(tunnel, { role: "server", peer, clock, onFault });
    session.begin(machine, {
      about: this.#about("h2", "capsules"),
      clock,
      onFault,
      protocol: protocol ?? "",
      reliability: "reliable-only",
      rtt: () => ({ smoothed: undefined, min: undefined }),
    });
  }

  #acceptOverHttp3(session: WebTransportSession, protocol: string | undefined, lines: FieldLine[]): void {
    if (protocol !== undefined) lines.push(["wt-protocol", formatProtocol(protocol)]);
    const [name, value] = DRAFT_02_REQUEST;
    const isDraft02 = fieldValue(this.#exchange.fields, name) === value;
    if (isDraft02) lines.push(DRAFT_02_RESPONSE);
    const exchange = this.#exchange;
    const tunnel = exchange.acceptTunnel(lines);
    this.#tunnel = tunnel;
    const draft = tunnel.sessionStreams?.terms().draft;
    session.begin(sessionIn(tunnel), {
      about: this.#about("h3", draft ?? (isDraft02 ? "draft-02" : "draft-07")),
      clock: this.#clock,
      onFault: endWith(tunnel),
      protocol: protocol ?? "",
      reliability: "supports-unreliable",
      rtt: () => rttIn(exchange.connection?.stats()),
    });
  }

  #about(carrier: SessionAbout["carrier"], version: string): SessionAbout {
    return { role: "server", url: this.#exchange.path, origin: this.origin, carrier, version };
  }

  #acceptOverWebSocket(
    session: WebTransportSession,
    offered: readonly string[],
    protocol: string,
    lines: readonly FieldLine[],
  ): void {
    const subprotocol = chooseSubprotocol(offered, protocol);
    if (subprotocol === undefined) {
      throw new WebTransportRefusal(400, "the client requires one of its protocols; accept it with `protocol`");
    }
    const { fields, protocol: http } = this.#exchange;
    const tunnel = this.#exchange.acceptTunnel([...lines, ...acceptanceFields(fields, http, subprotocol)]);
    this.#tunnel = tunnel;
    const clock = this.#clock;
    const onFault = endWith(tunnel);
    const { version } = parseSubprotocol(subprotocol)!;
    const driver = new QmuxDriver(new TunnelSocket(tunnel, { role: "server", maxMessage: MAX_MESSAGE, clock }), {
      role: "server",
      version,
      clock,
      onFault,
      onReady: (machine) =>
        session.begin(machine, {
          about: this.#about("websocket", version),
          clock,
          onFault,
          protocol,
          reliability: "reliable-only",
          rtt: () => ({ smoothed: undefined, min: undefined }),
        }),
      onFailure: (reason) => session.fail(sessionError(`the session did not begin: ${reason.message}`)),
    });
    endWithServer(driver.session, tunnel);
  }
}

/** The subprotocols with which a WebSocket would be a session; undefined if it is something else. */
function qmuxOffer({ tunnelOffer, fields, protocol }: ServerExchange): readonly string[] | undefined {
  if (tunnelOffer?.protocol?.toLowerCase() !== "websocket" || !isHandshake(fields, protocol)) return undefined;
  const offered = parseOffer(combinedFieldValue(fields, "sec-websocket-protocol") ?? "");
  return offered.length === 0 ? undefined : offered;
}

const applicationProtocols = (offered: readonly string[]): readonly string[] => [
  ...new Set(offered.map((each) => parseSubprotocol(each)!.protocol).filter((each) => each !== "")),
];

const endWith =
  (tunnel: Tunnel) =>
  (fault: Fault): void => {
    reportFault(fault);
    tunnel.reset(fault.error);
  };

function rttIn(stats: Readonly<Record<string, number | string>> | undefined) {
  const number = (value: number | string | undefined) => (typeof value === "number" ? value : undefined);
  return { smoothed: number(stats?.rtt), min: number(stats?.minRtt) };
}

/** Default ports do not count. */
function sameOrigin(allowed: string, origin: string): boolean {
  return URL.canParse(allowed) && URL.canParse(origin) && new URL(allowed).origin === new URL(origin).origin;
}
