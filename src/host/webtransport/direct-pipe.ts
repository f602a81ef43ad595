/**
 * A pipe between two streams of sessions that does what `ReadableStream.pipeTo` does (Streams §4.9.1), without a read, a write
 * and their promises for each chunk: bytes go from the one session to the other. Both web streams are locked meanwhile, and
 * end as they would.
 */

import type { StreamChunk } from "../../quic/index.ts";
import type { WebTransportError } from "./error.ts";

/** The receiving half of a stream. */
export interface PipeSource {
  readonly stream: ReadableStream<Uint8Array>;
  /** True if all that was read so far has been taken, no reader waits, and more may come. */
  readonly isUntouched: boolean;
  /** Set while it is piped: gets its events. */
  pipe: DirectPipe | undefined;
  /** Takes what has arrived. */
  take(): StreamChunk | undefined;
  /** The end has been taken. */
  finish(): void;
}

/** The sending half of a stream. */
export interface PipeSink {
  readonly stream: WritableStream<Uint8Array>;
  /** True until the end was sent, the stream was reset or stopped, or the session ended. */
  readonly isOpen: boolean;
  /** Set while something is piped here: gets its events. */
  pipe: DirectPipe | undefined;
  /** Sends bytes that nothing else will change. Returns false if there is no room for more now: `handleRoom` follows. */
  send(bytes: Uint8Array, fin: boolean): boolean;
}

/** Undefined if either stream is locked, has ended, or holds bytes: then nothing has changed. */
export function pipeDirectly(source: PipeSource, sink: PipeSink): Promise<void> | undefined {
  if (source.stream.locked || sink.stream.locked || !source.isUntouched || !sink.isOpen) return undefined;
  const writer = sink.stream.getWriter();
  if (writer.desiredSize !== 1) {
    writer.releaseLock();
    return undefined;
  }
  return new DirectPipe(source, sink, writer).done;
}

export class DirectPipe {
  readonly done: Promise<void>;
  readonly #source: PipeSource;
  readonly #sink: PipeSink;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #resolve!: (ended: Promise<void>) => void;
  #hasRoom = true;

  constructor(source: PipeSource, sink: PipeSink, writer: WritableStreamDefaultWriter<Uint8Array>) {
    this.#source = source;
    this.#sink = sink;
    this.#reader = source.stream.getReader();
    this.#writer = writer;
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    source.pipe = this;
    sink.pipe = this;
    this.#move();
  }

  handleReadable(): void {
    this.#move();
  }

  handleRoom(): void {
    this.#hasRoom = true;
    this.#move();
  }

  /** Errors in the source abort the destination. */
  sourceFailed(error: WebTransportError): void {
    this.#settle(this.#writer.abort(error), error);
  }

  /** Errors in the destination cancel the source. */
  sinkFailed(error: WebTransportError): void {
    this.#settle(this.#reader.cancel(error), error);
  }

  #move(): void {
    while (this.#hasRoom && this.#source.pipe === this) {
      const chunk = this.#source.take();
      if (chunk === undefined) return;
      this.#hasRoom = this.#sink.send(chunk.bytes, chunk.fin);
      if (!chunk.fin) continue;
      this.#source.finish();
      this.#settle(this.#writer.close());
    }
  }

  #settle(ended: Promise<void>, error?: WebTransportError): void {
    this.#source.pipe = undefined;
    this.#sink.pipe = undefined;
    this.#resolve(this.#finish(ended, error));
  }

  /** Ends the pipe once the other stream has ended, in whatever way. */
  async #finish(ended: Promise<void>, error: WebTransportError | undefined): Promise<void> {
    try {
      await ended;
    } finally {
      this.#reader.releaseLock();
      this.#writer.releaseLock();
    }
    if (error !== undefined) throw error;
  }
}
