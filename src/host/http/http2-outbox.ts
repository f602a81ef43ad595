/**
 * Holds back the content of an HTTP/2 connection's responses, so that it leaves by priority (RFC 9218 §10). Node and nghttp2
 * write everything that they get: what they have cannot be overtaken. While several responses have content, Node therefore
 * gets little at a time, from the response whose turn it is.
 */
import type { ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { type Priority, ResponseOrder, type Turn } from "../../http/priority/index.ts";
import { type Fault, guard } from "../guard.ts";
import { Timer } from "../timer.ts";
import type { ReleaseChunk } from "./exchange.ts";

/** Bytes that Node may hold of all responses, if there are several. A write is at most as long. */
const AHEAD = 64 * 1024;
/** The same of a response that has the connection for itself. */
const AHEAD_ALONE = 128 * 1024;
/** Bytes that a response may have here and in Node before its source is asked to wait. */
const MAX_PER_RESPONSE = 128 * 1024;
/** Milliseconds between two looks whether what Node holds waits for the socket or for flow control. */
const LOOK_INTERVAL = 5;

/** Content that waits. */
interface Waiting {
  readonly chunk: Uint8Array;
  /** Bytes that Node has got. */
  offset: number;
  readonly released: (() => void) | undefined;
}

export interface OutboxOptions {
  /** The TLS connection. */
  readonly socket: Socket;
  /** Called when content was sent. */
  readonly onSent: () => void;
  readonly onFault: (fault: Fault) => void;
}

/** The content of one response. */
export class OutgoingContent {
  readonly stream: ServerHttp2Stream;
  readonly turn: Turn<OutgoingContent>;
  /** Called when there is room again. */
  readonly onRoom: () => void;
  readonly waiting: Waiting[] = [];
  /** Bytes that wait here, and those that Node has not sent. */
  queued = 0;
  passed = 0;
  /** The part of them that waits for the client's flow control, as far as known. */
  blocked = 0;
  isEnded = false;
  /** True if it is among the responses with waiting content. */
  isCounted = false;
  /** True if the source was told to wait. */
  isRefused = false;
  priority: Priority;
  #isClosed = false;
  readonly #outbox: Http2Outbox;
  readonly #onFault: (fault: Fault) => void;

  constructor(
    outbox: Http2Outbox,
    order: ResponseOrder<OutgoingContent>,
    stream: ServerHttp2Stream,
    { priority, onRoom, onFault }: ContentOptions,
  ) {
    this.#outbox = outbox;
    this.#onFault = onFault;
    this.stream = stream;
    this.onRoom = onRoom;
    this.priority = priority;
    this.turn = order.add(this, priority, stream.id ?? 0);
  }

  /** Bytes that were written and not sent. */
  get pending(): number {
    return this.queued + this.stream.writableLength;
  }

  /** False if the source has to wait for `onRoom`. */
  hasRoom(): boolean {
    const hasRoom = this.queued === 0 && this.pending < MAX_PER_RESPONSE;
    if (!hasRoom) this.isRefused = true;
    return hasRoom;
  }

  /** Takes content, and calls `released` once, when it was sent or dropped. Returns false if the source has to wait. */
  write(chunk: Uint8Array, released?: ReleaseChunk): boolean {
    this.#add(chunk, released);
    return this.hasRoom();
  }

  /** Ends the response, with a last chunk. */
  end(last?: Uint8Array): void {
    this.isEnded = true;
    if (last === undefined || last.byteLength === 0) {
      if (this.queued === 0) this.stream.end();
    } else this.#add(last);
  }

  /** Changes the place among the other responses. */
  place(priority: Priority): void {
    this.priority = priority;
    this.#outbox.place(this);
  }

  /** Drops what waits: the stream has ended. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#outbox.close(this);
  }

  /** Gives Node the next piece. */
  writePiece(): void {
    const [next] = this.waiting;
    if (next === undefined) return;
    const { chunk } = next;
    const start = next.offset;
    const end = Math.min(start + AHEAD, chunk.byteLength);
    next.offset = end;
    const isLast = end === chunk.byteLength;
    if (isLast) this.waiting.shift();
    const length = end - start;
    this.queued -= length;
    const piece = start === 0 && isLast ? chunk : chunk.subarray(start, end);
    this.#pass(piece, isLast ? next.released : undefined);
  }

  #add(chunk: Uint8Array, release?: ReleaseChunk): void {
    const released = release && (() => release(chunk));
    if (this.queued === 0 && this.#outbox.mayPass(chunk.byteLength)) this.#pass(chunk, released);
    else {
      this.waiting.push({ chunk, offset: 0, released });
      this.queued += chunk.byteLength;
      this.#outbox.enqueue(this);
    }
  }

  #pass(piece: Uint8Array, released: (() => void) | undefined): void {
    const length = piece.byteLength;
    this.passed += length;
    this.#outbox.handlePassed(length);
    const done = guard("http2 released", this.#onFault, () => {
      released?.();
      this.passed -= length;
      this.#outbox.handleSent(this, length);
    });
    if (this.isEnded && this.queued === 0) this.stream.end(piece, done);
    else this.stream.write(piece, done);
  }
}

