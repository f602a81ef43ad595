/** A ServerExchange on a request and response of node:http (RFC 9112). */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { TLSSocket } from "node:tls";
import { contentLengthOf, type FieldSection, hasNoContent } from "../../http/index.ts";
import { type Fault, guard, ignore } from "../guard.ts";
import type { Http1RequestHead, PeerAddress, ReleaseChunk, RespondOptions, ServerExchange } from "./exchange.ts";
import { NodeBody } from "./node-body.ts";
import type { NodeTunnel } from "./node-tunnel.ts";
import { fieldsFromRaw } from "./raw-fields.ts";
import type { Abortable, TcpConnection } from "./tcp-connection.ts";
import { checkOffer, type Tunnel, type TunnelOffer } from "./tunnel.ts";

const EMPTY = new Uint8Array(0);

export interface Http1Head {
  readonly authority: string;
  readonly path: string;
  readonly fields: FieldSection;
  /** Set if the client requests a tunnel, which `open` creates. */
  readonly upgrade?: Http1Upgrade | undefined;
}

export interface Http1Upgrade {
  readonly offer: TunnelOffer;
  /** Sends the accepting response head, and takes over the socket. */
  open(fields: FieldSection, onClose: () => void): NodeTunnel;
}

/** Bytes. Node writes a head and a string as one TLS record, but a head and a buffer as two. */
const JOINED_BYTES = 4096;
const textOf = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString("latin1");

export class Http1ServerExchange implements ServerExchange, Abortable {
  readonly protocol = "http/1.1";
  readonly scheme = "https";
  readonly connection = undefined;
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly fields: FieldSection;
  readonly body: NodeBody;
  onDrain: (() => void) | undefined;
  onAbort: ((reason: Error) => void) | undefined;
  onClose: (() => void) | undefined;
  preparedBytes = 0;
  readsOn = false;
  #status: number | undefined;
  #aborted: Error | undefined;
  /** The head waits for the first chunk or the end, so that a small response is one write with a known length. */
  #waitingHead: FieldSection | undefined;
  #options: RespondOptions | undefined;
  #ended = false;
  #closed = false;
  readonly #upgrade: Http1Upgrade | undefined;
  #tunnel: NodeTunnel | undefined;
  readonly #tcp: TcpConnection;
  readonly #response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse, head: Http1Head, tcp: TcpConnection) {
    this.#tcp = tcp;
    this.#response = response;
    this.method = request.method!;
    this.authority = head.authority;
    this.path = head.path;
    this.fields = head.fields;
    this.#upgrade = head.upgrade;
    // RFC 9112 §6.3: a request has content only if one of these says so.
    const length = contentLengthOf(head.fields);
    const empty = request.headers["transfer-encoding"] === undefined && (length === undefined || length === 0);
    const onFault = this.handleFault;
    this.body = new NodeBody(request, empty, onFault, () => fieldsFromRaw(request.rawTrailers));
    tcp.exchanges.add(this);
    const close = guard("http1 read on", onFault, () => this.#close());
    response.on("error", ignore); // "close" follows
    response.on(
      "close",
      guard("http1 closed", onFault, () => {
        if (!response.writableFinished) this.abort(new Error("the client closed the connection"));
        if (this.readsOn && this.body.state === "open") request.once("close", close);
        else this.#close();
      }),
    );
    response.on(
      "drain",
      guard("http1 drain", onFault, () => this.onDrain?.()),
    );
  }

