/**
 * A response (RFC 9112) as Node's HTTP/1.1 server expects it, in place of http.ServerResponse: it formats the head, frames
 * the content, and writes both to the socket. A small response is one write.
 *
 * Members that start with "_", and those without an explanation, are what Node 20 to 26 use of a ServerResponse.
 */
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { type FieldSection, hasNoContent } from "../../http/index.ts";
import { httpDate } from "../date.ts";
import { type Fault, guard } from "../guard.ts";
import { BareEmitter } from "./bare-emitter.ts";
import type { RespondOptions } from "./exchange.ts";
import type { Http1Owner, Http1Request } from "./http1-request.ts";

export interface Head {
  readonly status: number;
  readonly fields: FieldSection;
  readonly options: RespondOptions | undefined;
  /** Added unless `fields` has it. */
  readonly altSvc: string | undefined;
}

/** Bytes. A chunk up to this size is copied into the same write as the head. */
const JOINED_BYTES = 4096;
const CLOSE = /(?:^|\W)close(?:$|\W)/i;
const CHUNKED = /(?:^|\W)chunked(?:$|\W)/i;
/** RFC 9110 §5.5: these could split the line. */
const NOT_IN_LINE = /[^\t\x20-\x7e\x80-\xff]/;

const NONE: readonly string[] = [];

type Callback = (error?: Error | null) => void;

export class Http1Response extends BareEmitter {
  readonly req: Http1Request;
  socket: Socket | null = null;
  /** False to close the connection after this response. */
  shouldKeepAlive = true;
  /** Milliseconds; 0 or undefined if unlimited. */
  _keepAliveTimeout: number | undefined = 0;
  _maxRequestsPerSocket = 0;
  _onPendingData: unknown;
  maxRequestsOnConnectionReached = false;
  _expect_continue = false;
  /** True if the connection closes after this response. */
  _last = false;
  _headerSent = false;
  /** True once `end` was called. */
  finished = false;
  destroyed = false;
  _closed = false;
  /** Bytes written so far. */
  written = 0;
  /** True once 100 (Continue) was sent. */
  hasContinued = false;
  owner: Http1Owner | undefined;
  #isChunked = false;
  #onFinish: (() => void) | undefined;
  /** What Node's server answers itself, while an earlier response is being sent. */
  #waiting: string | undefined;
  /** True once the last byte was accepted. */
  isFinished = false;

  constructor(request: Http1Request) {
    super();
    this.req = request;
    if (request.httpVersionMinor < 1) this.shouldKeepAlive = false;
  }

