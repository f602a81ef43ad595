/** A ServerExchange on a node:http2 stream (RFC 9113). */
import { constants, type ServerHttp2Stream } from "node:http2";
import type { TLSSocket } from "node:tls";
import { type FieldSection, fieldValue, withEmptyLength } from "../../http/index.ts";
import {
  completePriority,
  forwardedClient,
  mergePriority,
  type PartialPriority,
  type Priority,
  priorityOf,
} from "../../http/priority/index.ts";
import { type Fault, guard, ignore } from "../guard.ts";
import { Timer } from "../timer.ts";
import type { PeerAddress, ReleaseChunk, RespondOptions, ServerExchange } from "./exchange.ts";
import { watchEndStream } from "./http2-end-stream.ts";
import type { OutgoingContent } from "./http2-outbox.ts";
import { NodeBody } from "./node-body.ts";
import { NodeTunnel } from "./node-tunnel.ts";
import { fieldsFromRaw } from "./raw-fields.ts";
import type { Abortable, TcpConnection } from "./tcp-connection.ts";
import { checkOffer, type Tunnel, type TunnelOffer } from "./tunnel.ts";

export interface Http2Head {
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly fields: FieldSection;
  readonly tunnelOffer: TunnelOffer | undefined;
}

export class Http2ServerExchange implements ServerExchange, Abortable {
  readonly protocol = "h2";
  readonly connection = undefined;
  readonly scheme = "https";
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly fields: FieldSection;
  readonly body: NodeBody;
  readonly tunnelOffer: TunnelOffer | undefined;
  onDrain: (() => void) | undefined;
  onAbort: ((reason: Error) => void) | undefined;
  onClose: (() => void) | undefined;
  preparedBytes = 0;
  readsOn = false;
  #status: number | undefined;
  #aborted: Error | undefined;
  #trailers: FieldSection | undefined;
  #written = 0;
  readonly #id: number;
  #content: OutgoingContent | undefined;
  /** The client's priority, and what the response's field sets. */
  #asked: Priority | undefined;
  #set: PartialPriority = {};
  onPriority: ((priority: Priority) => void) | undefined;
  #ended = false;
  #closed = false;
  #tunnel: NodeTunnel | undefined;
  /** Returns true if the request's body ended without END_STREAM. Valid once the readable side has ended. */
  readonly #wasCut: () => boolean;
  readonly #tcp: TcpConnection;
  readonly #stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream, head: Http2Head, endStream: boolean, tcp: TcpConnection) {
    this.#stream = stream;
    this.#tcp = tcp;
    this.method = head.method;
    this.authority = head.authority;
    this.path = head.path;
    this.fields = head.fields;
    this.tunnelOffer = head.tunnelOffer;
    const onFault = this.#handleFault;
    const hasEnded = endStream ? () => true : watchEndStream(stream);
    this.#wasCut = () => !hasEnded();
    this.body = new NodeBody(stream, endStream, onFault, this.#wasCut);
    tcp.exchanges.add(this);
    this.#id = stream.id ?? 0;
    this.#asked = tcp.priorities?.add(this.#id, this);
    // Node resets a stream whose readable side nobody has touched once its response is written, and this RST_STREAM overtakes
    // END_STREAM when the socket is full: the client could not tell that the response is complete.
    if (endStream) stream.resume();
    else {
      stream.on(
        "trailers",
        guard("http2 trailers", onFault, (_headers: unknown, _flags: number, raw?: string[]) => {
          const trailers = fieldsFromRaw(raw);
          // RFC 9110 §6.5.1: trailers must not affect framing. node:http and our HTTP/3 refuse this too.
          if (fieldValue(trailers, "content-length") !== undefined) stream.close(constants.NGHTTP2_PROTOCOL_ERROR);
          else this.body.trailers = trailers;
        }),
      );
    }
    stream.on("error", ignore); // "close" follows, with the code
    stream.on(
      "close",
      guard("http2 closed", onFault, () => {
        if (this.#tunnel !== undefined) return;
        // Node may emit "close" (NO_ERROR) before "finish" when the last frame has been sent.
        const hasAll = stream.writableFinished || stream.rstCode === constants.NGHTTP2_NO_ERROR;
        if (this.#aborted === undefined && (!this.#ended || !hasAll)) {
          tcp.intake?.countCancelled(this);
          this.abort(new Error(`the client reset the stream (${stream.rstCode})`));
        }
        this.#close();
      }),
    );
  }

  get priority(): Priority {
    this.#asked ??= this.#clientPriority();
    return mergePriority(this.#asked, this.#set);
  }

  prioritize(members: PartialPriority): void {
    this.#set = { ...this.#set, ...members };
    this.#content?.place(this.#place);
  }

  /** PRIORITY_UPDATE (RFC 9218 §7.1). */
  handlePriority(priority: Priority): void {
    this.#asked = priority;
    this.#content?.place(this.#place);
    this.onPriority?.(this.priority);
  }

  #clientPriority(): Priority {
    const members = priorityOf(this.fields);
    // RFC 9218 §11: tunnels share the bandwidth.
    return completePriority(this.method === "CONNECT" ? { incremental: true, ...members } : members);
  }

  get #place(): Priority {
    // RFC 9218 §13.1: clients behind an intermediary are treated alike.
    return forwardedClient(this.fields) === undefined ? this.priority : SHARED;
  }

