// undici's request bodies: one reading of bytes, strings, streams, iterables, FormData or a Blob, of this or another
// copy of undici, with the checks and callbacks of undici.
import { Readable } from "node:stream";
import { OutgoingBody } from "../client/body.ts";
import { undiciErrors } from "../host/client/undici.ts";

interface Hooks {
  readonly onBodySent: (chunk: Uint8Array) => void;
  /** The content waits for this before it is sent. */
  readonly gate: Promise<void> | undefined;
}

type Source = Iterable<unknown> | AsyncIterable<unknown>;

export class DispatchBody {
  /** Bytes; undefined if unknown. */
  length: number | undefined;
  /** The content-type that the body implies. */
  readonly type: string | undefined;
  readonly stream: Readable | undefined;
  readonly #replayable: boolean;
  readonly #open: () => Source;

  private constructor(open: () => Source, facts: { length?: number; type?: string | undefined; stream?: Readable }) {
    this.#open = open;
    this.length = facts.length;
    this.type = facts.type;
    this.stream = facts.stream;
    this.#replayable = facts.length !== undefined;
  }

  /** Undefined if there is no content. */
  static from(body: unknown): DispatchBody | undefined {
    if (body === null || body === undefined) return undefined;
    if (typeof body === "string") return DispatchBody.#bytes(Buffer.from(body));
    if (ArrayBuffer.isView(body))
      return DispatchBody.#bytes(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
    if (body instanceof ArrayBuffer) return DispatchBody.#bytes(Buffer.from(body));
    if (typeof body === "object") {
      if (body instanceof Readable) return new DispatchBody(() => body, { stream: body });
      const mark = (body as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
      if (mark === "FormData") return DispatchBody.#form(body as FormData);
      if (mark === "Blob" || mark === "File") {
        const blob = body as Blob;
        const type = blob.type === "" ? undefined : blob.type;
        return new DispatchBody(() => blob.stream() as never, { length: blob.size, type });
      }
      if (Symbol.asyncIterator in body || Symbol.iterator in body) return new DispatchBody(() => body as Source, {});
    }
    throw new undiciErrors.InvalidArgumentError(
      "body must be a string, a Buffer, a Readable stream, an iterable, or an async iterable",
    );
  }

  static #bytes(bytes: Buffer): DispatchBody | undefined {
    return bytes.length === 0 ? undefined : new DispatchBody(() => [bytes], { length: bytes.length });
  }

  /** The form may belong to another copy of undici, so its entries are copied. */
  static #form(form: FormData): DispatchBody {
    const own = new FormData();
    for (const [name, value] of form) {
      if (typeof value === "string") own.append(name, value);
      else own.append(name, value as Blob, (value as File).name);
    }
    const encoded = new Response(own);
    return new DispatchBody(() => encoded.body as never, { type: encoded.headers.get("content-type") ?? undefined });
  }

  outgoing(hooks: Hooks): OutgoingBody {
    const { length } = this;
    const open = (): AsyncIterable<Uint8Array> => this.#chunks(hooks);
    return this.#replayable ? OutgoingBody.from({ length, open }) : OutgoingBody.readOnce(open, length);
  }

  /** Ends a stream that is no longer read. */
  destroy(error: Error): void {
    this.stream?.destroy(error);
  }

  async *#chunks({ onBodySent, gate }: Hooks): AsyncGenerator<Uint8Array> {
    await gate;
    let sent = 0;
    for await (const chunk of this.#open()) {
      const bytes = bytesOf(chunk);
      sent += bytes.length;
      if (this.length !== undefined && sent > this.length) throw new undiciErrors.RequestContentLengthMismatchError();
      onBodySent(bytes);
      yield bytes;
    }
    if (this.length !== undefined && sent !== this.length) throw new undiciErrors.RequestContentLengthMismatchError();
  }
}

function bytesOf(chunk: unknown): Uint8Array {
  if (typeof chunk === "string") return Buffer.from(chunk);
  if (chunk instanceof Uint8Array) return chunk;
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  throw new TypeError(`the request's body yielded a ${typeof chunk}, not a string or bytes`);
}
