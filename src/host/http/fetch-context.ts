/** The context that a fetch handler gets in addition to the Request. */

import { randomUUID } from "node:crypto";
import { type FieldLine, fieldValue, isHttp1Only, Preferences, preferValues } from "../../http/index.ts";
import {
  completePriority,
  emitPriority,
  mergePriority,
  type PartialPriority,
  type Priority,
  priorityOf,
} from "../../http/priority/index.ts";
import type { HostClock } from "../clock.ts";
import { WebTransportRequest } from "../webtransport/web-transport-request.ts";
import type { ConnectionInfo, HttpVersion, PeerAddress, ServerExchange } from "./exchange.ts";
import type { ServerRequest } from "./server-request.ts";
import { ContextTunnel, type HeadersInit, type TunnelRequest } from "./tunnel-streams.ts";

/** What a handler gets in addition to the Request. */
export interface Context {
  readonly protocol: HttpVersion;
  readonly remoteAddress: PeerAddress;
  readonly localAddress: PeerAddress;
  /** Statistics of the connection; undefined for TCP. */
  readonly connection: ConnectionInfo | undefined;
  /**
   * True while the request is 0-RTT data, which an attacker may have replayed: answer only what is safe to repeat, or wait for
   * `confirmed`, or answer 425 (RFC 8470). Without `earlyData: "all"`, only GET, HEAD and OPTIONS come early.
   */
  readonly earlyData: boolean;
  /** Resolves when the request is known not to be a replay; rejects if the client does not complete the handshake. */
  readonly confirmed: Promise<void>;
  /**
   * Identifies the request in the access log and at origins. Random, unless the server accepts the one that a trusted client
   * sent (`requestId` in `serve`).
   */
  readonly requestId: string;
  /**
   * What the client prefers (RFC 7240). The response of a handler that reads it gets `Vary: prefer`, and `Preference-Applied` for
   * what `apply` names.
   */
  readonly preferences: Preferences;
  /** Aborted if the client cancels the request. The same as `request.signal`. */
  readonly signal: AbortSignal;
  /** Set if the client requests a tunnel: CONNECT, extended CONNECT, or Upgrade in HTTP/1.1. */
  readonly tunnel: TunnelRequest | undefined;
  /** Set if the client requests a WebTransport session: over HTTP/3, or over a WebSocket as QMux. */
  readonly webtransport: WebTransportRequest | undefined;
  /** The request's trailer fields, once its body has been read. */
  readonly trailers: Promise<Headers>;
  /**
   * What the client asked for (RFC 9218), with what was set here: `urgency` from 0, the most urgent, to 7, 3 by default, and
   * `incremental`. Setting it replaces members of the client's, and adds a `priority` field to the response, unless the
   * response has one. Throws a RangeError for an urgency that does not exist. Over HTTP/2 and HTTP/3 it decides which
   * response is sent first.
   */
  get priority(): Priority;
  set priority(members: PartialPriority);
  /**
   * The handler acts on the request from now on, before it has read all content: a server that closes does not hand the request back
   * to its proxy (`handBack` in `serve`).
   */
  commit(): void;
  /** Sends an informational response (1xx), such as 103 with `link` fields. */
  inform(status: number, headers?: HeadersInit): void;
  /** Adds trailer fields to the response. Call it before the body ends, and name the fields in a `trailer` field. */
  addTrailers(trailers: HeadersInit): void;
  /** Registers work that outlives the response; draining waits for it. */
  waitUntil(promise: Promise<unknown>): void;
  /** Does nothing, because there is no origin to fall back to. Workers have it, and frameworks call it. */
  passThroughOnException(): void;
  /** Empty. Wrangler passes it to workers, and frameworks for workers require it in their types. */
  readonly props: Readonly<Record<string, unknown>>;
}

function notAResponse(name: string): never {
  throw new TypeError(
    `the handler used its context's ${name}, so it is written for Node's (req, res): ` +
      'import { createServer } from "nagare/node" and write createServer({ cert, key }, listener).listen(443); ' +
      "a fetch handler takes a Request and returns a Response",
  );
}

const NO_PROPS: Readonly<Record<string, unknown>> = Object.freeze({});

export class FetchContext implements Context {
  responseTrailers: readonly FieldLine[] | undefined;
  readonly tunnel: ContextTunnel | undefined;
  readonly webtransport: WebTransportRequest | undefined;
  readonly #exchange: ServerExchange;
  readonly #request: ServerRequest;
  readonly #waitUntil: (exchange: ServerExchange, promise: Promise<unknown>) => void;
  #requestId: string | undefined;
  #priority: PartialPriority | undefined;
  #preferences: Preferences | undefined;