  assignSocket(socket: Socket): void {
    (socket as { _httpMessage?: unknown })._httpMessage = this;
    this.socket = socket;
    if (this.#waiting !== undefined) this.finish(this.#waiting, undefined, []);
  }

  detachSocket(socket: Socket): void {
    (socket as { _httpMessage?: unknown })._httpMessage = null;
    this.socket = null;
  }

  /** Keeps the listener of Node's server apart, since it comes with every response. */
  override on(event: string | symbol, listener: (...given: never[]) => void): this {
    if (event !== "finish" || this.#onFinish !== undefined) return super.on(event, listener as never);
    this.#onFinish = listener as () => void;
    return this;
  }

  override emit(event: string | symbol, ...given: unknown[]): boolean {
    if (event === "close" && this.owner !== undefined) closed(this, this.owner);
    return super.emit(event, ...given);
  }

  /** Formats the head. `length` is the length of the content, if it is known. */
  head({ status, fields, options, altSvc }: Head, length: number | undefined): string {
    const { req } = this;
    const isBodiless = hasNoContent(req.method, status);
    // RFC 9112 §7.1: an HTTP/1.0 client does not know chunked coding.
    const canChunk = req.httpVersionMinor >= 1;
    const { omitted = NONE, contentLength = length } = options ?? {};
    let hasDate = options?.sendDate === false;
    let hasConnection = false;
    let hasKeepAlive = false;
    let isSized = false;
    let isCoded = false;
    let hasAltSvc = altSvc === undefined;
    let announced: readonly string[] = NONE;
    let text = `HTTP/1.1 ${status} ${options?.reason ?? STATUS_CODES[status] ?? "unknown"}\r\n`;
    for (const [name, value] of fields) {
      if (NOT_IN_LINE.test(value) || NOT_IN_LINE.test(name)) throw new TypeError(`the field ${name} is invalid`);
      const line = `${name}: ${value}\r\n`;
      switch (name.length) {
        case 4:
          if (name.toLowerCase() === "date") hasDate = true;
          break;
        case 7:
          if (name.toLowerCase() === "alt-svc") hasAltSvc = true;
          else if (name.toLowerCase() === "trailer") announced = [...announced, line];
          break;
        case 10:
          if (name.toLowerCase() === "keep-alive") hasKeepAlive = true;
          else if (name.toLowerCase() === "connection") {
            hasConnection = true;
            if (CLOSE.test(value)) this._last = true;
            else this.shouldKeepAlive = true;
          }
          break;
        case 14:
          if (name.toLowerCase() === "content-length") isSized = true;
          break;
        case 17:
          if (name.toLowerCase() === "transfer-encoding") {
            isCoded = true;
            if (CHUNKED.test(value)) this.#isChunked = true;
          }
          break;
      }
      text += line;
    }
    if (!hasAltSvc) text += `alt-svc: ${altSvc}\r\n`;
    if (!hasDate) text += `Date: ${httpDate(Date.now())}\r\n`;
    if (isBodiless && this.#isChunked) {
      this.#isChunked = false;
      if (status === 204 || status === 304) this.shouldKeepAlive = false;
    }
    // The client may send the content it announced after a final response, or not.
    if (this._expect_continue && !this.hasContinued) this.shouldKeepAlive = false;
    const isFramed = isSized || isCoded || isBodiless;
    const isAdded = !isFramed && typeof contentLength === "number" && !omitted.includes("content-length");
    const isChunked = !isFramed && !isAdded && canChunk && !omitted.includes("transfer-encoding");
    if (omitted.includes("connection")) this._last ||= !this.shouldKeepAlive;
    else if (!hasConnection) text += this.#persistence(isSized || isAdded || canChunk, hasKeepAlive);
    if (isAdded) text += `Content-Length: ${contentLength}\r\n`;
    else if (isChunked) {
      this.#isChunked = true;
      text += "Transfer-Encoding: chunked\r\n";
    } else if (!isFramed) this._last = true;
    // RFC 9112 §7.1.2: trailers require chunked coding.
    if (!this.#isChunked) for (const line of announced) text = text.replace(`\r\n${line}`, "\r\n");
    this._headerSent = true;
    return `${text}\r\n`;
  }

  /** RFC 9112 §9.3 */
  #persistence(isDelimited: boolean, hasKeepAlive: boolean): string {
    if (!this.shouldKeepAlive || !isDelimited) {
      this._last = true;
      return "Connection: close\r\n";
    }
    if (this.maxRequestsOnConnectionReached) return "Connection: close\r\n";
    if (!this._keepAliveTimeout || hasKeepAlive) return "Connection: keep-alive\r\n";
    const max = this._maxRequestsPerSocket > 0 ? `, max=${this._maxRequestsPerSocket}` : "";
    return `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(this._keepAliveTimeout / 1000)}${max}\r\n`;
  }

  /** Writes content after `head`, which is empty if it was sent. Returns false if the socket's buffer is full. */
  content(head: string, chunk: Uint8Array, callback?: Callback): boolean {
    const { byteLength } = chunk;
    if (!this.#isChunked) return this.#join(head, chunk, "", callback);
    if (byteLength > 0) return this.#join(`${head}${byteLength.toString(16)}\r\n`, chunk, "\r\n", callback);
    if (callback !== undefined) process.nextTick(callback);
    return head === "" || this.#write(head);
  }

  /** Writes only the head. */
  flush(head: string): void {
    this.#write(head);
  }

  /** Writes the end of the message, after `head` and the last chunk. */
  finish(head: string, last: Uint8Array | undefined, trailers: FieldSection): void {
    this.finished = true;
    if (last === undefined || last.byteLength === 0) this.#write(head + this.#ending(trailers), accepted(this));
    else if (!this.#isChunked) this.#join(head, last, "", accepted(this));
    else
      this.#join(`${head}${last.byteLength.toString(16)}\r\n`, last, `\r\n${this.#ending(trailers)}`, accepted(this));
  }

  /** RFC 9112 §7.1 */
  #ending(trailers: FieldSection): string {
    if (!this.#isChunked) return "";
    let text = "0\r\n";
    for (const [name, value] of trailers) {
      if (NOT_IN_LINE.test(value) || NOT_IN_LINE.test(name)) throw new TypeError(`the trailer ${name} is invalid`);
      text += `${name}: ${value}\r\n`;
    }
    return `${text}\r\n`;
  }

  /** Writes a chunk between two texts, as few TLS records. */
  #join(before: string, chunk: Uint8Array, after: string, callback: Callback | undefined): boolean {
    if (chunk.byteLength <= JOINED_BYTES && before !== "") return this.#write(joined(before, chunk, after), callback);
    const { socket } = this;
    socket?.cork();
    if (before !== "") this.#write(before);
    let hasRoom = this.#write(chunk, after === "" ? callback : undefined);
    if (after !== "") hasRoom = this.#write(after, callback);
    socket?.uncork();
    return hasRoom;
  }

  /** Drops what cannot be sent any more: the client has closed its side, and the connection is about to close. */
  #write(data: string | Uint8Array, callback?: Callback): boolean {
    const { socket } = this;
    this.written += data.length;
    if (socket?.writable) return socket.write(data as string, "latin1", callback);
    if (callback !== undefined) process.nextTick(callback, new Error("the connection has ended"));
    return false;
  }

  /** Called when the socket has accepted the last byte. */
  handleAccepted(): void {
    if (this.isFinished) return;
    this.isFinished = true;
    this.#onFinish?.();
    this.emit("finish");
  }

  /** Refuses the request: Node's server calls `writeHead` and `end` for requests that it refuses itself. */
  writeHead(status: number): this {
    this.shouldKeepAlive = false;
    this.#waiting = this.head({ status, fields: [], options: undefined, altSvc: undefined }, 0);
    return this;
  }

  end(): void {
    if (this.socket !== null) this.finish(this.#waiting!, undefined, []);
  }

  destroy(): this {
    this.destroyed = true;
    this.socket?.destroy();
    return this;
  }
}

function joined(before: string, chunk: Uint8Array, after: string): Uint8Array {
  const start = before.length;
  const end = start + chunk.byteLength;
  const bytes = Buffer.allocUnsafe(end + after.length);
  bytes.write(before, 0, "latin1");
  bytes.set(chunk, start);
  if (after !== "") bytes.write(after, end, "latin1");
  return bytes;
}

const onFault = (fault: Fault, response: Http1Response): void => response.owner?.handleFault(fault);

const closed = guard("http1 closed", onFault, (_response: Http1Response, owner: Http1Owner) =>
  owner.handleResponseClose(),
);

const handleAccepted = guard("http1 accepted", onFault, (response: Http1Response) => response.handleAccepted());

/** The callback of the last write. After an error, the socket closes. */
const accepted =
  (response: Http1Response): Callback =>
  (error) => {
    if (error === undefined || error === null) handleAccepted(response);
  };
