/** A ServerExchange on a request and response of Node's HTTP/1.1 server (RFC 9112). */
import { STATUS_CODES } from "node:http";
import type { TLSSocket } from "node:tls";
import { type FieldSection, hasNoContent, normalizedFields } from "../../http/index.ts";
import { type Fault, guard } from "../guard.ts";
import type { Http1RequestHead, PeerAddress, ReleaseChunk, RespondOptions, ServerExchange } from "./exchange.ts";
import type { Http1Owner, Http1Request } from "./http1-request.ts";
import type { Http1Response } from "./http1-response.ts";
import type { NodeTunnel } from "./node-tunnel.ts";
import { fieldsFromRaw } from "./raw-fields.ts";
import type { Abortable, TcpConnection } from "./tcp-connection.ts";
import { checkOffer, type Tunnel, type TunnelOffer } from "./tunnel.ts";

export interface Http1Head {
  readonly authority: string;
  readonly path: string;
}

export interface Http1Upgrade {
  readonly offer: TunnelOffer;
  /** Sends the accepting response head, and takes over the socket. */
  open(fields: FieldSection, onClose: () => void): NodeTunnel;
}

export class Http1ServerExchange implements ServerExchange, Abortable, Http1Owner {
  readonly protocol = "http/1.1";
  readonly scheme = "https";
  readonly connection = undefined;
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly body: Http1Request;
  onDrain: (() => void) | undefined;
  onAbort: ((reason: Error) => void) | undefined;
  onClose: (() => void) | undefined;
  preparedBytes = 0;
  readsOn = false;
  #fields: FieldSection | undefined;
  #status: number | undefined;
  #aborted: Error | undefined;
  /** The head waits for the first chunk or the end, so that a small response is one write with a known length. */
  #waitingHead: FieldSection | undefined;
  #options: RespondOptions | undefined;
  /** True while the socket's buffer is full. */
  #isFull = false;
  #ended = false;
  #closed = false;
  readonly #upgrade: Http1Upgrade | undefined;
  #tunnel: NodeTunnel | undefined;
  readonly #tcp: TcpConnection;
  readonly #response: Http1Response;

  constructor(response: Http1Response, head: Http1Head, tcp: TcpConnection, upgrade?: Http1Upgrade) {
    const request = response.req;
    this.#tcp = tcp;
    this.#response = response;
    this.method = request.method;
    this.authority = head.authority;
    this.path = head.path;
    this.#upgrade = upgrade;
    this.body = request;
    request.owner = this;
    response.owner = this;
    tcp.exchanges.add(this);
  }

  /** Ends the exchange and its connection after an exception. */
  handleFault(fault: Fault): void {
    this.#tcp.listener.onFault(fault);
    this.#response.destroy();
    this.reset(fault.error);
  }

