/** HTTP/3 on an accepted QUIC connection: passes the transport's events to HTTP/3, and HTTP/3's events to exchanges. */

import { SparseMap } from "../../base/sparse-map.ts";
import type { Instant } from "../../base/time.ts";
import { H3_ERRORS, H3Connection, type H3Event, type RequestHead, StreamClaims } from "../../h3/index.ts";
import { refusalOfServer } from "../../http/index.ts";
import {
  type CloseReason,
  type Connection,
  type ConnectionEvent,
  DEFAULT_LIMITS,
  type StreamId,
} from "../../quic/index.ts";
import {
  type NewerDrafts,
  requestsSession,
  sessionTerms,
  WEBTRANSPORT_H3_PROTOCOL,
  WebTransportStreams,
  webTransportSettings,
} from "../../webtransport/h3/index.ts";
import type { HostClock } from "../clock.ts";
import { httpDate } from "../date.ts";
import { type Fault, guard } from "../guard.ts";
import type { ClientIdentity, ConnectionInfo, PeerAddress } from "../http/exchange.ts";
import { FetchRoom, type SharedRoom } from "../http/shared-room.ts";
import { describeClose } from "./close-reason.ts";
import { Confirmation } from "./confirmation.ts";
import { connectionStats, peerAddress } from "./connection-facts.ts";
import type { QuicDriver } from "./driver.ts";
import { type H3EventHandler, H3EventPump } from "./h3-event-pump.ts";
import { H3ServerExchange } from "./h3-exchange.ts";
import type { H3ExchangeHost, H3StreamHandler } from "./h3-stream.ts";
import { HeadTimeout, type HeadTimeoutHost } from "./head-timeout.ts";
import type { CreateServerProtocol, ServerProtocol, ServerProtocolOptions } from "./server-protocol.ts";
import { h3Trace } from "./tracing.ts";

export const H3_ALPN = "h3";

export const serveH3: CreateServerProtocol = (...given) => new H3ServerConnection(...given);

/** RFC 8470 §4: the effects of these may be repeated (RFC 9110 §9.2.1). */
const EARLY_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/** RFC 8470 §5.2 */
const TOO_EARLY = 425;
/** RFC 6585 §4 */
const TOO_MANY_REQUESTS = 429;

/** WebTransport sessions of a connection at a time. */
const MAX_SESSIONS = 100;

/** The status for a well-formed request that this server refuses; undefined if it accepts it. */
function refusedStatus(head: RequestHead, acceptsTunnels: boolean): number | undefined {
  // RFC 9110 §9.3.6: we are not a proxy, unless the handler is one.
  if (head.method === "CONNECT" && !acceptsTunnels) return 501;
  return refusalOfServer(head.scheme, head)?.status;
}

class H3ServerConnection implements ServerProtocol, H3ExchangeHost, H3EventHandler, HeadTimeoutHost {
  readonly h3: H3Connection;
  readonly webTransport: WebTransportStreams | undefined;
  readonly client: ClientIdentity | undefined;
  readonly firstAddress: PeerAddress;
  readonly room: SharedRoom;
  readonly confirmation: Confirmation;
  readonly #connection: Connection;
  readonly #driver: QuicDriver;
  readonly #pump: H3EventPump;
  readonly #options: ServerProtocolOptions;
  readonly #exchanges = new SparseMap<StreamId, H3StreamHandler>();
  readonly #heads: HeadTimeout;
  #isDraining = false;
  readonly #newer: NewerDrafts;
  #info: ConnectionInfo | undefined;
  /** Requests for sessions that wait for the client's settings, which tell their draft. */
  #held: (() => void)[] | undefined;
  #hasSettings = false;

