/**
 * A request (RFC 9112) as Node's HTTP/1.1 server builds it from its parser's events, in place of http.IncomingMessage:
 * that is a stream, which costs more than the rest of an exchange. This one only queues the content for its reader.
 *
 * Members that start with "_", and those without an explanation, are what Node 20 to 26 use of an IncomingMessage.
 */
import { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { FieldSection } from "../../http/index.ts";
import { type Fault, guard } from "../guard.ts";
import { BareEmitter } from "./bare-emitter.ts";
import type { Http1RequestHead } from "./exchange.ts";
import { Http1Lines } from "./http1-lines.ts";
import { fieldsFromRaw } from "./raw-fields.ts";
import type { BodyState, RequestBody } from "./request-body.ts";

const NONE: readonly never[] = [];

/** The exchange of a request and its response. */
export interface Http1Owner {
  /** Called when a callback has thrown. */
  handleFault(fault: Fault): void;
  /** Called when no more content will arrive. */
  handleBodyEnd(): void;
  /** Called when the response is complete and the server has moved on to the next request, or the connection has ended. */
  handleResponseClose(): void;
}

/** `headers`, of which Node's server only reads `expect`. */
class Headers {
  readonly #lines: Http1Lines;
  constructor(lines: Http1Lines) {
    this.#lines = lines;
  }
  get host(): string | undefined {
    return this.#lines.host;
  }
  get expect(): string | undefined {
    return this.#lines.expect;
  }
}

export class Http1Request extends BareEmitter implements RequestBody, Http1RequestHead {
  httpVersionMajor = 1;
  httpVersionMinor = 1;
  httpVersion = "1.1";
  joinDuplicateHeaders: unknown;
  method = "";
  url = "";
  upgrade: unknown;
  complete = false;
  parser: unknown;
  readonly socket: Socket;
  _consuming = false;
  _dumped = false;
  /** Alternating names and values, in their original spelling. */
  rawHeaders: readonly string[] = NONE;
  /** Facts about `rawHeaders`. */
  lines = NO_LINES;

  onReadable: (() => void) | undefined;
  trailers: FieldSection = NONE;
  state: BodyState = "ended";
  rawTrailers: readonly string[] = NONE;
  /** Bytes read so far. */
  consumed = 0;
  /** Bytes received and not read yet. */
  unread = 0;
  owner: Http1Owner | undefined;
  readonly #limit: number;
  #chunks: Uint8Array[] = NONE as unknown as Uint8Array[];
  /** True once `push` has returned false, which makes Node pause the socket. */
  #isHeld = false;
  /** True if the reader waits for more. */
  #isAwaited = false;

  constructor(socket: Socket) {
    super();
    this.socket = socket;
    this.#limit = socket.readableHighWaterMark;
  }

  /** The lines of the head, and then those of the trailers. `count` is never smaller, as the server sets no maximum. */
  /** `count` is smaller than the number of `lines` if the server's `maxHeadersCount` drops the rest. */
  _addHeaderLines(lines: readonly string[], count: number): void {
    if (this.complete) {
      this.rawTrailers = lines;
      this.trailers = fieldsFromRaw(lines);
      return;
    }
    this.rawHeaders = count < lines.length ? lines.slice(0, count) : lines;
    // The parser has framed the content by all of them.
    this.lines = new Http1Lines(lines);
    if (this.lines.hasContent) this.state = "open";
  }

  // ── Http1RequestHead ────────────────────────────────────────────────────────────────────────────────────────────────

  get version(): "1.0" | "1.1" {
    return this.httpVersionMinor === 0 ? "1.0" : "1.1";
  }
  get target(): string {
    return this.url;
  }
  get expect(): string | undefined {
    return this.lines.expect;
  }

  get headers(): Headers {
    return new Headers(this.lines);
  }

  /** Takes content from the parser, or null at its end. Returns false if the socket should pause. */
  push(chunk: Uint8Array | null): boolean {
    if (chunk === null) {
      if (this.#chunks.length === 0) this.settle();
      return true;
    }
    if (this.state !== "open") return true;
    if (this.#chunks === (NONE as readonly unknown[])) this.#chunks = [];
    this.#chunks.push(chunk);
    this.unread += chunk.byteLength;
    this.#isHeld = this.unread >= this.#limit;
    if (this.#isAwaited) this.#notify();
    return !this.#isHeld;
  }

  /** True if a reader waits for more. */
  get isAwaited(): boolean {
    return this.#isAwaited && this.state === "open";
  }

  read(): Uint8Array | undefined {
    if (this.state !== "open") return undefined;
    this._consuming = true;
    const chunk = this.#chunks.shift();
    if (chunk === undefined) {
      this.#isAwaited = true;
      return undefined;
    }
    this.consumed += chunk.byteLength;
    this.unread -= chunk.byteLength;
    if (this.#chunks.length === 0) {
      // As a stream would, so that its end does not depend on whether it came with the last chunk.
      if (this.complete) process.nextTick(settle, this);
      else this.#resume();
    }
    return chunk;
  }

  /** Call if the connection ends, or the response has ended. */
  abort(): void {
    if (this.state !== "open") return;
    this.state = "aborted";
    this.#notify();
    this.owner?.handleBodyEnd();
  }

  /** Drops the rest of the content, so that the connection can carry another request. */
  discard(): void {
    this._dumped = true;
    this.#chunks = NONE as unknown as Uint8Array[];
    this.unread = 0;
    this.#resume();
  }

  /** True if the connection may be read while this request waits in a pipeline. */
  get takesMore(): boolean {
    return this.complete || !this.#isHeld;
  }

  #resume(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    const { socket } = this;
    if (!(socket as { _paused?: boolean })._paused && socket.readable) socket.resume();
  }

  /** Called when everything was read. */
  settle(): void {
    if (this.state === "open") {
      this.state = "ended";
      if (this.#isAwaited) this.#notify();
      this.owner?.handleBodyEnd();
    }
    this.emit("end");
  }

  #notify(): void {
    this.#isAwaited = false;
    if (this.onReadable !== undefined) notify(this);
  }

  get readableEnded(): boolean {
    return this.complete && this.#chunks.length === 0;
  }

  get _readableState(): { readonly resumeScheduled: boolean } {
    return READABLE_STATE;
  }

  _dump(): void {
    this.discard();
  }

  /** Called when the connection has ended, which the exchange notices itself. */
  destroy(): this {
    return this;
  }
}

/** The same request head as one of Node's messages, for callbacks of applications. */
export function messageOf({ socket, method, url, httpVersion, ...request }: Http1Request): IncomingMessage {
  const message = new IncomingMessage(socket) as IncomingMessage & {
    _addHeaderLines(lines: string[], n: number): void;
  };
  const { httpVersionMajor, httpVersionMinor, rawHeaders } = request;
  Object.assign(message, { method, url, httpVersion, httpVersionMajor, httpVersionMinor });
  message._addHeaderLines(rawHeaders as string[], rawHeaders.length);
  return message;
}

const NO_LINES = new Http1Lines(NONE);
const READABLE_STATE = { resumeScheduled: false };

const onFault = (fault: Fault, request: Http1Request): void => request.owner?.handleFault(fault);

const notify = guard("http1 content", onFault, (request: Http1Request) => request.onReadable?.());
const settle = guard("http1 content end", onFault, (request: Http1Request) => request.settle());

/** Since Node 24, its server calls this method of an IncomingMessage when the response has finished. */
for (const symbol of Object.getOwnPropertySymbols(IncomingMessage.prototype)) {
  if (symbol.description === "kDetachAbortSignal") Object.assign(Http1Request.prototype, { [symbol]: () => undefined });
}
