/** Sends a Response on a ServerExchange. */
import { contentLengthOf, type FieldLine, fieldValue, isHttp1Only, isWithoutLength } from "../../http/index.ts";
import { type HostClock, systemClock } from "../clock.ts";
import { detach, guard, ignore } from "../guard.ts";
import { captureScope, within } from "../request-scope.ts";
import { isDecoded, isGzip, mayBeDecoded, withoutCoding } from "./decoded-response.ts";
import { respondWhole, type ServerExchange } from "./exchange.ts";
import { nativeBody } from "./native-body.ts";
import { fieldsOf, plainBody } from "./plain-response.ts";

/** Returns the response's trailers; called before the head is sent, and again after the body. */
type Trailers = () => readonly FieldLine[] | undefined;

/** What a handler adds to its Response. */
export interface ResponseAdditions {
  /** The trailers; read before the head is sent, and again after the body. */
  readonly responseTrailers?: readonly FieldLine[] | undefined;
  /** Adds fields that follow from the handler's use of its context. */
  complete?(fields: Iterable<FieldLine>): Iterable<FieldLine>;
}

export async function sendResponse(
  exchange: ServerExchange,
  response: Response,
  additions: ResponseAdditions,
  clock: HostClock = systemClock,
): Promise<void> {
  const trailers: Trailers = () => additions.responseTrailers;
  const status = response.status === 0 ? 500 : response.status; // Response.error()
  let fields: FieldLine[] = [];
  const lines = fieldsOf(response);
  for (const line of additions.complete?.(lines) ?? lines) if (!isHttp1Only(...line)) fields.push(line);
  if (isWithoutLength(status)) fields = fields.filter(([name]) => name !== "content-length");
  const plain = plainBody(response);
  if (plain !== undefined) {
    sendWhole(exchange, status, fields, plain, trailers);
    return;
  }
  if (isDecoded(response, fields)) fields = withoutCoding(fields);
  if (response.body === null) {
    sendWhole(exchange, status, fields, undefined, trailers);
    return;
  }
  const native = mayBeDecoded(fields) ? undefined : nativeBody(response);
  if (native !== undefined) {
    sendWhole(exchange, status, fields, native, trailers);
    return;
  }
  await sendStream(exchange, status, fields, new BodySource(response.body), trailers, clock);
}

/** Sends a response whose content is known, or which has none. */
function sendWhole(
  exchange: ServerExchange,
  status: number,
  fields: FieldLine[],
  content: Uint8Array | undefined,
  trailers: Trailers,
): void {
  if (isBodiless(exchange, status)) {
    // RFC 9110 §9.3.2: HEAD has the same fields as GET, including the length.
    if (exchange.method === "HEAD" && content !== undefined) setLength(fields, content.byteLength);
    exchange.respond(status, withoutTrailer(fields), { endStream: true });
    return;
  }
  const withTrailers = hasTrailers(fields, trailers);
  if (!withTrailers) setLength(fields, content?.byteLength ?? 0);
  if (!withTrailers && (content === undefined || content.byteLength === 0)) {
    exchange.respond(status, fields, { endStream: true });
    return;
  }
  if (!withTrailers) {
    respondWhole(exchange, status, fields, content!);
    return;
  }
  exchange.respond(status, fields, { trailers: true });
  exchange.end(content, trailers());
}