  constructor(connection: Connection, driver: QuicDriver, options: ServerProtocolOptions, client?: ClientIdentity) {
    this.#connection = connection;
    this.#driver = driver;
    this.#options = options;
    this.client = client;
    this.firstAddress = peerAddress(connection.remoteAddress);
    this.confirmation = new Confirmation(connection);
    this.room = new FetchRoom(DEFAULT_LIMITS.sendBufferPerConnection, connection.streamFacts);
    const { rng, clock } = driver.environment;
    const claims = new StreamClaims();
    this.#newer = options.newerDrafts ?? {};
    if (options.acceptsTunnels) {
      this.webTransport = new WebTransportStreams(
        connection,
        claims,
        () => this.h3.nextRequestId,
        () => sessionTerms(this.#newer, this.h3.peerSettings),
      );
    }
    this.h3 = new H3Connection(connection, {
      claims,
      extensionSettings: options.acceptsTunnels ? webTransportSettings(MAX_SESSIONS, this.#newer) : [],
      rng,
      trace: h3Trace(connection, clock),
      origins: options.origins,
      controlFrames: options.controlFrames,
      enableConnectProtocol: options.acceptsTunnels,
      datagrams: connection,
      date: () => this.date(),
    });
    this.#pump = new H3EventPump(this.h3, this);
    this.#heads = new HeadTimeout(this, options.headersTimeout);
  }

  get info(): ConnectionInfo {
    return (this.#info ??= { stats: () => connectionStats(this.#connection) });
  }

  get clock(): HostClock {
    return this.#driver.environment.clock;
  }

  /** Changes when the client migrates. */
  get remoteAddress(): PeerAddress {
    return peerAddress(this.#connection.remoteAddress);
  }

  /** Changes when the client moves to the server's preferred address. */
  get localAddress(): PeerAddress {
    return peerAddress(this.#connection.localAddress ?? this.#driver.sockets[0]!.address);
  }

  date(): string {
    return httpDate(this.clock.date());
  }

  pump(): void {
    this.#pump.pump();
  }

  /** Ends the connection after an exception. */
  handleFault(fault: Fault): void {
    this.#driver.fail(this.#connection, fault);
  }

  onRefused(): void {
    this.#pump.drain();
  }

  get #onFault(): (fault: Fault) => void {
    return (fault) => this.handleFault(fault);
  }

  cancelSoon(id: StreamId, code: number): void {
    this.clock.defer(guard("h3 reset", this.#onFault, () => this.h3.cancel(id, code)));
  }

  onExchangeClosed(id: StreamId): void {
    this.#exchanges.delete(id);
  }

  onExchangeReplaced(id: StreamId, handler: H3StreamHandler): void {
    this.#exchanges.set(id, handler);
  }

  handleEvent(event: ConnectionEvent, _now: Instant): void {
    if (event.type === "handshake-complete") this.confirmation.handleComplete();
    this.#pump.handleEvent(event);
    if (event.type === "stream-opened") this.#heads.watch();
  }

  handleH3(event: H3Event): void {
    switch (event.type) {
      case "request": {
        const exchange = new H3ServerExchange(this, event.id, event.head, event.fin);
        this.#exchanges.set(event.id, exchange);
        const begin = (): void => this.#begin(exchange, event.id, event.head);
        // §3.1 of the draft: only settings tell which one it is.
        const isHeld =
          requestsSession(event.head.protocol) && !this.#hasSettings && (this.#newer.draft13 || this.#newer.draft15);
        if (isHeld) (this.#held ??= []).push(begin);
        else begin();
        break;
      }
      case "settings":
        this.#hasSettings = true;
        for (const begin of this.#held ?? []) begin();
        this.#held = undefined;
        break;
      case "data":
        this.#exchanges.get(event.id)?.handleData();
        break;
      case "trailers":
        this.#exchanges.get(event.id)?.handleTrailers?.(event.fields);
        break;
      case "finished":
        this.#exchanges.get(event.id)?.handleFinished();
        break;
      case "datagram":
        this.#exchanges.get(event.id)?.handleDatagram?.(event.payload);
        break;
      case "priority":
        this.#exchanges.get(event.id)?.handlePriority?.(event.priority);
        break;
      case "writable":
        this.#exchanges.get(event.id)?.handleWritable();
        break;
      case "reset":
        this.#exchanges.get(event.id)?.abort(new Error(`the request was aborted: ${event.detail}`));
        break;
      case "stopped": {
        const exchange = this.#exchanges.get(event.id);
        if (exchange?.handleStopped !== undefined) exchange.handleStopped(event.code);
        else exchange?.abort(new Error("the client cancelled the response"));
        break;
      }
      case "drained":
        // Deferred to the end of this turn: GOAWAY must be sent first to tell the client which requests were not
        // processed.
        if (!this.#isDraining) break;
        this.clock.defer(guard("h3 drained", this.#onFault, () => this.close()));
        break;
      case "goaway":
      case "informational":
      case "response":
      case "requests-available":
      case "closed":
        break;
    }
  }

  #begin(exchange: H3ServerExchange, id: StreamId, head: RequestHead): void {
    if (exchange.aborted !== undefined) return;
    const sessions = this.webTransport?.sessions ?? 0; // this one included
    if (requestsSession(head.protocol) && sessions > 1 && !this.#takesSeveral(head)) {
      // §5.2 of the draft.
      this.#exchanges.delete(id);
      this.h3.cancel(id, H3_ERRORS.H3_REQUEST_REJECTED.code);
      exchange.abort(new Error("the client may have one session at a time without flow control"));
      return;
    }
    const isTooEarly = exchange.earlyData && this.#options.earlyData !== "all" && !EARLY_METHODS.has(head.method);
    const isTooMany = requestsSession(head.protocol) && sessions > MAX_SESSIONS;
    const status = isTooEarly
      ? TOO_EARLY
      : isTooMany
        ? TOO_MANY_REQUESTS
        : refusedStatus(head, this.#options.acceptsTunnels);
    if (status === undefined) this.#options.onExchange(exchange);
    else exchange.respond(status, [], { endStream: true });
  }

  /** From draft 13 on, a connection has several sessions only with flow control (§5.1 of the draft). */
  #takesSeveral({ protocol }: RequestHead): boolean {
    const { draft, flow } = this.webTransport!.terms();
    return flow !== undefined || (draft === undefined && protocol !== WEBTRANSPORT_H3_PROTOCOL);
  }

  handleClosed(reason: CloseReason): void {
    this.#heads.clear();
    if (this.#exchanges.size === 0 && !this.confirmation.isAwaited) return;
    const error = new Error(describeClose(reason));
    this.confirmation.handleClosed(error);
    const abort = guard("h3 abort", this.#onFault, (exchange: H3StreamHandler) => exchange.abort(error));
    for (const exchange of this.#exchanges.values()) abort(exchange);
    this.#exchanges.clear();
  }

  awaitsPeer(): boolean {
    for (const { awaitsBody } of this.#exchanges.values()) if (awaitsBody === true) return true;
    return false;
  }

  held(): number {
    let sum = this.h3.bytesHeld;
    for (const { preparedBytes = 0 } of this.#exchanges.values()) sum += preparedBytes;
    return sum;
  }

  announceDrain(): void {
    this.h3.announceGoaway();
    this.#pump.drain();
  }

  drain(): void {
    if (!this.#isDraining) for (const exchange of this.#exchanges.values()) exchange.handleShutdown?.();
    this.#isDraining = true;
    this.h3.goaway();
    this.#pump.drain();
  }

  /** The connection will be closed soon, whatever is still open. */
  announceClose(): void {
    for (const exchange of this.#exchanges.values()) exchange.handleDeadline?.();
    this.#pump.drain();
  }

  close(): void {
    this.h3.close();
  }

  shed(reason: string): void {
    this.h3.close(H3_ERRORS.H3_EXCESSIVE_LOAD.code, reason);
  }
}
