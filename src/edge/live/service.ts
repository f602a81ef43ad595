/** A relay of live media as a service: sessions of WebTransport, over HTTP/3 or a WebSocket, become peers of one relay. */

import { after, millis } from "../../base/time.ts";
import { describeFault, detach, type Fault } from "../../host/guard.ts";
import type { ExchangeHandler, ServerExchange } from "../../host/http/exchange.ts";
import { respondText } from "../../host/http/respond-text.ts";
import { KeptSession } from "../../host/live/kept-session.ts";
import { chooseProtocol, isSegmentProtocol, LIVE_PROTOCOLS, LiveHost } from "../../host/live/live-relay.ts";
import { namespaceOf, namespaceOfUrl } from "../../host/live/names.ts";
import { WebTransportRefusal, WebTransportRequest } from "../../host/webtransport/web-transport-request.ts";
import { WebTransportSession } from "../../host/webtransport/web-transport-session.ts";
import {
  type Authorize,
  EVERYTHING,
  type Grant,
  type MoqPeer,
  type RelayStats,
  SEGMENT_PROTOCOLS,
} from "../../media/relay/index.ts";
import { fromStrictUtf8 } from "../../wire/text.ts";
import type { Service } from "../running-server.ts";
import { type LiveAnswer, type LiveOptions, type LiveRequest, type LiveUpstream, liveError } from "./options.ts";
import { type Broadcast, broadcastsOf, LivePage } from "./page.ts";

/** Milliseconds that peers have to leave when the server begins to close. */
const GOAWAY_TIMEOUT = 10_000;
const DEFAULT_SESSIONS = 10_000;

/** A relay of live media. */
export class LiveService implements Service {
  readonly acceptsTunnels = true;
  readonly #options: LiveOptions;
  readonly #host: LiveHost;
  readonly #log: (line: string) => void;
  readonly #upstreams: KeptSession[] = [];
  readonly #page: LivePage | undefined;
  #sessions = 0;

  /** Throws a `ServeError` if an option is invalid. */
  constructor(options: LiveOptions = {}) {
    const { authorize: _authorize, origins: _origins, maxSessions: _max, page = false, log, ...relay } = options;
    this.#page = page === false ? undefined : new LivePage(page === true ? {} : page);
    this.#options = options;
    this.#log = log ?? ((line) => process.stderr.write(`${line}\n`));
    try {
      this.#host = new LiveHost(relay, this.#onFault);
    } catch (error) {
      throw error instanceof RangeError ? liveError(`live: ${error.message}`) : error;
    }
  }

  /** What the relay holds and does now. */
  stats(): RelayStats {
    return this.#host.relay.stats();
  }

  /** The relay, for what this process itself publishes or watches. */
  get host(): LiveHost {
    return this.#host;
  }