/** Streams a response, reading its content only as fast as the exchange accepts it. */
async function sendStream(
  exchange: ServerExchange,
  status: number,
  given: FieldLine[],
  source: BodySource,
  trailers: Trailers,
  clock: HostClock,
): Promise<void> {
  let wake: (() => void) | undefined;
  const waitForRoom = async (): Promise<void> => {
    while (exchange.aborted === undefined && !exchange.hasRoom(UNKNOWN_CHUNK)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    // Keep the reservation while prefetching, since other waiting responses were notified too.
    await source.prefetch();
    exchange.hasRoom();
  };
  exchange.onDrain = () => wake?.();
  const onAbort = exchange.onAbort;
  exchange.onAbort = within(captureScope(), (reason) => {
    onAbort?.(reason);
    wake?.();
    source.cancel(reason);
  });
  try {
    const fields = await correctCoding(given, source);
    // Read nothing ahead for a client that already has enough queued.
    const hasRoom = exchange.hasRoom(2 * UNKNOWN_CHUNK);
    if (!hasRoom) exchange.preparedBytes = UNKNOWN_CHUNK;
    const whole = hasRoom ? await source.wholeIfReady() : undefined;
    // Release the reservation: content that is not ready now may never arrive.
    exchange.hasRoom();
    if (whole !== undefined) {
      sendWhole(exchange, status, fields, whole.content, trailers);
      return;
    }
    // The head does not wait for content: a client of server-sent events is connected once it has the head.
    const bodiless = isBodiless(exchange, status);
    const withTrailers = !bodiless && hasTrailers(fields, trailers);
    exchange.respond(status, bodiless ? withoutTrailer(fields) : fields, {
      endStream: bodiless,
      trailers: withTrailers,
    });
    if (bodiless) {
      source.cancel(new Error("the response has no content"));
      return;
    }
    const announced = contentLengthOf(fields);
    const length = typeof announced === "number" ? announced : undefined;
    let sent = 0;
    for (let chunks = 1; ; chunks += 1) {
      if (chunks % CHUNKS_PER_TURN === 0) await nextTurn(clock);
      if (!source.hasPrefetched && !exchange.hasRoom()) await waitForRoom();
      const read = await source.read();
      if (read.done) break;
      sent += read.value.byteLength;
      // The stream has probably prepared another chunk of the same size.
      exchange.preparedBytes = read.value.byteLength;
      // The client would take excess bytes for the next response (RFC 9112 §6.3).
      if (length !== undefined && sent > length)
        throw new Error(`the body is longer than its content-length ${length}`);
      exchange.write(read.value);
    }
    if (exchange.aborted !== undefined) return;
    if (length !== undefined && sent < length) throw new Error(`the body ended after ${sent} bytes of ${length}`);
    exchange.end(undefined, trailers());
  } catch (error) {
    source.cancel(error);
    throw error;
  }
}

/** Removes a content coding that the content does not have. */
async function correctCoding(fields: FieldLine[], source: BodySource): Promise<FieldLine[]> {
  if (!mayBeDecoded(fields)) return fields;
  const first = await source.peek();
  return first === undefined || isGzip(first) ? fields : withoutCoding(fields);
}

/** Responses that never have content (RFC 9110 §6.4.1). */
const isBodiless = (exchange: ServerExchange, status: number): boolean =>
  exchange.method === "HEAD" || status === 204 || status === 205 || status === 304;

/** Without content there are no trailers to announce (RFC 9110 §6.6.2). */
const withoutTrailer = (fields: FieldLine[]): FieldLine[] => fields.filter(([name]) => name !== "trailer");

const hasTrailers = (fields: readonly FieldLine[], trailers: Trailers): boolean =>
  trailers() !== undefined || fieldValue(fields, "trailer") !== undefined;

function setLength(fields: FieldLine[], length: number): void {
  const line: FieldLine = ["content-length", String(length)];
  const index = fields.findIndex(([name]) => name === "content-length");
  if (index === -1) fields.push(line);
  else fields[index] = line;
}

type Read = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>>;

/** A stream that is always ready, such as one of empty chunks, must not keep others from being served. */
const CHUNKS_PER_TURN = 64;

const nextTurn = (clock: HostClock): Promise<void> =>
  new Promise((resolve, reject) => {
    clock.defer(guard("response turn", ({ error }) => reject(error), resolve));
  });

/** The assumed size of the first chunk of a stream. */
const UNKNOWN_CHUNK = 64 * 1024;

/** Microtasks within which the body of `new Response("text")` yields its only chunk and ends. */
const READY_TURNS = 12;

/** A stream's chunks, with prefetching of those that are ready immediately. */
class BodySource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  /** Chunks requested but not yet returned by `read`. */
  readonly #ahead: Promise<Read>[] = [];

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
  }

  get hasPrefetched(): boolean {
    return this.#ahead.length > 0;
  }

  async read(): Promise<Read> {
    const read = await (this.#ahead.shift() ?? this.#reader.read());
    if (!read.done && !(read.value instanceof Uint8Array)) {
      throw new TypeError("a response body's stream must yield Uint8Array chunks");
    }
    return read;
  }

  /** Requests the next chunk, and waits only as long as a ready chunk takes. */
  async prefetch(): Promise<void> {
    await this.#settlesAtOnce();
  }

  /** Returns the next chunk without consuming it; undefined at the end. */
  async peek(): Promise<Uint8Array | undefined> {
    const read = await this.read();
    this.#ahead.unshift(Promise.resolve(read));
    return read.value;
  }

  /**
   * Returns the whole body if it is ready within a few microtasks, so that the stream of `new Response("text")` is
   * sent in one piece, with its length. Rejects if the stream fails before its first chunk.
   */
  async wholeIfReady(): Promise<{ readonly content: Uint8Array | undefined } | undefined> {
    if (!(await this.#settlesAtOnce())) return undefined;
    const first = await this.read();
    if (first.done) return { content: undefined };
    const second = (await this.#settlesAtOnce()) ? await this.#ahead[0]!.catch(() => undefined) : undefined;
    if (second?.done === true) return { content: first.value };
    this.#ahead.unshift(Promise.resolve(first));
    return undefined;
  }

  /** Resolves with true if the next chunk, the end or an error is ready. Does not consume it. */
  async #settlesAtOnce(): Promise<boolean> {
    const next = this.#ahead[0] ?? this.#reader.read();
    if (this.#ahead.length === 0) this.#ahead.push(next);
    let settled = false;
    const look = next.finally(() => {
      settled = true;
    });
    detach("response look-ahead", ignore, look); // read() reports the error
    for (let turn = 0; turn < READY_TURNS && !settled; turn++) await undefined;
    return settled;
  }

  cancel(reason: unknown): void {
    this.#reader.cancel(reason).catch(() => undefined); // nothing can be done if the stream fails to cancel
  }
}
