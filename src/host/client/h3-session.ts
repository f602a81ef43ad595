// HTTP/3 on one QUIC connection: our own stack as a Session.
import { toMillis } from "../../base/time.ts";
import { H3_ERRORS, type H3Connection, type H3Event, type Settings } from "../../h3/index.ts";
import { isHttp1Only } from "../../http/index.ts";
import type { CloseReason, Connection, ConnectionEvent, StreamId } from "../../quic/index.ts";
import { detach, type Fault, guard } from "../guard.ts";
import { describeClose } from "../quic/close-reason.ts";
import type { ConnectionListener, QuicDriver } from "../quic/driver.ts";
import { type H3EventHandler, H3EventPump } from "../quic/h3-event-pump.ts";
import { versionTitle } from "../quic/quic-options.ts";
import type { ClientSockets, MigrateOptions } from "./client-sockets.ts";
import { asClientError, ClientError, NoExtendedConnectError, ServerGoneError } from "./errors.ts";
import type { Http3Session } from "./http3.ts";

import type {
  ClientExchange,
  ClientRequestHead,
  ConnectionTimings,
  Field,
  RequestContent,
  ResponseHandler,
  SessionStats,
} from "./session.ts";
import type { SessionEvent } from "./session-store.ts";
import { StarvationWatch } from "./starvation.ts";
import { isForTunnel } from "./tunnel.ts";

/** RFC 8470 §5.2 */
const TOO_EARLY = 425;

export interface H3SessionParts {
  readonly connection: Connection;
  readonly h3: H3Connection;
  readonly driver: QuicDriver;
  readonly sockets: ClientSockets;
  readonly timings: ConnectionTimings;
  readonly onChange: () => void;
  readonly onKeyLog: ((line: string) => void) | undefined;
  readonly origin: string;
  readonly keepSession: (event: SessionEvent, settings: Settings | undefined) => void;
}

export class QuicHttp3Session implements Http3Session, ConnectionListener, H3EventHandler {
  readonly protocol = "h3";
  readonly timings: ConnectionTimings;
  readonly closed: Promise<void>;
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

  /** Call after an exchange has read content: there may be further events, and flow control credit to send. */
  pump(): void {
    this.#pump.pump();
  }

  /** Removes a finished exchange. */
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

  /** Sends a request again that the server refused only because it came early. */
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

class H3ClientExchange implements ClientExchange {
  readonly #h3: H3Connection;
  readonly #session: QuicHttp3Session;
  readonly #head: ClientRequestHead;
  readonly #content: RequestContent | undefined;
  readonly #handler: ResponseHandler;
  #id: StreamId | undefined;
  #cameEarly = false;
  /** True if the server has answered 425 once. */
  #wasTooEarly = false;
  #isPaused = false;
  #hasData = false;
  #isDone = false;
  #isFinished = false;
  #isSending = false;
  #trailers: readonly Field[] = [];
  #onWritable: (() => void) | undefined;

  constructor(
    h3: H3Connection,
    session: QuicHttp3Session,
    head: ClientRequestHead,
    content: RequestContent | undefined,
    handler: ResponseHandler,
  ) {
    this.#h3 = h3;
    this.#session = session;
    this.#head = head;
    this.#content = content;
    this.#handler = handler;
  }

  get needsSettings(): boolean {
    return this.#head.protocol !== undefined;
  }

  /** RFC 8470 §4: only if repeating it changes nothing. */
  get mayComeEarly(): boolean {
    const isSafe = this.#head.method === "GET" || this.#head.method === "HEAD" || this.#head.method === "OPTIONS";
    return isSafe && this.#content === undefined && this.#head.protocol === undefined && !this.#wasTooEarly;
  }

