/**
 * Buffers what a response writes in one turn, so that head, content and end of a short response reach the exchange
 * together.
 *
 * Emits "finish" when the transport has accepted the last byte, and never after an abort.
 */
import type { FieldLine } from "../../http/index.ts";
import { type Fault, guard } from "../guard.ts";
import type { ServerExchange } from "../http/exchange.ts";
import { captureScope, type Scope } from "../request-scope.ts";
import type { Http1Settings } from "./http1-settings.ts";
import { destroyed } from "./node-errors.ts";
import { type Outgoing, splitLines } from "./outgoing-members.ts";
import type { ResponseHead } from "./response-head.ts";
import type { StreamSocket } from "./stream-socket.ts";

export interface OutboxOwner {
  readonly exchange: ServerExchange;
  readonly settings: Http1Settings;
  readonly onFault: (fault: Fault) => void;
  /** Called when a listener or callback throws. */
  fail(error: unknown): void;
  /** Called before any listener of "finish". */
  handleFinish(): void;
}

interface Head extends ResponseHead {
  readonly status: number;
}

type WriteCallback = (error?: Error | null) => void;

/** Bytes. After a larger last chunk the end waits for room, so that a disconnected client is noticed. */
const LARGE_CHUNK = 16 * 1024;

export class Outbox {
  readonly exchange: ServerExchange;
  readonly uniqueHeaders: ReadonlySet<string>;
  head: Head | undefined;
  /** True if the end follows in the call that stored the head. */
  endsNow = false;
  readonly owner: OutboxOwner;
  readonly #response: Outgoing;
  readonly #socket: StreamSocket;
  #isHeadSent = false;
  #chunks: Uint8Array[] = [];
  #callbacks: WriteCallback[] = [];
  #isFlushDue = false;
  /** True while the exchange has no room. */
  #isFull = false;
  /** True once `end` has been called. */
  #isEnding = false;
  /** True once the exchange has ended the response. */
  #isEnded = false;
  /** The context of the last write that filled the exchange, or of `end`: that of "drain" and "finish", as in Node. */
  #scope: Scope | undefined;

  constructor(response: Outgoing, socket: StreamSocket, owner: OutboxOwner) {
    this.#response = response;
    this.#socket = socket;
    this.owner = owner;
    this.exchange = owner.exchange;
    this.uniqueHeaders = owner.settings.uniqueHeaders;
    this.exchange.onDrain = () => this.#handleDrain();
  }

