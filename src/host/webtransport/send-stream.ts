/** The sending streams of a session as web streams (W3C WebTransport §6, §7). */

import type { StreamId } from "../../quic/index.ts";
import type { Session } from "../../webtransport/index.ts";
import type { DirectPipe, PipeSink } from "./direct-pipe.ts";
import { codeIn, WebTransportError } from "./error.ts";

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

/** The sending half of a stream, for the session that feeds it events: the sink of its `WebTransportSendStream`. */
export class SendHalf implements PipeSink {
  readonly stream: WebTransportSendStream;
  readonly #session: Session;
  readonly #id: StreamId;
  readonly #onOver: (id: StreamId) => unknown;
  #controller!: WritableStreamDefaultController;
  #onRoom: (() => void) | undefined;
  #onFinished: (() => void) | undefined;
  pipe: DirectPipe | undefined;
  /** Bytes that the application wrote. */
  bytesWritten = 0;
  sendOrder: number;
  sendGroup: WebTransportSendGroup | null;
  #hasFin = false;
  #isOver = false;

  constructor(
    session: Session,
    id: StreamId,
    { sendOrder = 0, sendGroup = null }: SendStreamOptions,
    onOver: (id: StreamId) => unknown,
  ) {
    this.#session = session;
    this.#id = id;
    this.#onOver = onOver;
    this.sendOrder = sendOrder;
    this.sendGroup = sendGroup;
    this.stream = new WebTransportSendStream(this);
    if (sendOrder !== 0 || sendGroup !== null) this.applyOrder();
  }

  /** True if it sends no more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get isOpen(): boolean {
    return !this.#hasFin && !this.#isOver;
  }

  applyOrder(): void {
    this.#session.setOrder(this.#id, { group: this.sendGroup ?? undefined, sendOrder: this.sendOrder });
  }

  send(bytes: Uint8Array, fin: boolean): boolean {
    if (this.#hasFin) return true;
    this.bytesWritten += bytes.length;
    this.#hasFin = fin;
    return this.#session.write(this.#id, bytes, fin);
  }

  // ── The sink of the web stream ────────────────────────────────────────────────────────────────────────────────────

  start(controller: WritableStreamDefaultController): void {
    this.#controller = controller;
  }

  write(chunk: unknown): Promise<void> | undefined {
    if (this.send(copyOf(chunk), false)) return undefined;
    return new Promise<void>((resolve) => {
      this.#onRoom = resolve;
    });
  }

  close(): Promise<void> | undefined {
    this.send(NOTHING, true);
    if (this.#isOver) return undefined;
    return new Promise<void>((resolve) => {
      this.#onFinished = resolve;
    });
  }

  abort(reason: unknown): void {
    this.#session.reset(this.#id, codeIn(reason));
    this.#end();
  }

  // ── Events of the session ─────────────────────────────────────────────────────────────────────────────────────────

  handleWritable(): void {
    this.pipe?.handleRoom();
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
    this.pipe?.sinkFailed(error);
    this.#onRoom?.();
    this.#onFinished?.();
    this.#end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onOver(this.#id);
  }
}

/** A writable stream of a session. */
export class WebTransportSendStream extends WritableStream<Uint8Array> {
  readonly #half: SendHalf;

  /** @internal Sessions make their streams. */
  constructor(half: SendHalf) {
    super(half);
    this.#half = half;
  }

  /** Higher goes first. */
  get sendOrder(): number {
    return this.#half.sendOrder;
  }
  set sendOrder(order: number) {
    this.#half.sendOrder = Number(order);
    this.#half.applyOrder();
  }

  /** The group within which the send order counts. */
  get sendGroup(): WebTransportSendGroup | null {
    return this.#half.sendGroup;
  }
  set sendGroup(group: WebTransportSendGroup | null) {
    this.#half.sendGroup = group;
    this.#half.applyOrder();
  }

  /** What the stream has sent so far. */
  async getStats(): Promise<SendStreamStats> {
    return { bytesWritten: this.#half.bytesWritten };
  }

  /** @internal The half of a stream that one of our sessions made. */
  static halfOf(stream: unknown): SendHalf | undefined {
    return stream instanceof WebTransportSendStream ? stream.#half : undefined;
  }
}

/** The application may change its buffer once the write is done, but the transport keeps bytes until they arrive. */
export function copyOf(chunk: unknown): Uint8Array {
  return bytesOf(chunk).slice();
}

/** The bytes of what an application sends, where they are. */
export function bytesOf(chunk: unknown): Uint8Array {
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  // Pages that are not isolated have no SharedArrayBuffer.
  if ("SharedArrayBuffer" in globalThis && chunk instanceof SharedArrayBuffer) return new Uint8Array(chunk);
  throw new TypeError("only ArrayBuffer and its views can be sent");
}

const NOTHING = new Uint8Array(0);