  /** Ends the exchange and its connection after an exception. */
  readonly handleFault = (fault: Fault): void => {
    this.#tcp.listener.onFault(fault);
    this.#response.destroy();
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

  get http1(): Http1RequestHead {
    const { httpVersion, url, rawHeaders, rawTrailers } = this.#response.req;
    return { version: httpVersion === "1.0" ? "1.0" : "1.1", target: url!, rawHeaders, rawTrailers };
  }

  get tunnelOffer(): TunnelOffer | undefined {
    return this.#upgrade?.offer;
  }

  get status(): number | undefined {
    return this.#status;
  }

  get aborted(): Error | undefined {
    return this.#tunnel?.aborted ?? this.#aborted;
  }

  get pending(): number {
    return this.#tunnel === undefined ? this.#response.writableLength : this.#response.req.socket.writableLength;
  }

  get unread(): number {
    return this.#response.req.readableLength;
  }

  get awaitsBody(): boolean {
    return this.#status === undefined && this.body.isAwaited;
  }

  get consumed(): number {
    return this.body.consumed;
  }

  get written(): number {
    return this.#response.req.socket.bytesWritten;
  }

  inform(status: number, fields: FieldSection): void {
    const socket = this.#response.socket;
    // RFC 9110 §15.2: never to an HTTP/1.0 client. Without a socket, this request is waiting in a pipeline and cannot
    // write yet; an informational response may always be omitted.
    if (this.#closed || this.#status !== undefined || socket === null || this.#response.req.httpVersionMinor < 1)
      return;
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`;
    for (const [name, value] of fields) head += `${name}: ${value}\r\n`;
    socket.write(`${head}\r\n`, "latin1");
  }

  respond(status: number, fields: FieldSection, options?: RespondOptions): void {
    if (this.#status !== undefined) throw new Error("the response has already begun");
    this.#status = status;
    if (this.#closed) return;
    this.#waitingHead = fields;
    this.#options = options;
    if (options?.endStream === true) this.#end(0);
    else process.nextTick(flushHead, this);
  }

  hasRoom(_bytes?: number): boolean {
    return !this.#response.writableNeedDrain;
  }

  write(chunk: Uint8Array, released?: ReleaseChunk): boolean {
    if (this.#ended || this.#closed) {
      released?.(chunk);
      return false;
    }
    this.#writeHead();
    if (released === undefined) return this.#response.write(chunk);
    // Also called when the socket fails.
    const done = guard("http1 released", this.handleFault, () => released(chunk));
    return this.#response.write(chunk, done);
  }

  end(last?: Uint8Array, trailers?: FieldSection): void {
    // The length is only known if `last` ends the response. Otherwise it is omitted, as in the other versions.
    this.#end(trailers === undefined || trailers.length === 0 ? last?.byteLength : undefined, last, trailers);
  }

  #end(length: number | undefined, last?: Uint8Array, trailers: FieldSection = []): void {
    if (this.#ended || this.#closed) return;
    this.#ended = true;
    const isWhole = this.#waitingHead !== undefined;
    this.#writeHead(length);
    if (trailers.length > 0) this.#response.addTrailers(trailers as [string, string][]);
    if (last === undefined) this.#response.end();
    else if (isWhole && last.byteLength <= JOINED_BYTES) this.#response.end(textOf(last), "latin1");
    else this.#response.end(last);
  }

  acceptTunnel(fields: FieldSection): Tunnel {
    checkOffer(this.tunnelOffer, this.#status);
    this.#status = this.method === "CONNECT" ? 200 : 101;
    this.#tunnel = this.#upgrade!.open(fields, () => this.#close());
    if (this.#aborted !== undefined) this.#tunnel.abort(this.#aborted);
    return this.#tunnel;
  }

  reset(reason: Error): void {
    if (this.#closed) return;
    this.#ended = true;
    this.#aborted ??= reason;
    this.#tcp.pipeline?.stop();
    if (this.#status === undefined || this.#tunnel !== undefined) this.#response.destroy();
    else {
      // Send what was written in this turn first, as the other versions do.
      this.flushHead();
      setImmediate(guard("http1 reset", this.handleFault, () => this.#response.destroy()));
    }
    this.#close();
  }

  /** Called when the connection has ended. */
  abort(reason: Error): void {
    if (this.#tunnel !== undefined) {
      this.#tunnel.abort(reason);
      return;
    }
    if (this.#closed || this.#aborted !== undefined) return;
    this.#aborted = reason;
    this.body.abort();
    this.onAbort?.(reason);
    this.#close();
  }

  /** Sends the head if it is still waiting. */
  flushHead(): void {
    if (this.#waitingHead === undefined || this.#closed) return;
    this.#writeHead();
    // Node's flushHeaders encodes obs-text as UTF-8, so use write; but write sends nothing if there can be no content.
    if (hasNoContent(this.method, this.#status!)) this.#response.flushHeaders();
    else this.#response.write(EMPTY);
  }

  /** Passes the head to Node, which sends it with the next write. */
  #writeHead(length?: number): void {
    const fields = this.#waitingHead;
    if (fields === undefined || this.#closed) return;
    this.#waitingHead = undefined;
    const status = this.#status!;
    const isBodiless = hasNoContent(this.method, status);
    const names = new Set(fields.map(([name]) => name.toLowerCase()));
    const { reason, sendDate, omitted = [], contentLength = length, keepAlive } = this.#options ?? {};
    const isCoded = names.has("transfer-encoding");
    const isSized = names.has("content-length");
    const added = isCoded || isSized || omitted.includes("content-length") ? undefined : contentLength;
    const isFramed = isBodiless || isSized || typeof added === "number";
    const hasDisposition = names.has("content-disposition");
    const flat: string[] = [];
    const last: string[] = [];
    for (const [name, value] of fields) {
      const lower = name.toLowerCase();
      // RFC 9112 §7.1.2: trailers require chunked coding; Node throws otherwise.
      if (isFramed && lower === "trailer") continue;
      // After content-length, Node would decode content-disposition as UTF-8.
      (lower === "content-length" && hasDisposition ? last : flat).push(name, value);
    }
    flat.push(...last);
    if (!isBodiless && typeof added === "number") {
      if (hasDisposition) flat.push("Content-Length", String(added));
      // Node then adds the field after Date and Connection.
      else (this.#response as { _contentLength?: number })._contentLength = added;
    }
    const { altSvc, draining } = this.#tcp.listener;
    if (altSvc !== undefined && !names.has("alt-svc")) flat.push("alt-svc", altSvc);
    // Node then sends `Connection: close`.
    if (draining || keepAlive === false) this.#response.shouldKeepAlive = false;
    if (sendDate === false) this.#response.sendDate = false;
    for (const name of omitted) this.#response.removeHeader(name);
    if (reason === undefined) this.#response.writeHead(status, flat);
    else this.#response.writeHead(status, reason, flat);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#aborted === undefined) this.body.discard();
    // Wake a reader of the request: no more content will arrive.
    this.body.abort();
    this.onClose?.();
    this.#tcp.end(this);
    // If the response head was sent before the drain began, it did not have `Connection: close`, so close here.
    if (this.#tcp.listener.draining && this.#tcp.exchanges.size === 0) this.#response.req.socket.destroySoon();
  }
}

const flushHead = guard(
  "http1 head",
  (fault, exchange: Http1ServerExchange) => exchange.handleFault(fault),
  (exchange: Http1ServerExchange) => exchange.flushHead(),
);
