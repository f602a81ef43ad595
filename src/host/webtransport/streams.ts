/** The streams of a session as web streams (W3C WebTransport §6 to §9). */

import type { StreamId } from "../../quic/index.ts";
import type { Session } from "../../webtransport/index.ts";
import { codeIn, WebTransportError } from "./error.ts";

type Sink = NonNullable<ConstructorParameters<typeof WritableStream<Uint8Array>>[0]>;

interface ByteSource {
  readonly type: "bytes";
  start(controller: ReadableByteStreamController): void;
  pull(): Promise<void>;
  cancel(reason: unknown): void;
}

/** Streams of a group are sent by their send order; groups take turns (W3C WebTransport §7). */
export class WebTransportSendGroup {}

/** The place of a stream among the others. */
export interface SendStreamOptions {
  /** Higher goes first. Default: 0. */
  readonly sendOrder?: number;
  readonly sendGroup?: WebTransportSendGroup | null;
}

/** What a stream has sent. In bytes. */
export interface SendStreamStats {
  readonly bytesWritten: number;
}

/** What a stream has received. In bytes. */
export interface ReceiveStreamStats {
  readonly bytesReceived: number;
  readonly bytesRead: number;
}

/** What ends both directions of a stream with its session. */
export interface StreamEnds {
  /** True if it sends or receives no more. */
  readonly isOver: boolean;
  fail(error: WebTransportError): void;
}

/** The sending half of a stream, for the session that feeds it events. */
export class SendHalf implements StreamEnds {
  readonly stream: WebTransportSendStream;
  #controller!: WritableStreamDefaultController;
  #onRoom: (() => void) | undefined;
  #onFinished: (() => void) | undefined;
  #written = 0;
  #isOver = false;
  readonly #onOver: () => void;

