// Request bodies: converts anything that fetch accepts to bytes that a session can send, repeatedly if possible.
import { Readable } from "node:stream";
import { ClientError } from "../host/client/errors.ts";
import type { RequestContent } from "../host/client/session.ts";

/** Content that can be read from the beginning any number of times, such as a file. */
export interface BodySource {
  /** Bytes; undefined if not known beforehand. */
  readonly length?: number | undefined;
  /** Reads the content from its beginning. */
  open(): AsyncIterable<Uint8Array>;
}

/** What a request's body may be: everything that fetch accepts, iterables of bytes, and a `BodySource`. */
export type BodyLike =
  | BodySource
  | string
  | ArrayBuffer
  | ArrayBufferView
  | Blob
  | FormData
  | URLSearchParams
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | Iterable<Uint8Array>;

type Source = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

export class OutgoingBody {
  readonly length: number | undefined;
  /** RFC 9110 §8.3: the content-type to send unless the caller sets one. */
  readonly type: string | undefined;
  /** True if it can be sent more than once, for a redirect or a retry. */
  readonly replayable: boolean;
  readonly #open: () => Source;
  #read = false;

  private constructor(open: () => Source, facts: { length?: number; type?: string | undefined; replayable: boolean }) {
    this.#open = open;
    this.length = facts.length;
    this.type = facts.type;
    this.replayable = facts.replayable;
  }

  static from(body: BodyLike): OutgoingBody {
    if (typeof body === "string") return OutgoingBody.#bytes(Buffer.from(body), "text/plain;charset=UTF-8");
    if (body instanceof URLSearchParams) {
      return OutgoingBody.#bytes(Buffer.from(body.toString()), "application/x-www-form-urlencoded;charset=UTF-8");
    }
    if (body instanceof ArrayBuffer) return OutgoingBody.#bytes(new Uint8Array(body.slice(0)));
    if (ArrayBuffer.isView(body)) {
      return OutgoingBody.#bytes(new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice());
    }
    if (body instanceof Blob) {
      const type = body.type === "" ? undefined : body.type;
      return new OutgoingBody(() => body.stream(), { length: body.size, type, replayable: true });
    }
    if (body instanceof FormData) {
      // Each Response chooses its own boundary, so type and content must come from the same one: it is read only once.
      const encoded = new Response(body);
      return new OutgoingBody(() => encoded.body!, {
        type: encoded.headers.get("content-type") ?? undefined,
        replayable: false,
      });
    }
    if (body instanceof ReadableStream && (body.locked || body === null)) {
      throw new ClientError("REQUEST_INVALID", "the request's body is a stream that is already being read");
    }
    if ("open" in body) {
      const { length } = body;
      return new OutgoingBody(() => body.open(), { ...(length === undefined ? {} : { length }), replayable: true });
    }
    if (typeof body === "object" && (Symbol.asyncIterator in body || Symbol.iterator in body)) {
      return new OutgoingBody(() => body as AsyncIterable<Uint8Array>, { replayable: false });
    }
    throw new ClientError("REQUEST_INVALID", "the request's body has an unsupported type");
  }

  /** A body that can be read only once. */
  static readOnce(open: () => AsyncIterable<Uint8Array>, length: number | undefined): OutgoingBody {
    return new OutgoingBody(open, { ...(length === undefined ? {} : { length }), replayable: false });
  }

  static #bytes(bytes: Uint8Array, type?: string): OutgoingBody {
    return new OutgoingBody(() => (bytes.length === 0 ? [] : [bytes]), {
      length: bytes.length,
      type,
      replayable: true,
    });
  }

  /** True if `content()` may be called now: a stream cannot be read twice. */
  get available(): boolean {
    return this.replayable || !this.#read;
  }

  content(): Content {
    return new Content(this.length, () => {
      this.#read = true;
      return this.#open();
    });
  }
}

/** One reading of a body. */
export class Content implements RequestContent {
  readonly length: number | undefined;
  readonly chunks: AsyncGenerator<Uint8Array> = this.#chunks();
  #open: (() => Source) | undefined;
  /** Releases a source that may be waiting for data. */
  #release: (() => void) | undefined;

  constructor(length: number | undefined, open: () => Source) {
    this.length = length;
    this.#open = open;
  }

  /** Cancels the source; the rest is not needed. */
  cancel(): void {
    if (this.#open !== undefined) this.#begin(this.#open);
    this.#release?.();
    this.#release = undefined;
  }

  #begin(open: () => Source): Source {
    this.#open = undefined;
    const source = open();
    if (source instanceof ReadableStream) {
      const reader = (source as ReadableStream<Uint8Array>).getReader();
      this.#release = () => void reader.cancel().catch(() => undefined);
      return chunksOf(reader);
    }
    if (source instanceof Readable) this.#release = () => void source.destroy();
    return source;
  }

  async *#chunks(): AsyncGenerator<Uint8Array> {
    if (this.#open === undefined) return;
    for await (const chunk of this.#begin(this.#open)) {
      if (!(chunk instanceof Uint8Array)) {
        throw new ClientError("REQUEST_INVALID", `the request's body yielded a ${typeof chunk}, not bytes`);
      }
      if (chunk.length > 0) yield chunk;
    }
    this.#release = undefined;
  }
}

/** Unlike the stream's own iterator, this one can be abandoned while it waits. */
async function* chunksOf(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
}
