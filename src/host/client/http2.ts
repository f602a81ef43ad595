// HTTP/2 on one connection, using node:http2. undici's HTTP/2 is not used: it sends one POST at a time, drops
// informational responses, and loses unread content when trailers arrive.
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
import { contentLengthOf, isHttp1Only } from "../../http/index.ts";
import { SESSION_SETTINGS, type SettingValues, takesSessions, WT_ENABLED } from "../../webtransport/h2/settings.ts";
import { WEBTRANSPORT_PROTOCOL } from "../../webtransport/h3/settings.ts";
import { detach, type Fault, guard } from "../guard.ts";
import { watchEndStream } from "../http/http2-end-stream.ts";
import { fieldsFromRaw } from "../http/raw-fields.ts";
import { Timer } from "../timer.ts";
import { asClientError, ClientError, NoExtendedConnectError } from "./errors.ts";
import { explain, isLocal, isSpent, requestError } from "./http2-errors.ts";
import { MAX_RESPONSE_HEAD } from "./limits.ts";
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
import { WaitingExchange } from "./waiting-exchange.ts";

/** Until the peer's SETTINGS arrive. RFC 9113 §6.5.2 has no initial limit. */
const STREAMS_BEFORE_SETTINGS = 100;
const STREAM_WINDOW = 1 << 20;
const CONNECTION_WINDOW = 1 << 23;
/** The maximum size of one write to Node, which copies the data. */
const MAX_WRITE = 64 * 1024;
/**
 * Megabytes. Node counts queued bytes but does not subtract those of a stream that ends early; above the limit (10 by
 * default) it resets every stream of the connection. Here, flow control and MAX_WRITE limit memory.
 */
const UNLIMITED_SESSION_MEMORY = 2 ** 32 - 1;
/** The maximum number of field lines of a response. Some servers send more than Node's default of 128. */
const MAX_FIELD_LINES = 2_000;

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
  readonly #onIdle: () => void;
  #idleTimer: Timer | undefined;
  #limit = STREAMS_BEFORE_SETTINGS;
  #active = 0;
  #requests = 0;
  #draining = false;
  #hasSettings = false;
  /** Requests for tunnels, until the server's settings arrive. */
  readonly #waiting = new Set<WaitingExchange>();
  /** RFC 9113 §6.8: the server does not process streams above this id. */
  #lastProcessed = Number.POSITIVE_INFINITY;
  #error: Error | undefined;

  /** `settings` beyond RFC 9113 are announced, and those of the server read, for WebTransport. */
  constructor(
    connection: ClientTcpConnection,
    origin: string,
    idleTimeout: number,
    onChange: () => void,
    settings?: SettingValues,
  ) {
    const { socket, timings } = connection;
    this.#connection = connection;
    this.#onChange = onChange;
    this.#idleTimeout = idleTimeout;
    this.timings = timings;
    this.remoteAddress = socket.remoteAddress ?? "";
    this.remotePort = socket.remotePort ?? 0;
    const session = connect(origin, {
      createConnection: () => socket,
      settings: {
        enablePush: false,
        initialWindowSize: STREAM_WINDOW,
        maxHeaderListSize: MAX_RESPONSE_HEAD,
        ...(settings && { customSettings: settings }),
      },
      ...(settings && { remoteCustomSettings: [...SESSION_SETTINGS] }),
      maxSessionMemory: UNLIMITED_SESSION_MEMORY,
      maxHeaderListPairs: MAX_FIELD_LINES,
    });
    this.#session = session;
    const onFault = (fault: Fault): void => this.destroy(fault.error);
    session.once(
      "connect",
      guard("client h2 connect", onFault, () => session.setLocalWindowSize(CONNECTION_WINDOW)),
    );
    session.on(
      "remoteSettings",
      guard("client h2 settings", onFault, ({ maxConcurrentStreams, customSettings }: Settings) => {
        // draft-ietf-webtrans-http2 §3.1
        if ((customSettings?.[WT_ENABLED] ?? 0) > 1) {
          session.destroy(new Error("SETTINGS_WT_ENABLED is above 1"), constants.NGHTTP2_PROTOCOL_ERROR);
          return;
        }
        if (maxConcurrentStreams !== undefined) this.#limit = maxConcurrentStreams;
        this.#hasSettings = true;
        for (const waiting of this.#waiting) waiting.start();
        this.#waiting.clear();
        onChange();
      }),
    );
    this.#onIdle = guard("client h2 timeout", onFault, () => {
      if (this.#active === 0) session.close();
    });
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
    const settled = this.closed.then(() => {
      this.#idleTimer?.clear();
      for (const waiting of this.#waiting) waiting.fail(requestError(this.#error ?? new Error("no settings")));
      onChange();
    });
    detach("client h2 session closed", onFault, settled);
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
    if (head.protocol === undefined || this.#hasSettings) return this.#request(head, content, handler);
    // RFC 8441 §3: only the server's settings tell whether it takes tunnels.
    const waiting = new WaitingExchange(() => this.#request(head, content, handler), handler);
    this.#waiting.add(waiting);
    return waiting;
  }

  #request(head: ClientRequestHead, content: RequestContent | undefined, handler: ResponseHandler): ClientExchange {
    this.#requests += 1;
    this.#active += 1;
    this.#session.ref();
    this.#idleTimer?.clear();
    let stream: ClientHttp2Stream;
    // RFC 9113 §8.1: an incomplete request must not have END_STREAM. Node's close() sends one first; its abort does
    // not.
    const canceller = content === undefined ? undefined : new AbortController();
    try {
      if (head.protocol !== undefined && !this.#session.remoteSettings.enableConnectProtocol) {
        throw new NoExtendedConnectError();
      }
      if (head.protocol === WEBTRANSPORT_PROTOCOL && !takesSessions(this.#peerSettings)) {
        throw new ClientError("PROTOCOL_UNAVAILABLE", "the server takes no WebTransport sessions over HTTP/2");
      }
      const options = { endStream: content === undefined, waitForTrailers: content?.trailers !== undefined };
      const { signal } = canceller ?? {};
      stream = this.#session.request(
        fieldsToNode(head, content),
        signal === undefined ? options : { ...options, signal },
      );
    } catch (error) {
      if (isSpent(error)) this.#retire();
      this.#release();
      queueMicrotask(
        guard(
          "client h2 invalid",
          (fault) => handler.onError(fault.error, true),
          () => handler.onError(requestError(error), true),
        ),
      );
      return { pause() {}, resume() {}, reset() {} };
    }
    const isUnprocessed = () =>
      stream.rstCode === constants.NGHTTP2_REFUSED_STREAM || stream.id === undefined || stream.id > this.#lastProcessed;
    const exchange = new Http2ClientExchange(stream, canceller, handler, {
      isUnprocessed,
      peerSettings: this.#peerSettings,
      connectionError: () => this.#error,
      retire: () => this.#retire(),
    });
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
    this.#session.ref(); // keeps the process alive until `closed` resolves
    await this.closed;
  }

  destroy(error: Error): void {
    this.#draining = true;
    this.#error = error;
    this.#session.destroy(error);
  }

  get #peerSettings(): SettingValues {
    return this.#session.remoteSettings.customSettings ?? {};
  }

  #retire(): void {
    this.#draining = true;
    this.#session.close();
    this.#onChange();
  }

  #release(): void {
    this.#active -= 1;
    if (this.#active === 0) this.#idle();
    this.#onChange();
  }

  #idle(): void {
    if (this.#session.destroyed || this.#session.closed) return;
    this.#session.unref(); // an idle connection must not keep the process alive
    this.#idleTimer?.clear();
    this.#idleTimer = new Timer(this.#onIdle, this.#idleTimeout).unref();
  }
}

