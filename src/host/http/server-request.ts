/**
 * The `Request` that a handler gets. Creating a real one costs about 40 µs of CPU on Node 20 (headers, URL, signal),
 * more than the rest of a small request, while most handlers only use `method`, `url` and perhaps a header. So this is
 * a light object on a ServerExchange that inherits from `Request.prototype`; `native()` creates a real Request.
 */
import { fieldValue } from "../../http/index.ts";
import { continueIfExpected, type ServerExchange } from "./exchange.ts";

/** Text that the URL parser would leave unchanged, so that parsing can be skipped. */
const PLAIN_AUTHORITY = /^(?:localhost|[a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*)+|127\.0\.0\.1)(?::[1-9][0-9]{0,4})?$/;
const PLAIN_PATH = /^\/(?:[\w\-~!$&()*+,;=:@/]|\.(?![./?]|$)|%(?!2e)[0-9a-f]{2})*(?:\?[\w\-.~!$&()*+,;=:@/?%]*)?$/i;

/** A body exceeds the limit for collecting it. Becomes a 413. */
export class BodyTooLargeError extends Error {
  override readonly name = "BodyTooLargeError";
  readonly status = 413;
}

/** The limit of `text()`, `json()` and similar methods, in bytes. To read more, use `body`. */
const MAX_COLLECTED = 128 * 1024 * 1024;

/** The request's URL as in a real Request; undefined if it is invalid. */
export function requestUrl(exchange: ServerExchange): string | undefined {
  const { scheme, authority, path } = exchange;
  const port = authority.endsWith(":443") || authority.endsWith(":80");
  if (!port && PLAIN_AUTHORITY.test(authority) && PLAIN_PATH.test(path)) return `${scheme}://${authority}${path}`;
  const base = `${scheme}://${authority === "" ? "localhost" : authority}`;
  return URL.canParse(base + (path === "*" ? "/*" : path))
    ? new URL(base + (path === "*" ? "/*" : path)).href
    : undefined;
}

export class ServerRequest {
  readonly url: string;
  readonly #exchange: ServerExchange;
  #headers: Headers | undefined;
  #controller: AbortController | undefined;
  #stream: ReadableStream<Uint8Array> | null | undefined;
  #used = false;
  #trailers: Promise<Headers> | undefined;
  #settleTrailers: (() => void) | undefined;
  #real: Request | undefined;

  constructor(exchange: ServerExchange, url: string) {
    this.#exchange = exchange;
    this.url = url;
  }

  /** Call if the client cancels the request. */
  abort(reason: Error): void {
    this.#controller?.abort(reason);
    this.#settleTrailers?.();
  }

  get method(): string {
    return this.#exchange.method;
  }

  get headers(): Headers {
    if (this.#headers === undefined) {
      this.#headers = new Headers(this.#exchange.fields as [string, string][]);
      // Handlers expect the authority in `host`, also in HTTP/2 and HTTP/3.
      if (this.#exchange.authority !== "") this.#headers.set("host", this.#exchange.authority);
    }
    return this.#headers;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#exchange.aborted !== undefined) this.#controller.abort(this.#exchange.aborted);
    }
    return this.#controller.signal;
  }

  /** The request's trailer fields, once its body has been read. */
  get trailers(): Promise<Headers> {
    if (this.#trailers === undefined) {
      this.#trailers = new Promise<Headers>((resolve, reject) => {
        this.#settleTrailers = () => {
          const { state, trailers } = this.#exchange.body;
          if (state === "ended") resolve(new Headers(trailers as [string, string][]));
          else if (state === "aborted") reject(abortReason(this.#exchange));
        };
      });
      this.#trailers.catch(() => undefined); // the handler may have finished when this rejects
      this.#settleTrailers?.();
      // The Fetch standard hides the body of GET and HEAD, so nothing else reads it.
      if (this.method === "GET" || this.method === "HEAD") discardBody(this.#exchange, () => this.#settleTrailers?.());
    }
    return this.#trailers;
  }

