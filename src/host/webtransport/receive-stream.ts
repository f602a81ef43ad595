/** The receiving streams of a session as web streams (W3C WebTransport §8). */

import type { StreamChunk, StreamId } from "../../quic/index.ts";
import type { Session } from "../../webtransport/index.ts";
import { type DirectPipe, type PipeSource, pipeDirectly } from "./direct-pipe.ts";
import { codeIn, WebTransportError } from "./error.ts";
import { WebTransportSendStream } from "./send-stream.ts";

/** What a stream has received. In bytes. */
export interface ReceiveStreamStats {
  readonly bytesReceived: number;
  readonly bytesRead: number;
}

/** The receiving half of a stream, for the session that feeds it events: the source of its `WebTransportReceiveStream`. */
export class ReceiveHalf implements PipeSource {
  /** Some browsers have no streams of bytes. */
  readonly type = "ReadableByteStreamController" in globalThis ? ("bytes" as const) : undefined;
  readonly stream: WebTransportReceiveStream;
  readonly #session: Session;
  readonly #id: StreamId;
  readonly #onOver: (id: StreamId) => unknown;
  #controller!: ReadableByteStreamController;
  /** True if a reader waits. */
  #isPulled = false;
  pipe: DirectPipe | undefined;
  /** Bytes that the application read. */
  bytesRead = 0;
  #isOver = false;

  constructor(session: Session, id: StreamId, onOver: (id: StreamId) => unknown) {
    this.#session = session;
    this.#id = id;
    this.#onOver = onOver;
    this.stream = new WebTransportReceiveStream(this);
  }

  /** True if it receives no more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get isUntouched(): boolean {
    return !this.#isOver && !this.#isPulled && this.#controller.desiredSize === 0;
  }

  take(): StreamChunk | undefined {
    const chunk = this.#session.read(this.#id);
    if (chunk !== undefined) this.bytesRead += chunk.bytes.length;
    return chunk;
  }

  finish(): void {
    this.#controller.close();
    this.#end();
  }

  // ── The source of the web stream ──────────────────────────────────────────────────────────────────────────────────

  start(controller: ReadableByteStreamController): void {
    this.#controller = controller;
  }

  /** Called when a reader begins to wait, and again after each chunk while another one does. */
  pull(): void {
    this.#isPulled = true;
    this.#advance();
  }

  cancel(reason: unknown): void {
    this.#session.stopSending(this.#id, codeIn(reason));
    this.#end();
  }

  // ── Events of the session ─────────────────────────────────────────────────────────────────────────────────────────

  handleReadable(): void {
    if (this.pipe === undefined) this.#advance();
    else this.pipe.handleReadable();
  }

  /** The peer abandoned it. */
  handleReset(code: number | undefined): void {
    this.fail(new WebTransportError("the peer reset the stream", { streamErrorCode: code ?? 0 }));
  }

  fail(error: WebTransportError): void {
    if (this.#isOver) return;
    this.#controller.error(error);
    this.#end();
    this.pipe?.sourceFailed(error);
  }

  #advance(): void {
    if (!this.#isPulled || this.#isOver) return;
    const chunk = this.take();
    if (chunk === undefined) return;
    if (chunk.bytes.length > 0) {
      this.#isPulled = false;
      // The stream takes the buffer over, and leaves the array without bytes. It pulls again if another reader waits.
      this.#controller.enqueue(whole(chunk.bytes));
    }
    if (chunk.fin) {
      this.finish();
      // A reader that brought its own buffer gets it back.
      this.#controller.byobRequest?.respond(0);
    }
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onOver(this.#id);
  }
}

/** A readable stream of a session. */
export class WebTransportReceiveStream extends ReadableStream<Uint8Array> {
  readonly #half: ReceiveHalf;

  /** @internal Sessions make their streams. */
  constructor(half: ReceiveHalf) {
    // Nothing is read ahead: what is not read takes the peer's credit.
    super(half as never, NOT_AHEAD);
    this.#half = half;
  }

  /** What the stream has received so far. */
  async getStats(): Promise<ReceiveStreamStats> {
    const { bytesRead } = this.#half;
    return { bytesReceived: bytesRead, bytesRead };
  }

  /** Pipes to any stream; to one of a session, without the detour of web streams for each chunk. */
  override pipeTo(destination: WritableStream<Uint8Array>, options?: PipeOptions): Promise<void> {
    const sink = options === undefined ? WebTransportSendStream.halfOf(destination) : undefined;
    return (sink && pipeDirectly(this.#half, sink)) ?? super.pipeTo(destination, options);
  }
}

type PipeOptions = Parameters<ReadableStream["pipeTo"]>[1];

const NOT_AHEAD = { highWaterMark: 0 };

/** Bytes in a buffer of their own, which a byte stream can transfer. */
const whole = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer
    ? (bytes as Uint8Array<ArrayBuffer>)
    : new Uint8Array(bytes);