  handleResponseClose(): void {
    if (!this.#response.isFinished) this.abort(new Error("the client closed the connection"));
    // Otherwise `handleBodyEnd` follows.
    if (!this.readsOn || this.body.state !== "open") this.#close();
  }

  handleBodyEnd(): void {
    if (this.readsOn && this.#response.isFinished) process.nextTick(closeAfterBody, this);
  }

  /** Closes an exchange that continued to read the request's body. */
  closeAfterBody(): void {
    this.#close();
  }

  get tls(): TLSSocket {
    return this.#tcp.socket as TLSSocket;
  }

  get remoteAddress(): PeerAddress {
    return this.#tcp.remoteAddress;
  }

  get localAddress(): PeerAddress {
    return this.#tcp.localAddress;
  }

  get fields(): FieldSection {
    if (this.#fields === undefined) {
      const { rawHeaders, lines } = this.body;
      this.#fields = normalizedFields(fieldsFromRaw(rawHeaders), lines);
    }
    return this.#fields;
  }

  get http1(): Http1RequestHead {
    return this.body;
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
    return this.body.socket.writableLength;
  }

  get unread(): number {
    return this.body.unread;
  }

  get awaitsBody(): boolean {
    return this.#status === undefined && this.body.isAwaited;
  }

  get consumed(): number {
    return this.body.consumed;
  }

  get written(): number {
    return this.#tunnel?.written ?? this.#response.written;
  }

  inform(status: number, fields: FieldSection): void {
    const { socket } = this.#response;
    // RFC 9110 §15.2: never to an HTTP/1.0 client. Without a socket, this request is waiting in a pipeline and cannot
    // write yet; an informational response may always be omitted.
    if (this.#closed || this.#status !== undefined || socket === null || this.body.httpVersionMinor < 1) return;
    if (status === 100) this.#response.hasContinued = true;
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
    if (options?.endStream === true) this.end(EMPTY);
    else if (options?.isFollowed !== true) process.nextTick(flushHead, this);
  }

  hasRoom(_bytes?: number): boolean {
    return !this.#isFull;
  }

  write(chunk: Uint8Array, released?: ReleaseChunk): boolean {
    if (this.#ended || this.#closed) {
      released?.(chunk);
      return false;
    }
    if (released === undefined) return this.#send(chunk);
    // Also called when the socket fails.
    const done = guard(
      "http1 released",
      (fault) => this.handleFault(fault),
      () => released(chunk),
    );
    if (this.#isBodiless) process.nextTick(done);
    return this.#send(chunk, done);
  }

  #send(chunk: Uint8Array, done?: () => void): boolean {
    if (this.#isBodiless) return true;
    this.#isFull = !this.#response.content(this.#takeHead(undefined), chunk, done);
    return !this.#isFull;
  }

  end(last?: Uint8Array, trailers: FieldSection = NONE): void {
    if (this.#ended || this.#closed) return;
    this.#ended = true;
    const content = this.#isBodiless ? undefined : last;
    // The length is only known if `last` ends the response. Otherwise it is omitted, as in the other versions.
    const length = trailers.length === 0 ? last?.byteLength : undefined;
    this.#response.finish(this.#takeHead(length), content, trailers);
  }

  /** Called when the socket's buffer has room again. */
  handleDrain(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.onDrain?.();
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
      setImmediate(
        guard(
          "http1 reset",
          (fault) => this.handleFault(fault),
          () => this.#response.destroy(),
        ),
      );
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
    if (this.#waitingHead !== undefined && !this.#closed) this.#response.flush(this.#takeHead(undefined));
  }

  get #isBodiless(): boolean {
    return hasNoContent(this.method, this.#status!);
  }

  /** Returns the head the first time, to be written before other bytes. */
  #takeHead(length: number | undefined): string {
    const fields = this.#waitingHead;
    if (fields === undefined) return "";
    this.#waitingHead = undefined;
    const { altSvc, draining } = this.#tcp.listener;
    if (draining || this.#options?.keepAlive === false) this.#response.shouldKeepAlive = false;
    return this.#response.head({ status: this.#status!, fields, options: this.#options, altSvc }, length);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#aborted === undefined) this.body.discard();
    // Wake a reader of the request: no more content will arrive.
    this.body.abort();
    this.onClose?.();
    this.#tcp.end(this);
    // If the response head was sent before the drain began, it did not have `Connection: close`, so close here. With a
    // notice, the next response will have it.
    const { draining, notice } = this.#tcp.listener;
    if (draining && notice === 0 && this.#tcp.exchanges.size === 0) this.body.socket.destroySoon();
  }
}

const NONE: FieldSection = [];
const EMPTY = new Uint8Array(0);

const onFault = (fault: Fault, exchange: Http1ServerExchange): void => exchange.handleFault(fault);

const closeAfterBody = guard("http1 read on", onFault, (exchange: Http1ServerExchange) => exchange.closeAfterBody());

const flushHead = guard("http1 head", onFault, (exchange: Http1ServerExchange) => exchange.flushHead());