  /** Asks another relay for what nobody here publishes, and connects again whenever that session ends. */
  addUpstream({ label, open, namespaces = [""], onEvent }: LiveUpstream): void {
    const ask = namespaces.map(namespaceOf);
    const onPeer = (peer: MoqPeer): void => peer.join({ ask }, this.#host.clock.now());
    this.#upstreams.push(new KeptSession({ host: this.#host, label, open, onPeer, onEvent }));
  }

  /** Answers an exchange. */
  readonly handle: ExchangeHandler = (exchange) => {
    const onFault = (fault: Fault): void => {
      this.#onFault(fault);
      if (exchange.status === undefined) respondText(exchange, 500);
      else exchange.reset(fault.error);
    };
    detach("live request", onFault, this.#answer(exchange));
  };

  /** Asks peers to leave: they go to another server, or return to the next one. */
  drain(): void {
    this.#host.goaway(GOAWAY_TIMEOUT);
  }

  async close(): Promise<void> {
    for (const upstream of this.#upstreams) upstream.close();
    this.#host.close("the server closes");
  }

  readonly #onFault = (fault: Fault): void => this.#log(describeFault(fault));

  async #answer(exchange: ServerExchange): Promise<void> {
    if (!WebTransportRequest.isFor(exchange)) {
      if (this.#page !== undefined) {
        await this.#page.answer(exchange, () => this.#broadcastsFor(exchange));
        return;
      }
      respondText(exchange, 426, "this is a relay of live media: connect with WebTransport", [
        ["upgrade", "websocket"],
      ]);
      return;
    }
    const request = new WebTransportRequest(exchange);
    const protocol = chooseProtocol(request.protocols);
    if (protocol === undefined) {
      const spoken = [...LIVE_PROTOCOLS, ...SEGMENT_PROTOCOLS].join(", ");
      respondText(exchange, 400, `the relay speaks ${spoken}; the client offers ${request.protocols.join(", ")}`);
      return;
    }
    if (isSegmentProtocol(protocol) && (namespaceOfUrl(exchange.path)?.length ?? 0) === 0) {
      respondText(exchange, 404, `${protocol} wants the name of a broadcast as the path, such as /live/room`);
      return;
    }
    const { maxSessions = DEFAULT_SESSIONS } = this.#options;
    if (this.#sessions >= maxSessions) {
      respondText(exchange, 503, `${maxSessions} sessions are open, which is the limit`);
      return;
    }
    const token = tokenOf(exchange.path, request.headers);
    const judged = await this.#judge({ ...requestOf(exchange, request.headers), token });
    if (exchange.aborted !== undefined) return;
    if (judged === undefined) {
      respondText(exchange, token === undefined ? 401 : 403, "this request is not authorized");
      return;
    }
    this.#accept(exchange, request, protocol, judged);
  }

  /** What this client may watch. */
  async #broadcastsFor(exchange: ServerExchange): Promise<readonly Broadcast[]> {
    const { headers } = new WebTransportRequest(exchange);
    const token = tokenOf(exchange.path, headers);
    const grant = await this.#judge({ ...requestOf(exchange, headers), token });
    return grant === undefined ? [] : broadcastsOf(this.stats().tracks, grant);
  }

  #accept(exchange: ServerExchange, request: WebTransportRequest, protocol: string, grant: Grant): void {
    const { authorize, origins = ["*"] } = this.#options;
    const session = new WebTransportSession();
    this.#sessions += 1;
    this.#host.join(session, {
      role: "server",
      protocol: () => protocol,
      broadcast: isSegmentProtocol(protocol) ? { namespace: namespaceOfUrl(exchange.path)! } : undefined,
      label: exchange.remoteAddress.address,
      grant,
      authorize: authorize === undefined ? undefined : this.#judgeTokens(requestOf(exchange, request.headers)),
      onOver: () => {
        this.#sessions -= 1;
      },
    });
    try {
      request.accept({ origins, ...(request.protocols.length === 0 ? {} : { protocol }) }, session);
    } catch (error) {
      this.#sessions -= 1;
      if (!(error instanceof WebTransportRefusal)) throw error;
      respondText(exchange, error.status, error.message);
    }
  }

  /** Undefined if nothing is allowed. */
  async #judge(request: LiveRequest): Promise<Grant | undefined> {
    const { authorize } = this.#options;
    return authorize === undefined ? EVERYTHING : grantOf(await authorize(request), this.#host);
  }

  /** Tokens in messages of MoQ Transport. */
  #judgeTokens(request: Omit<LiveRequest, "token">): Authorize {
    return (tokens, done) => {
      const refuse = (message: string): void => done({ reason: "unauthorized", message });
      const token = fromStrictUtf8(tokens.at(-1)!.value);
      if (token === undefined) {
        done({ reason: "malformed-token", message: "the token is no text" });
        return;
      }
      const judged = this.#judge({ ...request, token }).then(
        (grant) => (grant === undefined ? refuse("the token allows nothing here") : done(grant)),
        (error: unknown) => {
          refuse("the token could not be judged");
          throw error;
        },
      );
      detach("live token", this.#onFault, judged);
    };
  }
}

const requestOf = (exchange: ServerExchange, headers: Headers): Omit<LiveRequest, "token"> => ({
  url: exchange.path,
  headers,
  remoteAddress: exchange.remoteAddress.address,
});

function tokenOf(path: string, headers: Headers): string | undefined {
  const query = new URLSearchParams(path.split("?")[1] ?? "");
  const bearer = /^bearer +(.+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  return query.get("jwt") ?? query.get("token") ?? bearer;
}

/** Undefined if nothing is allowed. */
export function grantOf(answer: LiveAnswer, { clock }: Pick<LiveHost, "clock">): Grant | undefined {
  if (typeof answer === "boolean") return answer ? EVERYTHING : undefined;
  const { publish = [], subscribe = [], expires } = answer;
  const left = expires === undefined ? undefined : expires - clock.date();
  if (left !== undefined && left <= 0) return undefined;
  return {
    publish: publish.map(namespaceOf),
    subscribe: subscribe.map(namespaceOf),
    expires: left === undefined ? undefined : after(clock.now(), millis(left)),
  };
}
