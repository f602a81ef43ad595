// HTTP/2 on one connection, by node:http2. undici's HTTP/2 side is not used: it sends one POST at a time, drops informational
// responses, and loses content that is still unread when trailers arrive.
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type Settings,
} from "node:http2";
import type { TLSSocket } from "node:tls";
import { isHttp1Only } from "../../http/index.ts";
import { detach, type Fault, guard } from "../guard.ts";
import { fieldsFromRaw } from "../http/raw-fields.ts";
import { asClientError, ClientError } from "./errors.ts";
import type {
  ClientExchange,
  ClientRequestHead,
  Field,
  RequestContent,
  ResponseHandler,
  Session,
  SessionStats,
} from "./session.ts";
import { socketStats } from "./socket-stats.ts";
import type { ClientTcpConnection } from "./tcp.ts";

/** RFC 9113 §6.5.2 sets no initial limit; this many until the peer has said its own. */
const STREAMS_BEFORE_SETTINGS = 100;
const STREAM_WINDOW = 1 << 20;
const CONNECTION_WINDOW = 1 << 23;

export class Http2Session implements Session {
  readonly protocol = "h2";
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly timings;
  readonly closed: Promise<void>;
  readonly #connection: ClientTcpConnection;
  readonly #session: ClientHttp2Session;
  readonly #idleTimeout: number;
  readonly #onChange: () => void;
  #limit = STREAMS_BEFORE_SETTINGS;
  #active = 0;
  #requests = 0;
  #draining = false;
  /** RFC 9113 §6.8: streams above this id were not and will not be processed. */
  #lastProcessed = Number.POSITIVE_INFINITY;
  #error: Error | undefined;

