// HTTP/2 on one connection, using node:http2. undici's HTTP/2 is not used: it sends one POST at a time, drops
// informational responses, and loses unread content when trailers arrive.
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
  type Settings,
} from "node:http2";
import type { TLSSocket } from "node:tls";
import { isHttp1Only, isHttpsOrigin, MAX_ORIGINS } from "../../http/index.ts";
import { Http2FrameError, type PartialPriority, SETTINGS_NO_RFC7540_PRIORITIES } from "../../http/priority/index.ts";
import { SESSION_SETTINGS, type SettingValues, takesSessions, WT_ENABLED } from "../../webtransport/h2/settings.ts";
import { WEBTRANSPORT_PROTOCOL } from "../../webtransport/h3/settings.ts";
import { detach, type Fault, guard } from "../guard.ts";
import { Timer } from "../timer.ts";
import { ClientError, NoExtendedConnectError } from "./errors.ts";
import { Http2ClientExchange } from "./http2-client-exchange.ts";
import { isSpent, requestError } from "./http2-errors.ts";
import { UpdatingSocket } from "./http2-updates.ts";
import { MAX_RESPONSE_HEAD } from "./limits.ts";
import { http2ServerFrames, type ServerFrames } from "./server-frames.ts";
import type {
  ClientExchange,
  ClientRequestHead,
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
/**
 * Megabytes. Node counts queued bytes but does not subtract those of a stream that ends early; above the limit (10 by
 * default) it resets every stream of the connection. Here, flow control and the size of writes limit memory.
 */
const UNLIMITED_SESSION_MEMORY = 2 ** 32 - 1;
/** The maximum number of field lines of a response. Some servers send more than Node's default of 128. */
const MAX_FIELD_LINES = 2_000;

export interface Http2SessionOptions {
  readonly origin: string;
  /** Milliseconds. */
  readonly idleTimeout: number;
  /** True to send PRIORITY_UPDATE frames to servers that read them. */
  readonly sendsUpdates: boolean;
  /** Settings beyond RFC 9113 to announce for WebTransport, whose settings of the server are then read. */
  readonly settings?: SettingValues | undefined;
  readonly onChange: () => void;
  /** Told what ALTSVC frames say about an origin (RFC 7838 §4). */
  readonly onAltSvc?: ((origin: string, field: string) => void) | undefined;
  /** Over TLS: frames of drafts to read, at the cost of CPU. */
  readonly serverFrames?: ServerFrames | undefined;
}

export class Http2Session implements Session {
  readonly protocol = "h2";
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly timings;
  readonly closed: Promise<void>;
  readonly chain: readonly Uint8Array[] | undefined;
  readonly #origin: string;
  #origins: Set<string> | undefined;
  readonly #connection: ClientTcpConnection;
  readonly #session: ClientHttp2Session;
  readonly #idleTimeout: number;
  readonly #onChange: () => void;
  readonly #onIdle: () => void;
  readonly #updates: UpdatingSocket | undefined;
  readonly #sendsUpdates: boolean;
  #idleTimer: Timer | undefined;
  #limit = STREAMS_BEFORE_SETTINGS;
  #active = 0;
  #requests = 0;
  #draining = false;
  /** False once it has carried a request for another origin. */
  #isOnlyOurs = true;
  #hasSettings = false;
  /** Requests for tunnels, until the server's settings arrive. */
  readonly #waiting = new Set<WaitingExchange>();
  /** RFC 9113 §6.8: the server does not process streams above this id. */
  #lastProcessed = Number.POSITIVE_INFINITY;
  #error: Error | undefined;

  constructor(
    connection: ClientTcpConnection,
    { origin, idleTimeout, sendsUpdates, settings, onChange, onAltSvc, serverFrames }: Http2SessionOptions,
  ) {
    const { socket, timings, chain } = connection;
    const onFault = (fault: Fault): void => this.destroy(fault.error);
    const readsFrames = serverFrames !== undefined && serverFrames.types.size > 0;
    this.#updates = sendsUpdates || readsFrames ? new UpdatingSocket(socket as TLSSocket, onFault) : undefined;
    this.#sendsUpdates = sendsUpdates;
    this.chain = chain;
    this.#origin = origin;
    this.#connection = connection;
    this.#onChange = onChange;
    this.#idleTimeout = idleTimeout;
    this.timings = timings;
    this.remoteAddress = socket.remoteAddress ?? "";
    this.remotePort = socket.remotePort ?? 0;
    const session = connect(origin, {
      createConnection: () => this.#updates ?? socket,
      settings: {
        enablePush: false,
        initialWindowSize: STREAM_WINDOW,
        maxHeaderListSize: MAX_RESPONSE_HEAD,
        customSettings: { [SETTINGS_NO_RFC7540_PRIORITIES]: 1, ...settings }, // RFC 9218 §2.1
      },
      remoteCustomSettings: [SETTINGS_NO_RFC7540_PRIORITIES, ...(settings === undefined ? [] : SESSION_SETTINGS)],
      maxSessionMemory: UNLIMITED_SESSION_MEMORY,
      maxHeaderListPairs: MAX_FIELD_LINES,
    });
    this.#session = session;
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
      "origin",
      guard("client h2 origin", onFault, (origins: readonly string[]) => this.#addOrigins(origins)),
    );
    session.on(
      "altsvc",
      guard("client h2 altsvc", onFault, (field: string, about: string, streamId: number) => {
        // RFC 7838 §4: on stream 0, only about an origin that the connection is authoritative for; on others, about theirs.
        const isOurs = streamId === 0 ? about === origin : about === "" && this.#isOnlyOurs;
        if (isOurs) onAltSvc?.(origin, field);
      }),
    );
    session.on(
      "error",
      guard("client h2 error", onFault, (error: Error) => {
        this.#error = error;
      }),
    );
    this.closed = new Promise((resolve) => session.once("close", () => resolve()));
    if (readsFrames) this.#readFrames(serverFrames);
    const settled = this.closed.then(() => {
      this.#idleTimer?.clear();
      for (const waiting of this.#waiting) waiting.fail(requestError(this.#error ?? new Error("no settings")));
      onChange();
    });
    detach("client h2 session closed", onFault, settled);
    this.#idle();
  }

  get origins(): ReadonlySet<string> | undefined {
    return this.#origins;
  }

  /** RFC 8336 §2.3: the first frame begins the set, with the origin of the connection in it. */
  #addOrigins(origins: readonly string[]): void {
    this.#origins ??= new Set([this.#origin]);
    for (const each of origins) {
      if (isHttpsOrigin(each) && this.#origins.size < MAX_ORIGINS) this.#origins.add(each);
    }
    this.#onChange();
  }

  #readFrames(frames: ServerFrames): void {
    const socket = this.#updates!;
    const read = http2ServerFrames(frames, this.closed);
    socket.onData = (bytes) => {
      try {
        read(bytes);
      } catch (error) {
        if (!(error instanceof Http2FrameError)) throw error;
        socket.onData = () => {};
        this.#session.destroy(error, error.code);
      }
    };
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
    if (`${head.scheme}://${head.authority}` !== this.#origin) this.#isOnlyOurs = false;
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
      update: (priority) => this.#update(stream, priority),
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

  #update({ id }: ClientHttp2Stream, priority: PartialPriority): boolean {
    // RFC 9218 §2.1.1: a server that does not announce it does not read the frame.
    if (
      id === undefined ||
      !this.#sendsUpdates ||
      this.#updates === undefined ||
      this.#peerSettings[SETTINGS_NO_RFC7540_PRIORITIES] !== 1
    )
      return false;
    this.#updates.update(id, priority);
    return true;
  }

  /** The server's settings beyond RFC 9113. */
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