  constructor(
    exchange: ServerExchange,
    request: ServerRequest,
    waitUntil: (exchange: ServerExchange, promise: Promise<unknown>) => void,
    clock?: HostClock,
  ) {
    this.#exchange = exchange;
    this.#request = request;
    this.#waitUntil = waitUntil;
    const { tunnelOffer } = exchange;
    if (tunnelOffer === undefined) return;
    this.tunnel = new ContextTunnel(exchange, tunnelOffer.protocol);
    if (WebTransportRequest.isFor(exchange)) this.webtransport = new WebTransportRequest(exchange, clock);
  }

  get protocol(): HttpVersion {
    return this.#exchange.protocol;
  }
  get remoteAddress(): PeerAddress {
    return this.#exchange.remoteAddress;
  }
  get localAddress(): PeerAddress {
    return this.#exchange.localAddress;
  }
  get connection(): ConnectionInfo | undefined {
    return this.#exchange.connection;
  }
  get earlyData(): boolean {
    return this.#exchange.earlyData === true;
  }
  get confirmed(): Promise<void> {
    return this.#exchange.confirmed ?? Promise.resolve();
  }
  get requestId(): string {
    this.#requestId ??= this.#exchange.requestId ?? randomUUID();
    return this.#requestId;
  }
  get preferences(): Preferences {
    this.#preferences ??= new Preferences(preferValues(this.#exchange.fields));
    return this.#preferences;
  }
  get signal(): AbortSignal {
    return this.#request.signal;
  }
  get trailers(): Promise<Headers> {
    return this.#request.trailers;
  }

  get priority(): Priority {
    const { priority, fields } = this.#exchange;
    return mergePriority(priority ?? completePriority(priorityOf(fields)), this.#priority ?? {});
  }
  set priority(members: PartialPriority) {
    emitPriority(members); // throws
    this.#priority = { ...this.#priority, ...members };
    if (this.#exchange.status !== undefined) this.#exchange.prioritize?.(members);
  }

  /** Adds to a response's fields what follows from the handler's use of this context. */
  complete(fields: Iterable<FieldLine>): Iterable<FieldLine> {
    const completed = this.#preferences?.complete(fields) ?? fields;
    const value = emitPriority(this.#priority ?? {});
    if (value === "") return completed;
    const lines = [...completed];
    // RFC 9218 §5. A field of the handler's own counts.
    return fieldValue(lines, "priority") === undefined ? [...lines, ["priority", value]] : lines;
  }

  commit(): void {
    this.#exchange.commit?.();
  }

  inform(status: number, headers?: HeadersInit): void {
    if (!Number.isInteger(status) || status < 100 || status > 199 || status === 101) {
      throw new RangeError(`${status} is not an informational status that can be sent`);
    }
    this.#exchange.inform(status, linesOf(headers));
  }

  addTrailers(trailers: HeadersInit): void {
    this.responseTrailers = [...(this.responseTrailers ?? []), ...linesOf(trailers)];
  }

  waitUntil(promise: Promise<unknown>): void {
    this.#waitUntil(this.#exchange, promise);
  }

  passThroughOnException(): void {}

  get props(): Readonly<Record<string, unknown>> {
    return NO_PROPS;
  }

  /** True if the response was sent: the handler accepted a tunnel or a session. */
  get isTunnelled(): boolean {
    return this.tunnel?.isAccepted === true || this.webtransport?.isAccepted === true;
  }

  /** Ends what the handler accepted, after it threw. */
  resetTunnel(reason: Error): void {
    this.tunnel?.reset(reason);
    this.webtransport?.reset(reason);
  }

  // A listener written for Node's (req, res) gets the context in place of `res` and uses one of these first.
  get end(): never {
    return notAResponse("end");
  }
  get writeHead(): never {
    return notAResponse("writeHead");
  }
  get setHeader(): never {
    return notAResponse("setHeader");
  }
}

/** The lines that an informational response or trailers may have: no framing, and nothing about the connection. */
const linesOf = (headers: HeadersInit | undefined): FieldLine[] =>
  [...(new Headers(headers) as unknown as Iterable<FieldLine>)].filter(
    ([name, value]) => name !== "content-length" && !isHttp1Only(name, value),
  );