export interface ContentOptions {
  readonly priority: Priority;
  /** Called when there is room again. */
  readonly onRoom: () => void;
  /** Resets the response after an exception. */
  readonly onFault: (fault: Fault) => void;
}

export class Http2Outbox {
  readonly #options: OutboxOptions;
  readonly #order = new ResponseOrder<OutgoingContent>();
  /** Bytes that Node has not sent. */
  #passed = 0;
  /** The part of them that waits for the client's flow control, as far as known. */
  #blocked = 0;
  #waiting = 0;
  readonly #open = new Set<OutgoingContent>();
  /** True if something was sent since the last look. */
  #hasProgress = false;
  #look: Timer | undefined;
  #isPumping = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Adds a response. */
  open(stream: ServerHttp2Stream, options: ContentOptions): OutgoingContent {
    const content = new OutgoingContent(this, this.#order, stream, options);
    this.#open.add(content);
    return content;
  }

  /** True if content of any response waits. */
  get isBusy(): boolean {
    return this.#waiting > 0;
  }

  /** True if content need not wait: no other response does, and Node has little or nothing else. */
  mayPass(bytes: number): boolean {
    if (this.#waiting > 0) return false;
    return this.#ahead + bytes <= this.#limit;
  }

  enqueue(content: OutgoingContent): void {
    this.#setReady(content);
    this.pump();
  }

  place(content: OutgoingContent): void {
    this.#order.place(content.turn, content.priority, content.stream.id ?? 0);
  }

  handlePassed(bytes: number): void {
    this.#passed += bytes;
  }

  handleSent(content: OutgoingContent, bytes: number): void {
    this.#passed -= bytes;
    this.#hasProgress = true;
    this.#setBlocked(content, 0);
    this.#setReady(content);
    this.pump();
    this.#options.onSent();
    if (!content.isRefused || content.queued > 0 || content.pending >= MAX_PER_RESPONSE) return;
    content.isRefused = false;
    content.onRoom();
  }

  close(content: OutgoingContent): void {
    this.#open.delete(content);
    this.#setBlocked(content, 0);
    const dropped = content.waiting.splice(0);
    content.queued = 0;
    this.#setReady(content);
    for (const { released } of dropped) released?.();
    this.pump();
  }

  /** Gives Node content by priority, as far as it has room. */
  pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#ahead < this.#limit) {
        const turn = this.#order.next();
        if (turn === undefined) break;
        turn.value.writePiece();
        this.#setReady(turn.value);
        this.#order.rotate(turn);
      }
    } finally {
      this.#isPumping = false;
    }
    if (this.#waiting > 0) this.#lookLater();
  }

  get #limit(): number {
    return this.#open.size > 1 ? AHEAD : AHEAD_ALONE;
  }

  /** Bytes that Node is about to send. */
  get #ahead(): number {
    return this.#passed - this.#blocked;
  }

  /** What Node holds of one response is limited too: the client's flow control may block it. */
  #setReady(content: OutgoingContent): void {
    this.#waiting += (content.queued > 0 ? 1 : 0) - (content.isCounted ? 1 : 0);
    content.isCounted = content.queued > 0;
    this.#order.setReady(content.turn, content.queued > 0 && content.passed < this.#limit);
  }

  #lookLater(): void {
    if (this.#look !== undefined) return;
    this.#hasProgress = false;
    this.#look = new Timer(this.#onLook, LOOK_INTERVAL).unref();
  }

  #setBlocked(content: OutgoingContent, bytes: number): void {
    this.#blocked += bytes - content.blocked;
    content.blocked = bytes;
  }

  /** If nothing moves although the socket has taken everything, what Node has waits for the client, and others may go. */
  readonly #onLook = guard(
    "http2 look",
    (fault) => this.#options.onFault(fault),
    () => {
      this.#look = undefined;
      if (this.#waiting === 0) return;
      if (!this.#hasProgress && isIdle(this.#options.socket)) {
        for (const content of this.#open) this.#setBlocked(content, content.passed);
      }
      this.#hasProgress = false;
      this.pump();
    },
  );
}

interface Handle {
  readonly writeQueueSize?: number;
}

/** True if the kernel has taken all that was written, or if Node does not tell. */
function isIdle(socket: Socket): boolean {
  try {
    const { _handle: tls, _parent: raw } = socket as { _handle?: Handle | null; _parent?: { _handle?: Handle | null } };
    return (tls?.writeQueueSize ?? 0) === 0 && (raw?._handle?.writeQueueSize ?? 0) === 0;
  } catch {
    return true; // the session has ended
  }
}
