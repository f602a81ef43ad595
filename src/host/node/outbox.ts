/**
 * What a response has written and its exchange has not taken yet. Chunks of one turn are gathered, so that a response
 * written in one turn leaves as one: head, content and end together.
 *
 * "finish" comes when the transport has taken the last byte of a client that is still there; never after an abort.
 */
import type { FieldLine } from "../../http/index.ts";
import { type Fault, guard } from "../guard.ts";
import type { RespondOptions, ServerExchange } from "../http/exchange.ts";
import { destroyed } from "./node-errors.ts";
import { type Outgoing, splitLine } from "./outgoing-members.ts";
import type { StreamSocket } from "./stream-socket.ts";

export interface OutboxOwner {
  readonly exchange: ServerExchange;
  readonly onFault: (fault: Fault) => void;
  /** A listener or callback threw. */
  readonly fail: (error: unknown) => void;
  /** Before "finish" reaches any listener. */
  readonly onFinish: () => void;
}

interface Head {
  readonly status: number;
  readonly fields: readonly FieldLine[];
}

type WriteCallback = (error?: Error | null) => void;

/** Beyond it, the end waits until the last chunk has room: until then the client may still go away. */
const LARGE_CHUNK = 16 * 1024;

export class Outbox {
  readonly exchange: ServerExchange;
  head: Head | undefined;
  readonly #response: Outgoing;
  readonly #socket: StreamSocket;
  readonly #owner: OutboxOwner;
  #isHeadSent = false;
  #chunks: Uint8Array[] = [];
  #callbacks: WriteCallback[] = [];
  #isFlushDue = false;
  /** The exchange takes no more for now. */
  #isFull = false;
  /** `end` was called. */
  #isEnding = false;
  /** The exchange has its end. */
  #isEnded = false;

  constructor(response: Outgoing, socket: StreamSocket, owner: OutboxOwner) {
    this.#response = response;
    this.#socket = socket;
    this.#owner = owner;
    this.exchange = owner.exchange;
    this.exchange.onDrain = () => this.#handleDrain();
  }

  /** False when enough waits. */
  add(chunk: Uint8Array, callback?: WriteCallback): boolean {
    if (this.exchange.aborted !== undefined || this.#socket.destroyed) return false;
    if (chunk.byteLength > 0) {
      this.#chunks.push(chunk);
      this.#socket.bytesWritten += chunk.byteLength;
      this.#socket.waiting += chunk.byteLength;
      this.#socket.touch();
    }
    if (callback !== undefined) this.#callbacks.push(callback);
    if (!this.#isFlushDue) {
      this.#isFlushDue = true;
      process.nextTick(flush, this);
    }
    return !this.#isFull && this.#socket.waiting < this.#socket.writableHighWaterMark;
  }

  callLater(callback: WriteCallback): void {
    process.nextTick(callBack, this, callback);
  }

  /** A turn has passed since something was added. */
  flush(): void {
    this.#isFlushDue = false;
    if (this.#isEnding || this.exchange.aborted !== undefined) return;
    this.#sendHead({});
    // Who is called back may fill a chunk anew; a transport sends it again when it is lost.
    if (this.#callbacks.length > 0) this.#chunks = this.#chunks.map((chunk) => new Uint8Array(chunk));
    this.#sendChunks();
    if (!this.#isFull) this.#handleRoom();
  }

  end(): void {
    this.#isEnding = true;
    if (this.exchange.aborted !== undefined) return;
    const response = this.#response;
    const trailers = response._trailer.trimEnd().split("\r\n").filter((line) => line !== "").map(splitLine); // biome-ignore format: one chain
    const isEmpty = this.#chunks.length === 0 && trailers.length === 0;
    if (!this.#isHeadSent && isEmpty) {
      this.#isEnded = true;
      this.#sendHead({ endStream: true });
      this.#settle();
      return;
    }
    this.#sendHead({ trailers: trailers.length > 0 });
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
    // Somebody takes the content still: a listener may answer before it has read everything.
    this.exchange.readsOn =
      !request.complete && !request.isPaused() && (request.readableFlowing === true || request.listenerCount("readable") > 0); // biome-ignore format: one condition
    this.exchange.end(last, trailers);
    this.#settle();
  }

  /** The exchange has everything; where it goes on for the request's sake, the response is over all the same. */
  #settle(): void {
    if (this.exchange.readsOn === true && this.exchange.body.state === "open") setImmediate(finish, this);
  }

  /** The exchange is over; `aborted` is undefined. */
  handleClose(): void {
    // HTTP/3 takes everything at once; "finish" is for when it has left, which is at the end of the turn.
    if (this.exchange.protocol === "h3") setImmediate(finish, this);
    else this.finish();
  }

  finish(): void {
    // An exchange that somebody else ended, such as raw bytes on the socket, brings no "finish".
    if (!this.#isEnded || this.#response._closed) return;
    this.#socket.waiting = 0;
    this.#callAll(null);
  }

  /** The client is gone, or the socket destroyed: who waits for a write hears of it. */
  abort(): void {
    this.#socket.waiting = 0;
    this.#chunks = [];
    // The callback that says "finish" would say so even with an error on older versions of Node.
    if (!this.#isEnding) this.#callAll(destroyed());
  }

  fail(error: unknown): void {
    this.#owner.fail(error);
  }

  handleFinish(): void {
    this.#owner.onFinish();
  }

  handleFault(fault: Fault): void {
    this.#owner.onFault(fault);
    this.#socket.destroy();
  }

  run(callback: WriteCallback, error: Error | null): void {
    try {
      callback(error);
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  #sendHead(options: RespondOptions): void {
    const { head } = this;
    if (this.#isHeadSent || head === undefined) return;
    this.#isHeadSent = true;
    const { sendDate, statusMessage } = this.#response;
    this.exchange.respond(head.status, head.fields, { ...options, sendDate, reason: statusMessage });
  }

  #sendChunks(): void {
    for (const chunk of this.#chunks) if (!this.exchange.write(chunk)) this.#isFull = true;
    this.#chunks = [];
  }

  #handleDrain(): void {
    this.#isFull = false;
    this.#handleRoom();
  }

  #handleRoom(): void {
    if (this.#isEnding) return;
    this.#socket.waiting = 0;
    this.#socket.touch();
    this.#callAll(null);
    // Says "drain" to who was told to wait.
    if (!this.#response.finished && this.#response.socket !== null) this.#response._flush();
  }

  #callAll(error: Error | null): void {
    for (const callback of this.#callbacks.splice(0)) this.run(callback, error);
  }
}

const onFault = (fault: Fault, outbox: Outbox): void => outbox.handleFault(fault);

const flush = guard("node flush", onFault, (outbox: Outbox) => outbox.flush());
const finish = guard("node finish", onFault, (outbox: Outbox) => outbox.finish());
const callBack = guard("node callback", onFault, (outbox: Outbox, callback: WriteCallback) =>
  outbox.run(callback, null),
);
