/** A WHATWG Response onto a ServerExchange. */
import { contentLengthOf, type FieldLine, fieldValue, isConnectionSpecific } from "../../http/index.ts";
import { detach, ignore } from "../guard.ts";
import { isDecoded, isGzip, mayBeDecoded, withoutCoding } from "./decoded-response.ts";
import type { ServerExchange } from "./exchange.ts";
import { fieldsOf, plainBody } from "./plain-response.ts";

/** Asked for the response's trailers before its head is sent, and again after its body. */
export type Trailers = () => readonly FieldLine[] | undefined;

export async function sendResponse(exchange: ServerExchange, response: Response, trailers: Trailers): Promise<void> {
  const status = response.status === 0 ? 500 : response.status; // Response.error()
  let fields: FieldLine[] = [];
  for (const line of fieldsOf(response)) if (!isConnectionSpecific(line[0])) fields.push(line);
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
  await sendStream(exchange, status, fields, new BodySource(response.body), trailers);
}

/** A response whose content is known to be `content`, or to be none at all. */
function sendWhole(
  exchange: ServerExchange,
  status: number,
  fields: FieldLine[],
  content: Uint8Array | undefined,
  trailers: Trailers,
): void {
  if (isBodiless(exchange, status)) {
    // RFC 9110 §9.3.2: HEAD's fields are those of GET, the length too.
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
  exchange.respond(status, fields, { trailers: withTrailers });
  exchange.end(content, trailers());
}

/** A response whose content comes as it comes, and is read only as fast as the exchange takes it. */
async function sendStream(
  exchange: ServerExchange,
  status: number,
  given: FieldLine[],
  source: BodySource,
  trailers: Trailers,
): Promise<void> {
  let wake: (() => void) | undefined;
  const waitForRoom = async (): Promise<void> => {
    while (exchange.aborted === undefined && !exchange.hasRoom(UNKNOWN_CHUNK)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    // Others were woken as well, and see that this room is taken.
    await source.look();
    exchange.hasRoom();
  };
  exchange.onDrain = () => wake?.();
  const onAbort = exchange.onAbort;
  exchange.onAbort = (reason) => {
    onAbort?.(reason);
    wake?.();
    source.cancel(reason);
  };
  try {
    const fields = await describing(given, source);
    // A client that takes nothing has enough in memory: nothing is read for it in advance.
    const hasRoom = exchange.hasRoom(2 * UNKNOWN_CHUNK);
    if (!hasRoom) exchange.heldAside = UNKNOWN_CHUNK;
    const whole = hasRoom ? await source.wholeSoon() : undefined;
    // What did not come at once may never come, and takes nobody's room.
    exchange.hasRoom();
    if (whole !== undefined) {
      sendWhole(exchange, status, fields, whole.content, trailers);
      return;
    }
    // The head does not wait for content: a client of server-sent events is connected when it has the head.
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
    while (true) {
      if (!source.isAhead && !exchange.hasRoom()) await waitForRoom();
      const read = await source.read();
      if (read.done) break;
      sent += read.value.byteLength;
      // The stream has made its next chunk by now, most likely one of the same size.
      exchange.heldAside = read.value.byteLength;
      // More than was announced would be the next response to the client (RFC 9112 §6.3).
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

/** The fields, without a coding that the content does not have. */
async function describing(fields: FieldLine[], source: BodySource): Promise<FieldLine[]> {
  if (!mayBeDecoded(fields)) return fields;
  const first = await source.peek();
  return first === undefined || isGzip(first) ? fields : withoutCoding(fields);
}

/** RFC 9110 §6.4.1: what never has content. */
const isBodiless = (exchange: ServerExchange, status: number): boolean =>
  exchange.method === "HEAD" || status === 204 || status === 205 || status === 304;

/** RFC 9110 §6.6.2: it announces what follows content. */
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

/** What a stream is taken to keep ready, of which nothing was read yet. */
const UNKNOWN_CHUNK = 64 * 1024;

/** Turns of the microtask queue in which the body of `new Response("text")` gives its only chunk and ends. */
const SOON = 12;

/** A stream's chunks, with a look at what comes at once. */
class BodySource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  /** Asked for, and not yet taken by `read`. */
  readonly #ahead: Promise<Read>[] = [];

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
  }

  /** Whether `read` gives something that is in memory already, or asked for. */
  get isAhead(): boolean {
    return this.#ahead.length > 0;
  }

  async read(): Promise<Read> {
    const read = await (this.#ahead.shift() ?? this.#reader.read());
    if (!read.done && !(read.value instanceof Uint8Array)) {
      throw new TypeError("a response body's stream must give chunks of Uint8Array");
    }
    return read;
  }

  /** Asks for the next chunk, and waits for it no longer than it takes one that is ready. */
  async look(): Promise<void> {
    await this.#settlesSoon();
  }

  /** The next chunk, which `read` will give all the same; undefined at the end. */
  async peek(): Promise<Uint8Array | undefined> {
    const read = await this.read();
    this.#ahead.unshift(Promise.resolve(read));
    return read.value;
  }

  /**
   * The body of `new Response("text")` is a stream too. Waiting for a few microtasks, and no longer, lets such a
   * response leave in one piece, with its length. Rejects where the stream fails before its first chunk.
   */
  async wholeSoon(): Promise<{ readonly content: Uint8Array | undefined } | undefined> {
    if (!(await this.#settlesSoon())) return undefined;
    const first = await this.read();
    if (first.done) return { content: undefined };
    const second = (await this.#settlesSoon()) ? await this.#ahead[0]!.catch(() => undefined) : undefined;
    if (second?.done === true) return { content: first.value };
    this.#ahead.unshift(Promise.resolve(first));
    return undefined;
  }

  /** Whether the next chunk, the end or a failure comes at once; `read` will give it all the same. */
  async #settlesSoon(): Promise<boolean> {
    const next = this.#ahead[0] ?? this.#reader.read();
    if (this.#ahead.length === 0) this.#ahead.push(next);
    let settled = false;
    const look = next.finally(() => {
      settled = true;
    });
    detach("response look-ahead", ignore, look); // read() meets the error
    for (let turn = 0; turn < SOON && !settled; turn++) await undefined;
    return settled;
  }

  cancel(reason: unknown): void {
    this.#reader.cancel(reason).catch(() => undefined); // a stream that fails to stop has nobody to tell
  }
}
