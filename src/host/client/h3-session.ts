// HTTP/3 on one QUIC connection: our own stack as a Session.
import { toMillis } from "../../base/time.ts";
import { H3_ERRORS, type H3Connection, type H3Event, type Settings } from "../../h3/index.ts";
import { MAX_ORIGINS } from "../../http/index.ts";
import type { CloseReason, Connection, ConnectionEvent, StreamId } from "../../quic/index.ts";
import type { WebTransportStreams } from "../../webtransport/h3/index.ts";
import { detach, type Fault, guard } from "../guard.ts";
import { describeClose } from "../quic/close-reason.ts";
import type { ConnectionListener, QuicDriver } from "../quic/driver.ts";
import { type H3EventHandler, H3EventPump } from "../quic/h3-event-pump.ts";
import { versionTitle } from "../quic/quic-options.ts";
import type { ClientSockets, MigrateOptions } from "./client-sockets.ts";
import { ClientError, ServerGoneError } from "./errors.ts";
import { H3ClientExchange, type H3ExchangeOwner } from "./h3-client-exchange.ts";
import type { Http3Session } from "./http3.ts";
import type { ServerFrames } from "./server-frames.ts";

import type {
  ClientExchange,
  ClientRequestHead,
  ConnectionTimings,
  RequestContent,
  ResponseHandler,
  SessionStats,
} from "./session.ts";
import type { SessionEvent } from "./session-store.ts";
import { StarvationWatch } from "./starvation.ts";

export interface H3SessionParts {
  readonly connection: Connection;
  readonly h3: H3Connection;
  /** The streams of WebTransport sessions. */
  readonly webTransport?: WebTransportStreams | undefined;
  readonly driver: QuicDriver;
  readonly sockets: ClientSockets;
  readonly timings: ConnectionTimings;
  readonly onChange: () => void;
  readonly onKeyLog: ((line: string) => void) | undefined;
  readonly origin: string;
  /** Frames of drafts to read. */
  readonly serverFrames?: ServerFrames | undefined;
  /** The server's certificates, once they have been verified. */
  readonly chain: () => readonly Uint8Array[] | undefined;
  readonly keepSession: (event: SessionEvent, settings: Settings | undefined) => void;
}

export class QuicHttp3Session implements Http3Session, ConnectionListener, H3EventHandler, H3ExchangeOwner {
  readonly protocol = "h3";
  readonly timings: ConnectionTimings;
  readonly closed: Promise<void>;
  #origins: Set<string> | undefined;
  readonly #parts: H3SessionParts;
  readonly #pump: H3EventPump;
  readonly #exchanges = new Map<StreamId, H3ClientExchange>();
  /** Requests without stream credit, waiting for the server's next MAX_STREAMS. */
  #waiting: H3ClientExchange[] = [];
  /** Requests that must not be sent early. */
  #unconfirmed: H3ClientExchange[] = [];
  readonly #starvation: StarvationWatch;
  #requests = 0;
  #hasSettings = false;
  /** True until the handshake is complete: what is sent until then is 0-RTT data. */
  #isEarly: boolean;
  /** A session that waits for the settings that belong to it. */
  #ticket: SessionEvent | undefined;
  #silence = 0;
  #isClosed = false;
  #error: Error | undefined;
  #resolveClosed!: () => void;

  constructor(parts: H3SessionParts) {
    this.#parts = parts;
    this.#isEarly = !parts.connection.isHandshakeComplete;
    this.#pump = new H3EventPump(parts.h3, this);
    this.#starvation = new StarvationWatch(this, parts.origin, parts.driver.environment.clock, this.handleFault);
    this.timings = parts.timings;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    parts.driver.unref();
  }

  /** Changes if the server has a preferred address. */
  get remoteAddress(): string {
    return this.#parts.connection.remoteAddress.host;
  }

  get remotePort(): number {
    return this.#parts.connection.remoteAddress.port;
  }

