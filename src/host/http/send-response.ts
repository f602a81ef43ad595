/** A WHATWG Response onto a ServerExchange. */
import { contentLengthOf, type FieldLine, fieldValue, isConnectionSpecific } from "../../http/index.ts";
import { detach, ignore } from "../guard.ts";
import type { ServerExchange } from "./exchange.ts";
import { fieldsOf, plainBody } from "./plain-response.ts";

/** Asked for the response's trailers before its head is sent, and again after its body. */
export type Trailers = () => readonly FieldLine[] | undefined;

export async function sendResponse(exchange: ServerExchange, response: Response, trailers: Trailers): Promise<void> {
  const status = response.status === 0 ? 500 : response.status; // Response.error()
  const fields: FieldLine[] = [];
  for (const line of fieldsOf(response)) if (!isConnectionSpecific(line[0])) fields.push(line);
  const plain = plainBody(response);
  if (plain !== undefined) {
    sendWhole(exchange, status, fields, plain, trailers);
    return;
  }
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
    exchange.respond(status, fields, { endStream: true });
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
  fields: FieldLine[],
  source: BodySource,
  trailers: Trailers,
): Promise<void> {
  let wake: (() => void) | undefined;
  exchange.onDrain = () => wake?.();
  const onAbort = exchange.onAbort;
  exchange.onAbort = (reason) => {
    onAbort?.(reason);
    wake?.();
    source.cancel(reason);
  };
  try {
    let read = await source.read();
    if (read.done || (await source.endsSoon())) {
      sendWhole(exchange, status, fields, read.value, trailers);
      return;
    }
    const bodiless = isBodiless(exchange, status);
    exchange.respond(status, fields, { endStream: bodiless, trailers: hasTrailers(fields, trailers) });
    if (bodiless) {
      source.cancel(new Error("the response has no content"));
      return;
    }
    const announced = contentLengthOf(fields);
    const length = typeof announced === "number" ? announced : undefined;
    let sent = 0;
    while (!read.done) {
      sent += read.value.byteLength;
      // More than was announced would be the next response to the client (RFC 9112 §6.3).
      if (length !== undefined && sent > length)
        throw new Error(`the body is longer than its content-length ${length}`);
      if (!exchange.write(read.value) && exchange.aborted === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      read = await source.read();
    }
    if (exchange.aborted !== undefined) return;
    if (length !== undefined && sent < length) throw new Error(`the body ended after ${sent} bytes of ${length}`);
    exchange.end(undefined, trailers());
  } catch (error) {
    source.cancel(error);
    throw error;
  }
}

/** RFC 9110 §6.4.1: what never has content. */
const isBodiless = (exchange: ServerExchange, status: number): boolean =>
  exchange.method === "HEAD" || status === 204 || status === 205 || status === 304;

const hasTrailers = (fields: readonly FieldLine[], trailers: Trailers): boolean =>
  trailers() !== undefined || fieldValue(fields, "trailer") !== undefined;

function setLength(fields: FieldLine[], length: number): void {
  const line: FieldLine = ["content-length", String(length)];
  const index = fields.findIndex(([name]) => name === "content-length");
  if (index === -1) fields.push(line);
  else fields[index] = line;
}

type Read = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>>;

/** A stream's chunks, with a look at whether there will be another. */
class BodySource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #ahead: Promise<Read> | undefined;

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
  }

  async read(): Promise<Read> {
    const reading = this.#ahead ?? this.#reader.read();
    this.#ahead = undefined;
    const read = await reading;
    if (!read.done && !(read.value instanceof Uint8Array)) {
      throw new TypeError("a response body's stream must give chunks of Uint8Array");
    }
    return read;
  }

  /**
   * The body of `new Response("text")` is a stream too, which ends a few microtasks after its only chunk. Waiting that
   * long, and no longer, lets such a response leave in one piece, with its length.
   */
  async endsSoon(): Promise<boolean> {
    this.#ahead = this.#reader.read();
    let settled: Read | undefined;
    const look = this.#ahead.then((read) => {
      settled = read;
    });
    detach("response look-ahead", ignore, look); // the next read() meets the error
    for (let turn = 0; turn < 6 && settled === undefined; turn++) await undefined;
    return settled?.done === true;
  }

  cancel(reason: unknown): void {
    this.#reader.cancel(reason).catch(() => undefined); // a stream that fails to stop has nobody to tell
  }
}