  constructor(connection: ClientTcpConnection, origin: string, idleTimeout: number, onChange: () => void) {
    const { socket, timings } = connection;
    this.#connection = connection;
    this.#onChange = onChange;
    this.#idleTimeout = idleTimeout;
    this.timings = timings;
    this.remoteAddress = socket.remoteAddress ?? "";
    this.remotePort = socket.remotePort ?? 0;
    const session = connect(origin, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW },
    });
    this.#session = session;
    const onFault = (fault: Fault): void => this.destroy(fault.error);
    session.once(
      "connect",
      guard("client h2 connect", onFault, () => session.setLocalWindowSize(CONNECTION_WINDOW)),
    );
    session.on(
      "remoteSettings",
      guard("client h2 settings", onFault, ({ maxConcurrentStreams }: Settings) => {
        if (maxConcurrentStreams !== undefined) this.#limit = maxConcurrentStreams;
        onChange();
      }),
    );
    session.on(
      "timeout",
      guard("client h2 timeout", onFault, () => {
        if (this.#active === 0) session.close();
      }),
    );
    session.on(
      "goaway",
      guard("client h2 goaway", onFault, (_code: number, lastStreamId: number) => {
        this.#draining = true;
        this.#lastProcessed = lastStreamId;
        onChange();
      }),
    );
    session.on(
      "error",
      guard("client h2 error", onFault, (error: Error) => {
        this.#error = error;
      }),
    );
    this.closed = new Promise((resolve) => session.once("close", () => resolve()));
    detach("client h2 session closed", onFault, this.closed.then(onChange));
    this.#idle();
  }

  get active(): number {
    return this.#active;
  }

  get usable(): boolean {
    return !this.#draining && !this.#session.closed && !this.#session.destroyed;
  }

  get room(): number {
    return this.usable ? Math.max(0, this.#limit - this.#active) : 0;
  }

  request(head: ClientRequestHead, content: RequestContent | undefined, handler: ResponseHandler): ClientExchange {
    this.#requests += 1;
    this.#active += 1;
    this.#session.ref();
    this.#session.setTimeout(0);
    let stream: ClientHttp2Stream;
    try {
      stream = this.#session.request(fieldsToNode(head, content), { endStream: content === undefined });
    } catch (error) {
      this.#release();
      queueMicrotask(
        guard(
          "client h2 invalid",
          (fault) => handler.onError(fault.error, true),
          () => handler.onError(asClientError(error, "REQUEST_INVALID", "the request cannot be sent"), true),
        ),
      );
      return { pause() {}, resume() {}, reset() {} };
    }
    const isUnprocessed = () =>
      stream.rstCode === constants.NGHTTP2_REFUSED_STREAM || stream.id === undefined || stream.id > this.#lastProcessed;
    const exchange = new Http2ClientExchange(stream, handler, isUnprocessed, () => this.#error);
    stream.once(
      "close",
      guard(
        "client h2 close",
        (fault) => this.destroy(fault.error),
        () => this.#release(),
      ),
    );
    if (content === undefined) handler.onRequestSent();
    else detach("client h2 body", exchange.handleFault, exchange.send(content));
    return exchange;
  }

  stats(): SessionStats {
    return socketStats(this.#connection.socket as TLSSocket, this.timings, this.#requests);
  }

  async close(): Promise<void> {
    this.#draining = true;
    this.#session.close();
    this.#session.ref(); // whoever waits for the end is not to find the process gone before it
    await this.closed;
  }

  destroy(error: Error): void {
    this.#draining = true;
    this.#error = error;
    this.#session.destroy(error);
  }

  #release(): void {
    this.#active -= 1;
    if (this.#active === 0) this.#idle();
    this.#onChange();
  }

  #idle(): void {
    if (this.#session.destroyed || this.#session.closed) return;
    this.#session.unref(); // an idle connection keeps no process alive
    this.#session.setTimeout(this.#idleTimeout);
  }
}

class Http2ClientExchange implements ClientExchange {
  readonly #stream: ClientHttp2Stream;
  readonly #handler: ResponseHandler;
  readonly #isUnprocessed: () => boolean;
  readonly #connectionError: () => Error | undefined;
  #trailers: Field[] = [];
  #headSeen = false;
  #done = false;

  constructor(
    stream: ClientHttp2Stream,
    handler: ResponseHandler,
    isUnprocessed: () => boolean,
    connectionError: () => Error | undefined,
  ) {
    this.#stream = stream;
    this.#handler = handler;
    this.#isUnprocessed = isUnprocessed;
    this.#connectionError = connectionError;
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
        handler.onHead(Number(headers[":status"]), fieldsFromRaw(raw), "");
      }),
    );
    stream.on(
      "data",
      guard("client h2 data", onFault, (chunk: Buffer) => {
        if (!this.#done) handler.onData(chunk);
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
      guard("client h2 stream close", onFault, () => this.#fail(this.#connectionError())),
    );
  }

  /** An exception ends the request. */
  readonly handleFault = ({ error }: Fault): void => {
    this.#stream.close(constants.NGHTTP2_CANCEL);
    if (this.#finish()) this.#handler.onError(error, false);
  };

  async send(content: RequestContent): Promise<void> {
    const stream = this.#stream;
    try {
      for await (const chunk of content.chunks) {
        if (stream.destroyed || stream.writableEnded) return;
        if (!stream.write(chunk)) await roomToWrite(stream);
      }
    } catch (error) {
      if (this.#finish()) {
        this.#handler.onError(asClientError(error, "REQUEST_BODY_FAILED", "the request's body failed"), false);
      }
      stream.close(constants.NGHTTP2_CANCEL);
      return;
    }
    if (stream.destroyed) return;
    stream.end();
    if (!this.#done) this.#handler.onRequestSent();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  reset(_reason: Error): void {
    if (!this.#finish()) return;
    this.#stream.resume();
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  /** "end" also follows a reset, so look twice before calling it the end of the response. */
  #end(): void {
    const { rstCode } = this.#stream;
    if (rstCode !== undefined && rstCode !== constants.NGHTTP2_NO_ERROR) return; // "error" or "close" comes next
    if (!this.#headSeen) return;
    if (this.#finish()) this.#handler.onEnd(this.#trailers);
  }

  #fail(cause: Error | undefined): void {
    if (!this.#finish()) return;
    const unprocessed = this.#isUnprocessed();
    const code = this.#stream.rstCode;
    if (cause instanceof ClientError) {
      this.#handler.onError(cause, unprocessed);
      return;
    }
    const name = code === undefined || code === 0 ? undefined : (errorNames.get(code) ?? `0x${code.toString(16)}`);
    const message =
      name === undefined || cause === this.#connectionError()
        ? "the server closed the connection before the response was complete"
        : `the server reset the stream (${name})`;
    this.#handler.onError(new ClientError("CONNECTION_LOST", message, { cause }), unprocessed);
  }

  #finish(): boolean {
    if (this.#done) return false;
    this.#done = true;
    return true;
  }
}

/** RFC 9113 §7, from Node's table of constants. */
const errorNames = new Map(
  ["PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR"]
    .concat([
      "REFUSED_STREAM",
      "CANCEL",
      "COMPRESSION_ERROR",
      "CONNECT_ERROR",
      "ENHANCE_YOUR_CALM",
      "INADEQUATE_SECURITY",
    ])
    .concat(["HTTP_1_1_REQUIRED"])
    .map((name) => [(constants as unknown as Record<string, number>)[`NGHTTP2_${name}`], name] as const),
);

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

function fieldsToNode(head: ClientRequestHead, content: RequestContent | undefined): OutgoingHttpHeaders {
  const headers: Record<string, string | string[]> = {
    ":method": head.method,
    ":scheme": head.scheme,
    ":authority": head.authority,
    ":path": head.path,
  };
  for (const [name, value] of head.fields) {
    if (name === "host" || isHttp1Only(name, value)) continue; // RFC 9113 §8.2.2, §8.3.1
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else headers[name] = Array.isArray(before) ? [...before, value] : [before, value];
  }
  if (content?.length !== undefined) headers["content-length"] = String(content.length);
  return headers;
}
