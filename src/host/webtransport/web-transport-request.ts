/** A client's request for a WebTransport session, as a handler sees it. */

import { type FieldLine, fieldValue } from "../../http/index.ts";
import { DRAFT_02_REQUEST, DRAFT_02_RESPONSE, requestsSession } from "../../webtransport/h3/index.ts";
import { systemClock } from "../clock.ts";
import { type Fault, reportFault } from "../guard.ts";
import type { ServerExchange } from "../http/exchange.ts";
import type { Tunnel } from "../http/tunnel.ts";
import { formatProtocol, parseProtocols } from "./protocols.ts";
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
  #tunnel: Tunnel | undefined;

  constructor(exchange: ServerExchange) {
    this.#exchange = exchange;
    this.protocols = parseProtocols(exchange.fields);
    this.origin = fieldValue(exchange.fields, "origin") ?? null;
  }

  /** True if the exchange requests a session that can be accepted. */
  static isFor(exchange: ServerExchange): boolean {
    return requestsSession(exchange.tunnelOffer?.protocol) && exchange.protocol === "h3";
  }

  /**
   * Accepts the session: the response is sent immediately. Throws a `WebTransportRefusal`, which the client sees as 403, if
   * the page's origin is not allowed. To refuse a session, return a response instead.
   */
  accept({ protocol, origins, headers }: AcceptWebTransportOptions = {}): AcceptedWebTransport {
    if (protocol !== undefined && !this.protocols.includes(protocol)) {
      throw new TypeError(`the client does not offer the protocol "${protocol}"`);
    }
    const allowed = origins ?? [`${this.#exchange.scheme}://${this.#exchange.authority}`];
    if (this.origin !== null && !allowed.some((each) => each === "*" || sameOrigin(each, this.origin!))) {
      throw new WebTransportRefusal(403, `pages of ${this.origin} may not connect; allow them with \`origins\``);
    }
    const lines: FieldLine[] = [...(new Headers(headers) as unknown as Iterable<FieldLine>)];
    if (protocol !== undefined) lines.push(["wt-protocol", formatProtocol(protocol)]);
    const [name, value] = DRAFT_02_REQUEST;
    if (fieldValue(this.#exchange.fields, name) === value) lines.push(DRAFT_02_RESPONSE);
    const exchange = this.#exchange;
    const tunnel = exchange.acceptTunnel(lines);
    this.#tunnel = tunnel;
    const session = new WebTransportSession();
    const onFault = (fault: Fault): void => {
      reportFault(fault);
      tunnel.reset(fault.error);
    };
    session.begin(sessionIn(tunnel), {
      clock: systemClock,
      onFault,
      protocol: protocol ?? "",
      reliability: "unreliable",
      rtt: () => rttIn(exchange.connection?.stats()),
    });
    return Object.assign(session, { response: new Response(null) });
  }

  get isAccepted(): boolean {
    return this.#tunnel !== undefined;
  }

  /** Cuts the session off, after the handler has failed. The peer does not learn why. */
  reset(reason: Error): void {
    this.#tunnel?.reset(reason);
  }
}

function rttIn(stats: Readonly<Record<string, number | string>> | undefined) {
  const number = (value: number | string | undefined) => (typeof value === "number" ? value : undefined);
  return { smoothed: number(stats?.rtt), min: number(stats?.minRtt) };
}

/** Default ports do not count. */
function sameOrigin(allowed: string, origin: string): boolean {
  return URL.canParse(allowed) && URL.canParse(origin) && new URL(allowed).origin === new URL(origin).origin;
}
