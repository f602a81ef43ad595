/** One request and its response on an HTTP/2 connection of node:http2. */
import { type ClientHttp2Stream, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { contentLengthOf } from "../../http/index.ts";
import type { PartialPriority } from "../../http/priority/index.ts";
import type { SettingValues } from "../../webtransport/h2/settings.ts";
import { type Fault, guard } from "../guard.ts";
import { watchEndStream } from "../http/http2-end-stream.ts";
import { fieldsFromRaw } from "../http/raw-fields.ts";
import { asClientError, ClientError } from "./errors.ts";
import { explain, isLocal } from "./http2-errors.ts";
import type { ClientExchange, Field, RequestContent, ResponseHandler } from "./session.ts";

/** The maximum size of one write to Node, which copies the data. */
const MAX_WRITE = 64 * 1024;

/** What an exchange needs of its connection. */
export interface Http2Connection {
  /** The server's settings beyond RFC 9113, as they were when the request was sent. */
  readonly peerSettings: SettingValues;
  readonly isUnprocessed: () => boolean;
  readonly connectionError: () => Error | undefined;
  /** Stops the connection from taking more requests. */
  readonly retire: () => void;
  /** Tells the server the request's priority. Returns false if it is not told. */
  readonly update: (priority: PartialPriority) => boolean;
}

export class Http2ClientExchange implements ClientExchange {
  readonly peerSettings: SettingValues;
  readonly #stream: ClientHttp2Stream;
  readonly #canceller: AbortController | undefined;
  readonly #handler: ResponseHandler;
  readonly #connection: Http2Connection;
  readonly #hasEnded: () => boolean;
  #trailers: Field[] = [];
  #headSeen = false;
  #isPaused = false;
  /** Bytes of content that are still to come, if the response has a length. */
  #left: number | undefined;
  #done = false;

  constructor(
    stream: ClientHttp2Stream,
    canceller: AbortController | undefined,
    handler: ResponseHandler,
    connection: Http2Connection,
  ) {
    this.#stream = stream;
    this.#canceller = canceller;
    this.#handler = handler;
    this.#connection = connection;
    this.peerSettings = connection.peerSettings;
    this.#hasEnded = watchEndStream(stream);
    const onFault = this.handleFault;
    stream.on(
      "continue",
      guard("client h2 continue", onFault, () => {
        if (!this.#done) handler.onInformational(100, []);
      }),
    );
    stream.on(
      "headers",
      guard("client h2 headers", onFault, (headers: IncomingHttpHeaders, _flags: number, raw?: readonly string[]) => {
        if (!this.#done) handler.onInformational(Number(headers[":status"]), fieldsFromRaw(raw));
      }),
    );
    stream.on(
      "response",
      guard("client h2 response", onFault, (headers: IncomingHttpHeaders, _flags: number, raw?: readonly string[]) => {
        if (this.#done) return;
        this.#headSeen = true;
        const fields = fieldsFromRaw(raw);
        const length = contentLengthOf(fields);
        if (typeof length === "number") this.#left = length;
        handler.onHead(Number(headers[":status"]), fields, "");
        this.#takeContent();
      }),
    );
    stream.on(
      "trailers",
      guard("client h2 trailers", onFault, (_trailers: unknown, _flags: number, raw?: readonly string[]) => {
        this.#trailers = fieldsFromRaw(raw);
      }),
    );
    stream.once(
      "end",
      guard("client h2 end", onFault, () => this.#end()),
    );
    stream.on(
      "error",
      guard("client h2 stream error", onFault, (error: Error) => this.#fail(error)),
    );
    stream.once(
      "close",
      guard("client h2 stream close", onFault, () => this.#fail(connection.connectionError())),
    );
  }

  /** Through a tap, Node emits content before the head that came with it, so nothing takes it until then. */
  #takeContent(): void {
    const stream = this.#stream;
    stream.on(
      "data",
      guard("client h2 data", this.handleFault, (chunk: Buffer) => {
        if (this.#left !== undefined) this.#left -= chunk.byteLength;
        if (!this.#done) this.#handler.onData(chunk);
      }),
    );
    if (!this.#isPaused) stream.resume();
  }

  /** An exception ends the request. */
  readonly handleFault = ({ error }: Fault): void => {
    this.#cut();
    if (this.#finish()) this.#handler.onError(error, false);
  };

  async send(content: RequestContent): Promise<void> {
    const stream = this.#stream;
    if (content.trailers !== undefined) this.#sendTrailers(content.trailers);
    try {
      for await (const chunk of content.chunks) {
        for (let start = 0; start < chunk.byteLength; start += MAX_WRITE) {
          if (stream.destroyed || stream.writableEnded) return;
          if (!stream.write(chunk.subarray(start, start + MAX_WRITE))) await roomToWrite(stream);
        }
      }
    } catch (error) {
      if (this.#finish()) {
        this.#handler.onError(asClientError(error, "REQUEST_BODY_FAILED", "reading the request's body failed"), false);
      }
      this.#cut();
      return;
    }
    if (stream.destroyed || stream.writableEnded) return;
    stream.end();
    if (!this.#done) this.#handler.onRequestSent();
  }

  #sendTrailers(trailers: () => readonly Field[]): void {
    this.#stream.on(
      "wantTrailers",
      guard("client h2 wants trailers", this.handleFault, () => {
        const headers: OutgoingHttpHeaders = {};
        for (const [name, value] of trailers()) {
          const before = headers[name];
          headers[name] = before === undefined ? value : `${before}, ${value}`;
        }
        this.#stream.sendTrailers(headers); // without any, Node just ends the stream
      }),
    );
  }

  reprioritize(priority: PartialPriority): boolean {
    return !this.#done && this.#connection.update(priority);
  }

  pause(): void {
    this.#isPaused = true;
    this.#stream.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#headSeen) this.#stream.resume();
  }

  reset(_reason: Error): void {
    if (!this.#finish()) return;
    this.#cut();
  }

  /** RST_STREAM(CANCEL). */
  #cut(): void {
    const stream = this.#stream;
    if (this.#canceller !== undefined && !stream.writableEnded) {
      this.#canceller.abort();
      return;
    }
    stream.resume();
    stream.close(constants.NGHTTP2_CANCEL);
  }

  #end(): void {
    const { rstCode } = this.#stream;
    // Node servers send END_STREAM first, then RST_STREAM with an error code.
    if (rstCode !== undefined && rstCode !== constants.NGHTTP2_NO_ERROR) return; // "error" or "close" follows
    // Node may hide an END_STREAM that arrives while nothing is read. Content of the declared length is complete anyway.
    if (!(this.#hasEnded() || this.#left === 0) || !this.#headSeen) return;
    if (this.#finish()) this.#handler.onEnd(this.#trailers);
  }

  #fail(cause: Error | undefined): void {
    if (!this.#finish()) return;
    const { isUnprocessed, connectionError, retire } = this.#connection;
    const code = this.#stream.rstCode;
    // RFC 9113 §8.7
    const unprocessed = isUnprocessed() || code === constants.NGHTTP2_REFUSED_STREAM;
    if (cause instanceof ClientError) {
      this.#handler.onError(cause, unprocessed);
      return;
    }
    if (code === constants.NGHTTP2_ENHANCE_YOUR_CALM || isLocal(cause)) retire();
    this.#handler.onError(explain(code, cause, cause === connectionError()), unprocessed);
  }

  #finish(): boolean {
    if (this.#done) return false;
    this.#done = true;
    return true;
  }
}

function roomToWrite(stream: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = guard(
      "client h2 room",
      () => resolve(),
      () => {
        stream.off("drain", done).off("close", done);
        resolve();
      },
    );
    stream.on("drain", done).on("close", done);
    if (stream.destroyed) done();
  });
}