  get body(): ReadableStream<Uint8Array> | null {
    if (this.#real !== undefined) return this.#real.body;
    if (this.#stream === undefined) this.#stream = this.#hasBody() ? this.#createStream() : null;
    return this.#stream;
  }

  get bodyUsed(): boolean {
    return this.#real === undefined ? this.#used : this.#real.bodyUsed;
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = await this.bytes();
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  }

  async bytes(): Promise<Uint8Array> {
    if (this.#real !== undefined) return new Uint8Array(await this.#real.arrayBuffer());
    if (this.bodyUsed || this.#stream?.locked) throw new TypeError("Body is unusable: Body has already been read");
    if (!this.#hasBody()) return new Uint8Array(0);
    this.#used = true;
    return collect(this.#exchange).finally(() => this.#settleTrailers?.());
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async blob(): Promise<Blob> {
    return new Blob([(await this.bytes()) as Uint8Array<ArrayBuffer>], {
      type: this.headers.get("content-type") ?? "",
    });
  }

  async formData(): Promise<FormData> {
    const type = fieldValue(this.#exchange.fields, "content-type");
    const bytes = (await this.bytes()) as Uint8Array<ArrayBuffer>;
    return new Response(bytes, type === undefined ? {} : { headers: { "content-type": type } }).formData();
  }

  clone(): Request {
    return this.native().clone();
  }

  // The Fetch standard's defaults.
  get cache(): string {
    return "default";
  }
  get credentials(): string {
    return "same-origin";
  }
  get destination(): string {
    return "";
  }
  get duplex(): string {
    return "half";
  }
  get integrity(): string {
    return "";
  }
  get keepalive(): boolean {
    return false;
  }
  get mode(): string {
    return "cors";
  }
  get redirect(): string {
    return "follow";
  }
  get referrer(): string {
    return "about:client";
  }
  get referrerPolicy(): string {
    return "";
  }

  #createStream(): ReadableStream<Uint8Array> {
    const onPull = (): void => {
      this.#used = true;
    };
    return bodyStream(this.#exchange, onPull, () => this.#settleTrailers?.());
  }

  #hasBody(): boolean {
    // In the Fetch standard, GET and HEAD have no body. What follows CONNECT belongs to the tunnel.
    return (
      this.method !== "GET" &&
      this.method !== "HEAD" &&
      this.method !== "CONNECT" &&
      (this.#stream != null || this.#exchange.body.state !== "ended")
    );
  }

  /** Node's own Request, which `fetch` and `new Request` accept. From now on the body is read through it. */
  native(): Request {
    if (this.#real === undefined) {
      const { method, headers, body, signal } = this;
      const init = { method, headers, signal, ...(body === null ? {} : { body, duplex: "half" as const }) };
      this.#real = new Request(this.url, init);
    }
    return this.#real;
  }
}

/** Creates the Request for a handler. It is an `instanceof Request`. */
export function createServerRequest(exchange: ServerExchange, url: string): ServerRequest {
  // Accessing `Request` makes Node load its fetch, so do it at the first request instead of delaying the start.
  if (Object.getPrototypeOf(ServerRequest.prototype) === Object.prototype) {
    Object.setPrototypeOf(ServerRequest.prototype, Request.prototype);
  }
  return new ServerRequest(exchange, url);
}

/** Reads the body to its end and drops it. */
function discardBody(exchange: ServerExchange, settled: () => void): void {
  const { body } = exchange;
  continueIfExpected(exchange);
  const advance = (): void => {
    while (body.read() !== undefined);
    if (body.state === "open") return;
    body.onReadable = undefined;
    settled();
  };
  body.onReadable = advance;
  advance();
}

/** The body as a stream that does not read ahead. */
function bodyStream(exchange: ServerExchange, onPull: () => void, settled: () => void): ReadableStream<Uint8Array> {
  const { body } = exchange;
  let hasBegun = false;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        onPull();
        if (!hasBegun) continueIfExpected(exchange);
        hasBegun = true;
        return new Promise<void>((resolve) => {
          const advance = () => {
            const chunk = body.read();
            if (chunk !== undefined) controller.enqueue(chunk);
            else if (body.state === "ended") controller.close();
            else if (body.state === "aborted") controller.error(abortReason(exchange));
            else return;
            body.onReadable = undefined;
            if (chunk === undefined) settled();
            resolve();
          };
          body.onReadable = advance;
          advance();
        });
      },
      cancel() {
        body.onReadable = undefined;
      },
    },
    { highWaterMark: 0 },
  );
}

const abortReason = (exchange: ServerExchange): Error =>
  exchange.aborted ?? new Error("the exchange ended before the request's body was complete");

/** Reads the whole body without a stream. */
function collect(exchange: ServerExchange): Promise<Uint8Array> {
  const { body } = exchange;
  const chunks: Uint8Array[] = [];
  let length = 0;
  continueIfExpected(exchange);
  return new Promise<Uint8Array>((resolve, reject) => {
    const advance = () => {
      for (let chunk = body.read(); chunk !== undefined; chunk = body.read()) {
        length += chunk.byteLength;
        if (length > MAX_COLLECTED) {
          body.onReadable = undefined;
          reject(new BodyTooLargeError(`the request body is larger than ${MAX_COLLECTED} bytes; read it as a stream`));
          return;
        }
        chunks.push(chunk);
      }
      if (body.state === "open") return;
      body.onReadable = undefined;
      if (body.state === "ended") resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length));
      else reject(abortReason(exchange));
    };
    body.onReadable = advance;
    advance();
  });
}
