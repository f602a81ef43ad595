// One request on an HTTP/3 connection.
import { H3_ERRORS, type H3Connection, type H3Event } from "../../h3/index.ts";
import { isHttp1Only } from "../../http/index.ts";
import type { PartialPriority } from "../../http/priority/index.ts";
import type { StreamId } from "../../quic/index.ts";
import {
  allowedSessions,
  type SessionStreams,
  takesSessions,
  WEBTRANSPORT_H3_PROTOCOL,
  WEBTRANSPORT_PROTOCOL,
  type WebTransportStreams,
} from "../../webtransport/h3/index.ts";
import { detach, type Fault, guard } from "../guard.ts";
import { H3TunnelDatagrams } from "../quic/h3-tunnel-datagrams.ts";
import { asClientError, ClientError, NoExtendedConnectError, TooManySessionsError } from "./errors.ts";
import type { ClientExchange, ClientRequestHead, Field, RequestContent, ResponseHandler } from "./session.ts";
import { isForTunnel } from "./tunnel.ts";

/** RFC 8470 §5.2 */
const TOO_EARLY = 425;

/** The session that an exchange belongs to. */
export interface H3ExchangeOwner {
  /** The streams of WebTransport sessions; undefined if the connection is not for them. */
  readonly webTransport: WebTransportStreams | undefined;
  /** Call after content was read: there may be further events, and flow control credit to send. */
  pump(): void;
  /** Removes a finished exchange. */
  release(id: StreamId | undefined, exchange: H3ClientExchange): void;
  /** Sends a request again that the server refused only because it came early. */
  repeat(id: StreamId, exchange: H3ClientExchange): void;
  /** Ends the connection and its requests. */
  readonly handleFault: (fault: Fault) => void;
}

export class H3ClientExchange implements ClientExchange {
  readonly #h3: H3Connection;
  readonly #owner: H3ExchangeOwner;
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
  datagrams: H3TunnelDatagrams | undefined;
  sessionStreams: SessionStreams | undefined;

  constructor(
    h3: H3Connection,
    owner: H3ExchangeOwner,
    head: ClientRequestHead,
    content: RequestContent | undefined,
    handler: ResponseHandler,
  ) {
    this.#h3 = h3;
    this.#owner = owner;
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
    const { webTransport } = this.#owner;
    // §3.1 of the draft: a client waits for settings that say that the server takes sessions.
    if (
      protocol === WEBTRANSPORT_PROTOCOL &&
      webTransport !== undefined &&
      webTransport.terms().draft === undefined &&
      !takesSessions(this.#h3.peerSettings)
    ) {
      this.#failSoon(new ClientError("PROTOCOL_UNAVAILABLE", "the server takes no WebTransport sessions"));
      return undefined;
    }
    if (protocol === WEBTRANSPORT_PROTOCOL && webTransport !== undefined) {
      const allowed = allowedSessions(webTransport.terms(), this.#h3.peerSettings);
      if (webTransport.sessions >= allowed) {
        this.#failSoon(new TooManySessionsError(allowed));
        return undefined;
      }
    }
    const method = protocol === undefined ? this.#head.method : "CONNECT";
    const fields = this.#head.fields.filter(([name, value]) => name !== "host" && !isHttp1Only(name, value));
    if (this.#content?.length !== undefined) fields.push(["content-length", String(this.#content.length)]);
    let id: StreamId | undefined;
    try {
      const isDraft15 = protocol === WEBTRANSPORT_PROTOCOL && webTransport?.terms().draft === "draft-15";
      const token = isDraft15 ? WEBTRANSPORT_H3_PROTOCOL : protocol;
      const target = this.#head.method === "CONNECT" ? {} : { scheme, path, protocol: token };
      id = this.#h3.request({ method, authority, fields, ...target }, this.#content === undefined);
    } catch (error) {
      const isRefused = protocol !== undefined && !this.#h3.peerSettings.enableConnectProtocol;
      const invalid = isRefused
        ? new NoExtendedConnectError()
        : asClientError(error, "REQUEST_INVALID", "the request cannot be sent");
      this.#failSoon(invalid);
      return undefined;
    }
    if (id === undefined) return "blocked";
    this.#id = id;
    if (protocol !== undefined) this.datagrams = new H3TunnelDatagrams(this.#h3, id);
    if (protocol === WEBTRANSPORT_PROTOCOL) this.sessionStreams = webTransport?.add(id);
    if (this.#content === undefined) this.#handler.onRequestSent();
    else detach("client h3 body", this.#owner.handleFault, this.#send(this.#content));
    return id;
  }

  /** Fails after the caller has the exchange. */
  #failSoon(error: Error): void {
    queueMicrotask(
      guard(
        "client h3 invalid",
        (fault) => this.fail(fault.error, true),
        () => this.fail(error, true),
      ),
    );
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

  reprioritize(priority: PartialPriority): boolean {
    if (this.#id === undefined || this.#isDone) return false;
    return this.#h3.priorities.reprioritize(this.#id, priority);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#hasData) queueMicrotask(guard("client h3 resume", this.#owner.handleFault, () => this.#read()));
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
          this.#owner.repeat(id, this);
          break;
        }
        this.#handler.onHead(event.head.status, event.head.fields, "");
        break;
      case "data":
        this.#hasData = true;
        this.#read();
        break;
      case "datagram":
        if (!this.#isDone) this.datagrams?.handle(event.payload);
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
    this.#owner.pump();
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
    this.sessionStreams?.close();
    this.#wakeWriter();
    this.#owner.release(this.#id, this);
  }
}