  /** Resets the stream after an exception; the connection continues. */
  readonly #handleFault = (fault: Fault): void => {
    this.#tcp.listener.onFault(fault);
    this.reset(fault.error);
  };

  get tls(): TLSSocket {
    return this.#tcp.socket as TLSSocket;
  }

  get remoteAddress(): PeerAddress {
    return this.#tcp.remoteAddress;
  }

  get localAddress(): PeerAddress {
    return this.#tcp.localAddress;
  }

  get status(): number | undefined {
    return this.#status;
  }

  get aborted(): Error | undefined {
    return this.#tunnel?.aborted ?? this.#aborted;
  }

  get pending(): number {
    return this.#content?.pending ?? this.#stream.writableLength;
  }

  get unread(): number {
    return this.#stream.readableLength;
  }

  get awaitsBody(): boolean {
    return this.#status === undefined && this.body.isAwaited;
  }

  get consumed(): number {
    return this.body.consumed;
  }

  get written(): number {
    return this.#tunnel === undefined ? this.#written : this.#tunnel.written;
  }

  inform(status: number, fields: FieldSection): void {
    if (this.#isGone() || this.#status !== undefined) return;
    this.#stream.additionalHeaders(toHeaders(status, fields));
  }

  respond(status: number, fields: FieldSection, options?: RespondOptions): void {
    if (this.#status !== undefined) throw new Error("the response has already begun");
    this.#status = status;
    if (this.#isGone()) return;
    const endStream = options?.endStream === true;
    this.#set = { ...this.#set, ...priorityOf(fields) };
    const headers = toHeaders(status, endStream ? withEmptyLength(this.method, status, fields) : fields);
    if (this.#tcp.listener.altSvc !== undefined) headers["alt-svc"] ??= this.#tcp.listener.altSvc;
    // Makes Node request trailers after the last DATA frame instead of closing the stream.
    const waitForTrailers = !endStream && options?.trailers === true;
    if (waitForTrailers) {
      this.#stream.on(
        "wantTrailers",
        guard("http2 wants trailers", this.#handleFault, () => this.#sendTrailers()),
      );
    }
    this.#stream.respond(headers, { endStream, waitForTrailers, sendDate: options?.sendDate !== false } as object);
    if (endStream) this.#finish();
  }

  hasRoom(bytes = 0): boolean {
    return this.#ended || this.#isGone() || (this.#content?.hasRoom() !== false && this.#tcp.room.has(this, bytes));
  }

  /** Called when there may be room again, on the stream or the connection. */
  handleRoom(): void {
    if (!this.#isGone()) this.onDrain?.();
  }

  write(chunk: Uint8Array, released?: ReleaseChunk): boolean {
    if (this.#ended || this.#isGone()) {
      released?.(chunk);
      return false;
    }
    this.#written += chunk.byteLength;
    const hasRoom = this.#open().write(chunk, released);
    this.#tcp.room.settle(this);
    return hasRoom;
  }

  end(last?: Uint8Array, trailers?: FieldSection): void {
    if (this.#ended || this.#isGone()) return;
    this.#trailers = trailers;
    this.#written += last?.byteLength ?? 0;
    const length = last?.byteLength ?? 0;
    // A small response costs nothing to send at once.
    if (this.#content === undefined && length <= SMALL && !this.#tcp.outbox.isBusy) this.#stream.end(last);
    else this.#open().end(last);
    this.#finish();
  }

  #open(): OutgoingContent {
    this.#content ??= this.#tcp.outbox.open(this.#stream, {
      priority: this.#place,
      onRoom: () => this.handleRoom(),
      onFault: this.#handleFault,
    });
    return this.#content;
  }

  acceptTunnel(fields: FieldSection): Tunnel {
    checkOffer(this.tunnelOffer, this.#status);
    this.#status = 200;
    const stream = this.#stream;
    const tunnel = new NodeTunnel({
      stream,
      isEmpty: this.body.state === "ended",
      wasCut: this.#wasCut,
      // deviation: INTERNAL_ERROR instead of CONNECT_ERROR (RFC 9113 §8.5), which Node only sends after END_STREAM.
      cutOff: (reason) => this.#cutOff(reason),
      onFault: this.#tcp.listener.onFault,
      tunnels: this.#tcp.listener.tunnels,
      onClose: () => this.#close(),
    });
    if (this.#isGone()) tunnel.abort(this.#aborted ?? new Error("the client reset the stream"));
    else stream.respond(toHeaders(200, fields));
    this.#tunnel = tunnel;
    return tunnel;
  }

  reset(reason: Error): void {
    if (this.#closed) return;
    this.#ended = true;
    this.#aborted ??= reason;
    this.#content?.close();
    this.#cutOff(reason);
    this.body.discard();
  }

  #cutOff(reason: Error): void {
    // RFC 9113 §8.1: no END_STREAM before RST_STREAM. close() ends an open writable side; destroy() with an error does
    // not. After end(), close() delays RST_STREAM until the session next sends; destroy() would drop it.
    if (this.#stream.writableEnded) this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    else this.#stream.destroy(reason);
  }

  /** Called when the stream or its connection has ended. */
  abort(reason: Error): void {
    this.#tunnel?.abort(reason);
    if (this.#closed || this.#aborted !== undefined) return;
    this.#aborted = reason;
    this.body.abort();
    this.onAbort?.(reason);
  }

  #finish(): void {
    this.#ended = true;
    // RFC 9113 §8.1: after a complete response, ask the client to stop sending the rest of the body.
    if (this.body.state !== "open" || this.readsOn) return;
    const stop = guard("http2 stop", this.#handleFault, () => {
      if (this.body.state !== "open") return;
      if (!this.#isGone()) {
        // RST_STREAM must not overtake END_STREAM, which waits while the socket is full or the client's window closed.
        if (this.#stream.state.localClose !== 1) {
          new Timer(stop, STOP_INTERVAL).unref();
          return;
        }
        this.#stream.close(constants.NGHTTP2_NO_ERROR);
      }
      // Node closes a stream only when all that arrived of it has been read.
      this.body.discard();
      // Wake a reader of the request: no more content will arrive.
      this.body.abort();
    });
    this.#stream.once(
      "finish",
      // If the request arrived in this turn, Node has not sent the head yet, and RST_STREAM would overtake it.
      guard("http2 finish", this.#handleFault, () => setImmediate(stop)),
    );
  }

  #sendTrailers(): void {
    if (this.#isGone()) return;
    this.#stream.sendTrailers(toHeaders(undefined, this.#trailers ?? [])); // without any, Node just ends the stream
  }

  #isGone(): boolean {
    return this.#closed || this.#stream.destroyed || this.#stream.closed;
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#content?.close();
    this.#tcp.priorities?.delete(this.#id);
    this.#tcp.room.settle(this);
    if (this.readsOn) this.body.abort();
    this.#tcp.end(this);
    this.onClose?.();
  }
}

/** Bytes of a response whose content need not be held back. */
const SMALL = 4 * 1024;

/** The place of a request that an intermediary forwards. */
const SHARED: Priority = { urgency: 3, incremental: true };

/** Milliseconds between two looks whether a response has left, so that the rest of its request can be refused. */
const STOP_INTERVAL = 10;

/** Singleton fields, of which only the first is sent if an origin sent several. */
const SINGLE = new Set(["location", "content-type", "content-location", "etag", "last-modified", "retry-after"]);

/**
 * Node takes an object and refuses several lines of many fields, so combine them (RFC 9110 §5.3). Only Set-Cookie
 * cannot be combined.
 */
function toHeaders(status: number | undefined, fields: FieldSection): Record<string, string | string[] | number> {
  const headers: Record<string, string | string[] | number> = Object.create(null);
  if (status !== undefined) headers[":status"] = status;
  for (const [name, value] of fields) {
    const before = headers[name];
    if (before !== undefined && SINGLE.has(name)) continue; // combining would change the value
    if (before === undefined) headers[name] = name === "set-cookie" ? [value] : value;
    else if (Array.isArray(before)) before.push(value);
    else headers[name] = `${before}, ${value}`;
  }
  return headers;
}