  constructor(session: Session, id: StreamId, options: SendStreamOptions, onOver: () => void) {
    this.#onOver = onOver;
    this.stream = new WebTransportSendStream(
      {
        start: (controller: WritableStreamDefaultController) => {
          this.#controller = controller;
        },
        write: (chunk: unknown) => {
          const bytes = copyOf(chunk);
          this.#written += bytes.length;
          if (session.write(id, bytes, false)) return undefined;
          return new Promise<void>((resolve) => {
            this.#onRoom = resolve;
          });
        },
        close: () => {
          session.write(id, new Uint8Array(0), true);
          return new Promise<void>((resolve) => {
            this.#onFinished = resolve;
          });
        },
        abort: (reason: unknown) => {
          session.reset(id, codeIn(reason));
          this.#end();
        },
      },
      options,
      (order) => session.setOrder(id, order),
      () => ({ bytesWritten: this.#written }),
    );
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Bytes that the application wrote. */
  get written(): number {
    return this.#written;
  }

  handleWritable(): void {
    const resolve = this.#onRoom;
    this.#onRoom = undefined;
    resolve?.();
  }

  /** The peer has everything. */
  handleFinished(): void {
    this.#onFinished?.();
    this.#end();
  }

  /** The peer does not read any more. */
  handleStopped(code: number | undefined): void {
    this.fail(new WebTransportError("the peer stopped reading", { streamErrorCode: code ?? 0 }));
  }

  fail(error: WebTransportError): void {
    if (this.#isOver) return;
    this.#controller.error(error);
    this.handleWritable();
    this.#onFinished?.();
    this.#end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onOver();
  }
}

/** A writable stream of a session. */
export class WebTransportSendStream extends WritableStream<Uint8Array> {
  readonly #setOrder: (order: { group: object | undefined; sendOrder: number }) => void;
  readonly #stats: () => SendStreamStats;
  #sendOrder: number;
  #sendGroup: WebTransportSendGroup | null;

  constructor(
    sink: Sink,
    { sendOrder = 0, sendGroup = null }: SendStreamOptions,
    setOrder: (order: { group: object | undefined; sendOrder: number }) => void,
    stats: () => SendStreamStats,
  ) {
    super(sink);
    this.#setOrder = setOrder;
    this.#stats = stats;
    this.#sendOrder = sendOrder;
    this.#sendGroup = sendGroup;
    if (sendOrder !== 0 || sendGroup !== null) this.#apply();
  }

  get sendOrder(): number {
    return this.#sendOrder;
  }
  set sendOrder(order: number) {
    this.#sendOrder = Number(order);
    this.#apply();
  }

  get sendGroup(): WebTransportSendGroup | null {
    return this.#sendGroup;
  }
  set sendGroup(group: WebTransportSendGroup | null) {
    this.#sendGroup = group;
    this.#apply();
  }

  /** What the stream has sent so far. */
  async getStats(): Promise<SendStreamStats> {
    return this.#stats();
  }

  #apply(): void {
    this.#setOrder({ group: this.#sendGroup ?? undefined, sendOrder: this.#sendOrder });
  }
}

/** The receiving half of a stream, for the session that feeds it events. */
export class ReceiveHalf implements StreamEnds {
  readonly stream: WebTransportReceiveStream;
  readonly #session: Session;
  readonly #id: StreamId;
  readonly #onOver: () => void;
  #controller!: ReadableByteStreamController;
  #pulled: (() => void) | undefined;
  #read = 0;
  #isOver = false;

  constructor(session: Session, id: StreamId, onOver: () => void) {
    this.#session = session;
    this.#id = id;
    this.#onOver = onOver;
    this.stream = new WebTransportReceiveStream(
      {
        type: "bytes",
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () =>
          new Promise<void>((resolve) => {
            this.#pulled = resolve;
            this.#advance();
          }),
        cancel: (reason: unknown) => {
          session.stopSending(id, codeIn(reason));
          this.#end();
        },
      },
      () => ({ bytesReceived: this.#read, bytesRead: this.#read }),
    );
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Bytes that the application read. */
  get bytesRead(): number {
    return this.#read;
  }

  handleReadable(): void {
    this.#advance();
  }

  /** The peer abandoned it. */
  handleReset(code: number | undefined): void {
    this.fail(new WebTransportError("the peer reset the stream", { streamErrorCode: code ?? 0 }));
  }

  fail(error: WebTransportError): void {
    if (this.#isOver) return;
    this.#controller.error(error);
    this.#settle();
    this.#end();
  }

  #advance(): void {
    if (this.#pulled === undefined || this.#isOver) return;
    const chunk = this.#session.read(this.#id);
    if (chunk === undefined) return;
    const { length } = chunk.bytes;
    if (length > 0) {
      this.#read += length;
      // The stream takes the buffer over, and leaves the array without bytes.
      this.#controller.enqueue(whole(chunk.bytes));
    }
    if (chunk.fin) {
      this.#controller.close();
      // A reader that brought its own buffer gets it back.
      this.#controller.byobRequest?.respond(0);
      this.#settle();
      this.#end();
    } else if (length > 0) this.#settle();
  }

  #settle(): void {
    const resolve = this.#pulled;
    this.#pulled = undefined;
    resolve?.();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onOver();
  }
}

/** A readable stream of a session. */
export class WebTransportReceiveStream extends ReadableStream<Uint8Array> {
  readonly #stats: () => ReceiveStreamStats;

  constructor(source: ByteSource, stats: () => ReceiveStreamStats) {
    // Nothing is read ahead: what is not read takes the peer's credit. Some browsers have no streams of bytes.
    const hasBytes = "ReadableByteStreamController" in globalThis;
    super((hasBytes ? source : { ...source, type: undefined }) as never, { highWaterMark: 0 });
    this.#stats = stats;
  }

  /** What the stream has received so far. */
  async getStats(): Promise<ReceiveStreamStats> {
    return this.#stats();
  }
}

/** A stream in both directions. */
export class WebTransportBidirectionalStream {
  readonly readable: WebTransportReceiveStream;
  readonly writable: WebTransportSendStream;

  constructor(readable: WebTransportReceiveStream, writable: WebTransportSendStream) {
    this.readable = readable;
    this.writable = writable;
  }
}

/** The application may change its buffer once the write is done, but the transport keeps bytes until they arrive. */
export function copyOf(chunk: unknown): Uint8Array {
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk.slice(0));
  // Pages that are not isolated have no SharedArrayBuffer.
  if ("SharedArrayBuffer" in globalThis && chunk instanceof SharedArrayBuffer) return new Uint8Array(chunk.slice(0));
  if (!ArrayBuffer.isView(chunk)) throw new TypeError("only ArrayBuffer and its views can be sent");
  return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength).slice();
}

/** Bytes in a buffer of their own, which a byte stream can transfer. */
const whole = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer
    ? (bytes as Uint8Array<ArrayBuffer>)
    : new Uint8Array(bytes);