interface Connection {
  readonly peerSettings: SettingValues;
  readonly isUnprocessed: () => boolean;
  readonly connectionError: () => Error | undefined;
  /** Stops the connection from taking more requests. */
  readonly retire: () => void;
}

class Http2ClientExchange implements ClientExchange {
  readonly peerSettings: SettingValues;
  readonly #stream: ClientHttp2Stream;
  readonly #canceller: AbortController | undefined;
  readonly #handler: ResponseHandler;
  readonly #connection: Connection;
  readonly #hasEnded: () => boolean;
  #trailers: Field[] = [];
  #headSeen = false;
  /** Bytes of content that are still to come, if the response has a length. */
  #left: number | undefined;
  #done = false;

  constructor(
    stream: ClientHttp2Stream,
    canceller: AbortController | undefined,
    handler: ResponseHandler,
    connection: Connection,
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
      }),
    );
    stream.on(
      "data",
      guard("client h2 data", onFault, (chunk: Buffer) => {
        if (this.#left !== undefined) this.#left -= chunk.byteLength;
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
      guard("client h2 stream close", onFault, () => this.#fail(connection.connectionError())),
    );
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

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
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

function fieldsToNode(head: ClientRequestHead, content: RequestContent | undefined): OutgoingHttpHeaders {
  const headers: Record<string, string | string[]> = { ":method": head.method, ":authority": head.authority };
  // RFC 9113 §8.5: a plain CONNECT has neither scheme nor path.
  if (head.method !== "CONNECT") Object.assign(headers, { ":scheme": head.scheme, ":path": head.path });
  if (head.protocol !== undefined) Object.assign(headers, { ":method": "CONNECT", ":protocol": head.protocol });
  for (const [name, value] of head.fields) {
    if (name === "host" || isHttp1Only(name, value)) continue; // RFC 9113 §8.2.2, §8.3.1
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else headers[name] = Array.isArray(before) ? [...before, value] : [before, value];
  }
  if (content?.length !== undefined) headers["content-length"] = String(content.length);
  return headers;
}