  /** Returns false if the caller should wait for "drain". */
  add(chunk: Uint8Array, callback?: WriteCallback): boolean {
    if (this.exchange.aborted !== undefined || this.#socket.destroyed) return false;
    if (chunk.byteLength > 0) {
      this.#chunks.push(chunk);
      this.#socket.bytesWritten += chunk.byteLength;
      this.#socket.waiting += chunk.byteLength;
      this.#socket.touch();
    }
    if (callback !== undefined) this.#callbacks.push(callback);
    if (!this.#isFlushDue && !this.endsNow) {
      this.#isFlushDue = true;
      process.nextTick(flush, this);
    }
    return !this.#isFull && this.#socket.waiting < this.#socket.writableHighWaterMark;
  }

  callLater(callback: WriteCallback): void {
    process.nextTick(callBack, this, callback);
  }

  /** Runs one tick after the first `add`. */
  flush(): void {
    this.#isFlushDue = false;
    if (this.#isEnding || this.exchange.aborted !== undefined) return;
    this.#sendHead(false);
    // After its callback the caller may reuse a chunk, but the transport may have to retransmit it.
    if (this.#callbacks.length > 0) this.#chunks = this.#chunks.map((chunk) => new Uint8Array(chunk));
    this.#sendChunks();
    if (this.#isFull) this.#scope = captureScope();
    else this.#handleRoom();
  }

  end(): void {
    this.#isEnding = true;
    if (this.exchange.aborted !== undefined) return;
    this.#scope = captureScope();
    const response = this.#response;
    const trailers = response._trailer === "" ? NO_TRAILERS : splitLines(response._trailer, this.exchange.protocol);
    const isEmpty = this.#chunks.length === 0 && trailers.length === 0;
    if (!this.#isHeadSent && isEmpty) {
      this.#isEnded = true;
      this.#sendHead(true);
      this.#settle();
      return;
    }
    this.#sendHead(false, trailers.length > 0, true);
    const last = this.#chunks.pop();
    this.#sendChunks();
    if (last !== undefined && (this.#isFull || last.byteLength > LARGE_CHUNK)) {
      this.#isFull = !this.exchange.write(last);
      this.#endWith(undefined, trailers);
    } else {
      this.#endWith(last, trailers);
    }
  }

  #endWith(last: Uint8Array | undefined, trailers: readonly FieldLine[]): void {
    if (this.#isFull) {
      this.exchange.onDrain = () => {
        this.#isFull = false;
        this.#endWith(last, trailers);
      };
      return;
    }
    this.#isEnded = true;
    const request = this.#response.req;
    // A listener may respond before reading the whole request.
    const isReading = request.readableFlowing === true || request.listenerCount("readable") > 0;
    this.exchange.readsOn = isReading && !request.complete && !request.isPaused();
    this.exchange.end(last, trailers);
    this.#settle();
  }

  /** Finishes the response of an exchange that stays open only for the request's body. */
  #settle(): void {
    if (this.exchange.readsOn === true && this.exchange.body.state === "open") setImmediate(finish, this);
  }

  /** Called when the exchange has closed without an abort. */
  handleClose(): void {
    // HTTP/3 accepts everything immediately, and sends it at the end of the turn.
    if (this.exchange.protocol === "h3") setImmediate(finish, this);
    else this.finish();
  }

  finish(): void {
    // A response that was written to the socket as raw bytes does not finish `res`.
    if (!this.#isEnded || this.#response._closed) return;
    this.#socket.waiting = 0;
    this.#scope!.runInAsyncScope(this.#callAll, this, null);
  }

  /** Drops what is buffered and fails pending writes. */
  abort(): void {
    this.#socket.waiting = 0;
    this.#chunks = [];
    // The callback of `end` emits "finish" despite an error before Node 26.
    if (!this.#isEnding) this.#callAll(destroyed());
  }

  fail(error: unknown): void {
    this.owner.fail(error);
  }

  handleFault(fault: Fault): void {
    this.owner.onFault(fault);
    this.#socket.destroy();
  }

  run(callback: WriteCallback, error: Error | null): void {
    try {
      callback(error);
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  #sendHead(endStream: boolean, trailers = false, isFollowed = false): void {
    const { head } = this;
    if (this.#isHeadSent || head === undefined) return;
    this.#isHeadSent = true;
    const response = this.#response;
    const { status, fields, contentLength, keepAlive } = head;
    const { sendDate, statusMessage: reason } = response;
    const omitted = omittedOf(response);
    const options = { endStream, trailers, isFollowed, sendDate, omitted, contentLength, keepAlive, reason };
    this.exchange.respond(status, fields, options);
  }

  #sendChunks(): void {
    for (const chunk of this.#chunks) if (!this.exchange.write(chunk)) this.#isFull = true;
    this.#chunks = [];
  }

  #handleDrain(): void {
    this.#isFull = false;
    this.#scope?.runInAsyncScope(this.#handleRoom, this);
  }

  #handleRoom(): void {
    if (this.#isEnding) return;
    this.#socket.waiting = 0;
    this.#socket.touch();
    this.#callAll(null);
    // Emits "drain" if a write returned false.
    if (!this.#response.finished && this.#response.socket !== null) this.#response._flush();
  }

  #callAll(error: Error | null): void {
    const callbacks = this.#callbacks;
    this.#callbacks = [];
    for (const callback of callbacks) this.run(callback, error);
  }
}

const NO_TRAILERS: readonly FieldLine[] = [];

/** Fields that Node adds unless `removeHeader` was called. */
const REMOVABLE = [
  ["connection", "_removedConnection"],
  ["content-length", "_removedContLen"],
  ["transfer-encoding", "_removedTE"],
] as const;

const NONE_OMITTED: readonly string[] = [];

function omittedOf(response: Outgoing): readonly string[] {
  const { _removedConnection, _removedContLen, _removedTE } = response;
  if (!_removedConnection && !_removedContLen && !_removedTE) return NONE_OMITTED;
  return REMOVABLE.filter(([, flag]) => response[flag]).map(([name]) => name);
}

const onFault = (fault: Fault, outbox: Outbox): void => outbox.handleFault(fault);

const flush = guard("node flush", onFault, (outbox: Outbox) => outbox.flush());
const finish = guard("node finish", onFault, (outbox: Outbox) => outbox.finish());
const callBack = guard("node callback", onFault, (outbox: Outbox, callback: WriteCallback) =>
  outbox.run(callback, null),
);