  get chain(): readonly Uint8Array[] | undefined {
    return this.#parts.chain();
  }

  get origins(): ReadonlySet<string> | undefined {
    return this.#origins;
  }

  get webTransport(): WebTransportStreams | undefined {
    return this.#parts.webTransport;
  }

  get usable(): boolean {
    return !this.#isClosed && !this.#parts.h3.isDraining;
  }

  get room(): number {
    return this.usable && this.#silence === 0 && this.#waiting.length === 0 ? Number.POSITIVE_INFINITY : 0;
  }

  get silence(): number {
    return this.#silence;
  }

  supersede(): void {
    this.#parts.connection.expectAnswer(this.#parts.driver.now());
  }

  migrate(options?: MigrateOptions): Promise<void> {
    return this.#parts.sockets.migrate(options);
  }

  get active(): number {
    return this.#exchanges.size + this.#waiting.length + this.#unconfirmed.length;
  }

  request(head: ClientRequestHead, content: RequestContent | undefined, handler: ResponseHandler): ClientExchange {
    this.#requests += 1;
    const exchange = new H3ClientExchange(this.#parts.h3, this, head, content, handler);
    if (this.active === 0) this.#parts.driver.ref();
    this.#start(exchange);
    this.#starvation.begin();
    return exchange;
  }

  isStarved(): boolean {
    return this.usable && this.#parts.connection.streamFacts.receiveCredit === 0;
  }

  #start(exchange: H3ClientExchange): void {
    if (!this.usable) {
      queueMicrotask(
        guard(
          "client h3 lost",
          ({ error }) => exchange.fail(error, true),
          () => exchange.fail(this.#lost(), true),
        ),
      );
      return;
    }
    // RFC 9220 §3: only the server's settings tell whether it takes tunnels.
    if (this.#isEarly && !exchange.mayComeEarly) {
      this.#unconfirmed.push(exchange);
      return;
    }
    const id = exchange.needsSettings && !this.#hasSettings ? "blocked" : exchange.start(this.#isEarly);
    if (id === "blocked") this.#waiting.push(exchange);
    else if (id !== undefined) this.#exchanges.set(id, exchange);
  }

  /** Ends the connection and its requests. */
  readonly handleFault = (fault: Fault): void => this.#parts.driver.fail(this.#parts.connection, fault);

  stats(): SessionStats {
    const { connection } = this.#parts;
    const { rtt, controller, mtu } = connection.route;
    const { bytesSent, bytesReceived, packetsSent, packetsReceived, packetsLost } = connection.stats;
    const { cipherSuite = "", group = "", usedRetry, resumed, acceptedEarlyData } = connection.handshakeFacts ?? {};
    return {
      bytesSent,
      bytesReceived,
      requests: this.#requests,
      rtt: toMillis(rtt.smoothed),
      minRtt: toMillis(rtt.min),
      packetsSent,
      packetsReceived,
      packetsLost,
      congestionWindow: controller.congestionWindow,
      datagramSize: mtu.current,
      details: {
        quic: versionTitle(connection.version),
        tls: "TLS 1.3",
        cipher: cipherSuite,
        group,
        congestion: controller.name,
        ...(usedRetry ? { retry: "seen" } : {}),
        ...(resumed ? { session: "resumed" } : {}),
        ...(acceptedEarlyData ? { "early data": "accepted" } : {}),
      },
    };
  }

  pump(): void {
    this.#pump.pump();
  }

  release(id: StreamId | undefined, exchange: H3ClientExchange): void {
    if (id !== undefined) this.#exchanges.delete(id);
    else {
      this.#waiting = this.#waiting.filter((other) => other !== exchange);
      this.#unconfirmed = this.#unconfirmed.filter((other) => other !== exchange);
    }
    if (this.active === 0) this.#parts.driver.unref();
    // If it was cancelled, it may have been the last one that the connection's close waited for.
    this.#pump.pump();
    this.#parts.onChange();
  }

  async close(): Promise<void> {
    const { h3 } = this.#parts;
    h3.goaway();
    if (this.active === 0) h3.close();
    this.#pump.drain();
    await this.closed;
  }

  destroy(error: Error): void {
    this.#error = error;
    this.#parts.h3.close(H3_ERRORS.H3_NO_ERROR.code);
    if (this.#isClosed) for (const exchange of [...this.#exchanges.values()]) exchange.fail(error, false);
  }

  repeat(id: StreamId, exchange: H3ClientExchange): void {
    this.#parts.h3.cancel(id, H3_ERRORS.H3_REQUEST_CANCELLED.code);
    this.#exchanges.delete(id);
    this.#start(exchange);
  }

  handleEvent(event: ConnectionEvent): void {
    if (event.type === "key-log") this.#parts.onKeyLog?.(event.line);
    else if (event.type === "session") {
      this.#ticket = event;
      this.#keepSession();
    } else if (event.type === "silence") {
      this.#silence = event.probeTimeouts;
      this.#parts.onChange();
    } else this.#pump.handleEvent(event);
    if (event.type !== "handshake-complete") return;
    this.#isEarly = false;
    for (const exchange of this.#unconfirmed.splice(0)) this.#start(exchange);
  }

  #keepSession(): void {
    if (this.#ticket === undefined || !this.#hasSettings) return;
    this.#parts.keepSession(this.#ticket, this.#parts.h3.peerSettings);
    this.#ticket = undefined;
  }

  handleH3(event: H3Event): void {
    switch (event.type) {
      case "settings":
        this.#hasSettings = true;
        this.#keepSession();
        this.#startWaiting();
        break;
      case "origins":
        // RFC 8336 §2.3: the first frame begins the set, with the origin of the connection in it.
        this.#origins ??= new Set([this.#parts.origin]);
        for (const each of event.origins) if (this.#origins.size < MAX_ORIGINS) this.#origins.add(each);
        this.#parts.onChange();
        break;
      case "extension-frame": {
        const isWell = this.#parts.serverFrames?.handle(event.number, event.payload, 3, this.closed);
        if (isWell === false) this.#parts.h3.close(H3_ERRORS.H3_FRAME_ERROR.code);
        break;
      }
      case "requests-available":
        this.#startWaiting();
        break;
      case "goaway":
        for (const id of event.unprocessed) this.#exchanges.get(id)?.fail(this.#lost(), true);
        for (const exchange of [...this.#waiting, ...this.#unconfirmed]) exchange.fail(this.#lost(), true);
        this.#parts.onChange();
        break;
      case "drained":
        this.#parts.h3.close();
        break;
      case "closed":
      case "request":
        break;
      default:
        this.#exchanges.get(event.id)?.handleH3(event);
    }
  }

  #startWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const exchange of waiting) this.#start(exchange);
    this.#parts.onChange();
  }

  #lost(reason?: CloseReason): Error {
    if (this.#error !== undefined) return this.#error;
    const why = reason === undefined ? "the server is going away" : describeClose(reason);
    const message = `the connection ended before the response did: ${why}`;
    if (reason?.type === "stateless-reset" || reason?.type === "unanswered") return new ServerGoneError(message);
    const cause = reason?.type === "local" ? reason.cause : undefined;
    return new ClientError("CONNECTION_LOST", message, { cause });
  }

  handleClosed(reason: CloseReason): void {
    this.#isClosed = true;
    const error = this.#lost(reason);
    // What was sent early is safe to repeat.
    for (const [id, exchange] of [...this.#exchanges]) {
      // A response that arrived completely is still read, however slowly.
      if (!this.#parts.h3.has(id)) exchange.fail(error, this.#isEarly);
    }
    for (const exchange of [...this.#waiting, ...this.#unconfirmed]) exchange.fail(error, true);
    detach("client h3 closed", this.#resolveClosed, this.#parts.driver.close().then(this.#resolveClosed));
    this.#parts.onChange();
  }
}