  /** Returns the stream id, "blocked" without stream credit, or undefined if the request has failed. */
  start(isEarly: boolean): StreamId | "blocked" | undefined {
    if (this.#isDone) return undefined;
    this.#cameEarly = isEarly;
    const { scheme, authority, path, protocol } = this.#head;
    const method = protocol === undefined ? this.#head.method : "CONNECT";
    const fields = this.#head.fields.filter(([name, value]) => name !== "host" && !isHttp1Only(name, value));
    if (this.#content?.length !== undefined) fields.push(["content-length", String(this.#content.length)]);
    let id: StreamId | undefined;
    try {
      const target = this.#head.method === "CONNECT" ? {} : { scheme, path, protocol };
      id = this.#h3.request({ method, authority, fields, ...target }, this.#content === undefined);
    } catch (error) {
      const isRefused = protocol !== undefined && !this.#h3.peerSettings.enableConnectProtocol;
      const invalid = isRefused
        ? new NoExtendedConnectError()
        : asClientError(error, "REQUEST_INVALID", "the request cannot be sent");
      queueMicrotask(
        guard(
          "client h3 invalid",
          (fault) => this.fail(fault.error, true),
          () => this.fail(invalid, true),
        ),
      );
      return undefined;
    }
    if (id === undefined) return "blocked";
    this.#id = id;
    if (this.#content === undefined) this.#handler.onRequestSent();
    else detach("client h3 body", this.#session.handleFault, this.#send(this.#content));
    return id;
  }

  async #send(content: RequestContent): Promise<void> {
    this.#isSending = true;
    try {
      for await (const chunk of content.chunks) {
        if (this.#isDone) return;
        const hasRoom = this.#h3.writeData(this.#id!, chunk, false);
        if (!hasRoom) await this.#room();
      }
    } catch (error) {
      this.#h3.cancel(this.#id!, H3_ERRORS.H3_REQUEST_CANCELLED.code);
      this.fail(asClientError(error, "REQUEST_BODY_FAILED", "reading the request's body failed"), false);
      return;
    }
    if (this.#isDone) return;
    const trailers = content.trailers?.() ?? [];
    if (trailers.length > 0) this.#h3.sendTrailers(this.#id!, trailers);
    else this.#h3.writeData(this.#id!, new Uint8Array(0), true);
    this.#isSending = false;
    this.#handler.onRequestSent();
    if (this.#isFinished) this.#settle();
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#onWritable = resolve;
    });
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#hasData) queueMicrotask(guard("client h3 resume", this.#session.handleFault, () => this.#read()));
  }

  reset(_reason: Error): void {
    if (this.#isDone) return;
    if (this.#id !== undefined) this.#h3.cancel(this.#id, H3_ERRORS.H3_REQUEST_CANCELLED.code);
    this.#settle();
  }

  handleH3(
    event: Exclude<H3Event, { type: "settings" | "closed" | "request" | "requests-available" | "goaway" | "drained" }>,
  ): void {
    switch (event.type) {
      case "informational":
        this.#handler.onInformational(event.status, event.fields);
        break;
      case "response":
        if (event.head.status === TOO_EARLY && this.#cameEarly) {
          this.#wasTooEarly = true;
          const id = this.#id!;
          this.#id = undefined;
          this.#session.repeat(id, this);
          break;
        }
        this.#handler.onHead(event.head.status, event.head.fields, "");
        break;
      case "data":
        this.#hasData = true;
        this.#read();
        break;
      case "trailers":
        this.#trailers = event.fields;
        break;
      case "finished":
        this.#isFinished = true;
        this.#end();
        break;
      case "writable":
        this.#wakeWriter();
        break;
      case "stopped":
        // RFC 9114 §4.1: the server may respond without reading the whole request; drop the rest.
        this.#wakeWriter();
        break;
      case "reset":
        this.fail(new ClientError("CONNECTION_LOST", `the response was cut off: ${event.detail}`), event.retryable);
        break;
    }
  }

  #wakeWriter(): void {
    const waiting = this.#onWritable;
    this.#onWritable = undefined;
    waiting?.();
  }

  #read(): void {
    while (!this.#isPaused && !this.#isDone && this.#id !== undefined) {
      const chunk = this.#h3.readData(this.#id);
      if (chunk === undefined) {
        this.#hasData = false;
        break;
      }
      if (chunk.bytes.length > 0) this.#handler.onData(chunk.bytes);
    }
    // Reading frees flow control credit, and may have reached the end of the message.
    this.#session.pump();
  }

  #end(): void {
    if (this.#isDone || !this.#isFinished) return;
    if (this.#head.isHalfOpen === true && this.#isSending) {
      this.#handler.onEnd(this.#trailers);
      return;
    }
    if (isForTunnel(this.#head)) this.#h3.writeData(this.#id!, new Uint8Array(0), true);
    // RFC 9114 §4.1: the response may end before the request, whose rest is then not needed.
    else this.#h3.cancel(this.#id!, H3_ERRORS.H3_NO_ERROR.code);
    this.#settle();
    this.#handler.onEnd(this.#trailers);
  }

  fail(error: Error, unprocessed: boolean): void {
    if (this.#isDone) return;
    this.#settle();
    // A half-open tunnel has had its last event.
    if (!this.#isFinished) this.#handler.onError(error, unprocessed);
  }

  #settle(): void {
    this.#isDone = true;
    this.#wakeWriter();
    this.#session.release(this.#id, this);
  }
}
