// HTTP/1.1 on one connection, using undici: its Client gets the socket from tcp.ts and never opens another.
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Dispatcher, Client as UndiciClient } from "undici";
import { combinedFieldValue, type FieldSection } from "../../http/index.ts";
import { detach, type Fault, guard, ignore } from "../guard.ts";
import { fieldsFromRaw, spelledFromRaw } from "../http/raw-fields.ts";
import { LONGEST_TIMEOUT } from "../timer.ts";
import { asClientError, ClientError } from "./errors.ts";
import { Http1Socket, RESPONSE_CUT } from "./http1-socket.ts";
import { Http1Tunnel } from "./http1-tunnel.ts";
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
import { isForTunnel } from "./tunnel.ts";
import { Client } from "./undici.ts";
import { unpublished } from "./undici-channels.ts";

export class Http1Session implements Session {
  readonly protocol = "http/1.1";
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly timings;
  readonly closed: Promise<void>;
  readonly #connection: ClientTcpConnection;
  readonly #client: UndiciClient;
  readonly #socket: Http1Socket;
  readonly #servername: string;
  readonly #onChange: () => void;
  #current: Http1ClientExchange | undefined;
  #active = 0;
  #requests = 0;
  #draining = false;
  /** The socket is that of a tunnel, no longer undici's. */
  #isTunnel = false;

  constructor(
    connection: ClientTcpConnection,
    origin: string,
    servername: string,
    idleTimeout: number,
    onChange: () => void,
  ) {
    const { socket, timings } = connection;
    this.#connection = connection;
    this.#servername = servername;
    this.#onChange = onChange;
    this.timings = timings;
    this.remoteAddress = socket.remoteAddress ?? "";
    this.remotePort = socket.remotePort ?? 0;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    const onFault = (fault: Fault): void => this.destroy(fault.error);
    detach("client h1 closed", onFault, this.closed.then(onChange));
    this.#socket = new Http1Socket(socket, () => this.#current?.handleContinue());
    let taken = false;
    this.#client = new Client(origin, {
      pipelining: 1,
      maxHeaderSize: MAX_RESPONSE_HEAD,
      headersTimeout: 0, // exchange.ts has the timeouts, for every protocol
      bodyTimeout: 0,
      // undici accepts neither 0 nor more than Node's timers allow.
      keepAliveTimeout: Math.min(Math.max(idleTimeout, 1), LONGEST_TIMEOUT),
      // A server may ask for less, not for more.
      keepAliveMaxTimeout: Math.min(Math.max(idleTimeout, 1), LONGEST_TIMEOUT),
      connect: (_options, callback) => {
        const outcome: Parameters<typeof callback> = taken ? [new ConnectionSpent(), null] : [null, socket];
        this.#draining ||= taken;
        taken = true;
        // undici misses a callback that is called synchronously.
        queueMicrotask(guard("client h1 taken", onFault, () => callback(...outcome)));
      },
    });
    // Errors reach each exchange through its handler. Without a listener, the client's event would be an uncaught
    // error.
    this.#client.on("connectionError", ignore);
  }

  get active(): number {
    return this.#active;
  }

  get usable(): boolean {
    const { socket } = this.#connection;
    return !this.#draining && !socket.destroyed && socket.writable;
  }

  get room(): number {
    return this.usable && this.#active === 0 ? 1 : 0;
  }

  request(head: ClientRequestHead, content: RequestContent | undefined, handler: ResponseHandler): ClientExchange {
    this.#active += 1;
    this.#requests += 1;
    const onChange = this.#onChange;
    const release = (): void => {
      this.#active -= 1;
      onChange();
    };
    const isTunnel = isForTunnel(head);
    const exchange = new Http1ClientExchange(handler, {
      content,
      isTunnel,
      isHalfOpen: head.isHalfOpen === true,
      onStart: () => this.#socket.expectHead(),
      endWith: (trailers) => this.#socket.endWith(trailers),
      release,
      retire: () => {
        this.#draining = true;
        this.#isTunnel = true;
      },
    });
    this.#current = exchange;
    const headers = ["host", head.authority];
    for (const [name, value] of head.fields) headers.push(name, value);
    if (content?.length !== undefined && !isTunnel) headers.push("content-length", String(content.length));
    const options: Dispatcher.DispatchOptions & { servername: string } = {
      method: head.method,
      path: head.method === "CONNECT" ? head.authority : head.path,
      headers,
      body: content === undefined || isTunnel ? null : (exchange.chunks(content) as never),
      ...(head.protocol === undefined ? {} : { upgrade: head.protocol }),
      servername: this.#servername,
      reset: false, // undici closes the connection after a HEAD
    };
    try {
      unpublished(() => this.#client.dispatch(options, exchange.callbacks));
    } catch (error) {
      exchange.handleError(error as Error);
    }
    return exchange;
  }

  stats(): SessionStats {
    return socketStats(this.#connection.socket as TLSSocket, this.timings, this.#requests);
  }

  async close(): Promise<void> {
    this.#draining = true;
    await this.#client.close();
    if (!this.#isTunnel) this.#connection.socket.destroy();
    await this.closed;
  }

  destroy(error: Error): void {
    this.#draining = true;
    const socket = this.#connection.socket;
    detach("client h1 destroyed", () => socket.destroy(), this.#client.destroy(error));
    socket.destroy();
  }
}

/** undici requested a second connection: the first one ended before the request could be written. */
class ConnectionSpent extends Error {
  constructor() {
    super("the connection was closed by the server before the request was sent");
  }
}

type Controller = Dispatcher.DispatchController;

interface Http1Request {
  readonly content: RequestContent | undefined;
  /** The content is that of the tunnel, if it opens. */
  readonly isTunnel: boolean;
  readonly isHalfOpen: boolean;
  /** Called when the request is about to be written. */
  readonly onStart: () => void;
  /** Called before the end of content: its trailers. */
  readonly endWith: (trailers: readonly Field[]) => void;
  readonly release: () => void;
  /** The connection became a tunnel. */
  readonly retire: () => void;
}

/** Adapts undici's handler and controller to ours. */
class Http1ClientExchange implements ClientExchange {
  readonly #handler: ResponseHandler;
  readonly #request: Http1Request;
  #tunnel: Http1Tunnel | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #resetReason: Error | undefined;
  #paused = false;
  #done = false;

  constructor(handler: ResponseHandler, request: Http1Request) {
    this.#handler = handler;
    this.#request = request;
  }

  readonly #handleFault = ({ error }: Fault): void => {
    const isFirst = this.#finish();
    this.#controller?.abort(error);
    if (isFirst) this.#handler.onError(error, false);
  };

  readonly callbacks: Dispatcher.DispatchHandler = {
    onRequestStart: guard("client h1 start", this.#handleFault, (controller: Controller) => this.#start(controller)),
    onResponseStart: guard(
      "client h1 head",
      this.#handleFault,
      (controller: Controller, status: number, _headers: unknown, statusText?: string) =>
        this.#handleHead(controller, status, statusText),
    ),
    onRequestUpgrade: guard(
      "client h1 upgrade",
      this.#handleFault,
      (controller: Controller, status: number, _headers: unknown, socket: Duplex) =>
        this.#handleUpgrade(controller, status, socket),
    ),
    onResponseData: guard("client h1 data", this.#handleFault, (_controller: Controller, chunk: Buffer) => {
      if (!this.#done) this.#handler.onData(chunk);
    }),
    onResponseEnd: guard("client h1 end", this.#handleFault, (controller: Controller) => {
      const raw = controller.rawTrailers as Buffer[] | null | undefined;
      if (this.#finish()) this.#handler.onEnd(fieldsFromRaw(raw), spelledFromRaw(raw));
    }),
    onResponseError: guard("client h1 error", this.#handleFault, (_controller: unknown, error: Error) =>
      this.handleError(error),
    ),
  };

  #start(controller: Controller): void {
    this.#controller = controller;
    const { content, isTunnel, onStart } = this.#request;
    onStart();
    if (this.#resetReason !== undefined) controller.abort(this.#resetReason);
    // undici writes the request in this turn, and does not pass on that it has.
    else if (content === undefined || isTunnel)
      queueMicrotask(guard("client h1 sent", this.#handleFault, () => this.#sent()));
  }

  async *chunks(content: RequestContent): AsyncGenerator<Uint8Array> {
    yield* content.chunks;
    if (content.trailers !== undefined) this.#request.endWith(content.trailers());
    this.#sent();
  }

  #sent(): void {
    if (!this.#done) this.#handler.onRequestSent();
  }

  #handleHead(controller: Controller, status: number, statusText = ""): void {
    if (this.#done) return;
    const raw = controller.rawHeaders as Buffer[] | null | undefined;
    const fields = fieldsFromRaw(raw);
    if (status === 101) {
      this.#refuse(controller, "the server switched protocols without being asked");
      return;
    }
    // RFC 9112 §6.1: the content would lose the label of its coding.
    if (hasUnknownCoding(fields)) {
      this.#refuse(controller, "the response has an unknown transfer coding");
      return;
    }
    if (status < 200) {
      this.#handler.onInformational(status, fields, spelledFromRaw(raw));
      return;
    }
    if (this.#paused) controller.pause();
    this.#handler.onHead(status, fields, statusText.replace(NOT_IN_REASON, ""), spelledFromRaw(raw));
  }

  #refuse(controller: Dispatcher.DispatchController, problem: string): void {
    const error = new ClientError("PROTOCOL_ERROR", problem);
    const isFirst = this.#finish();
    controller.abort(error);
    if (isFirst) this.#handler.onError(error, false);
  }

  #handleUpgrade(controller: Controller, status: number, socket: Duplex): void {
    this.#request.retire();
    this.#tunnel = new Http1Tunnel(socket, this.#request.content, this.#request.isHalfOpen, {
      data: (chunk) => {
        if (!this.#done) this.#handler.onData(chunk);
      },
      end: () => {
        if (this.#finish()) this.#handler.onEnd([]);
      },
      error: (error) => this.handleError(error),
    });
    const raw = controller.rawHeaders as Buffer[] | null | undefined;
    if (!this.#done) this.#handler.onHead(status, fieldsFromRaw(raw), "", spelledFromRaw(raw));
    if (this.#done) this.#tunnel.destroy();
    else if (!this.#paused) this.#tunnel.resume();
  }

  /** 100 (Continue), whose fields mean nothing. */
  handleContinue(): void {
    if (!this.#done) this.#handler.onInformational(100, []);
  }

  handleError(error: Error): void {
    if (this.#finish()) this.#handler.onError(explain(error), error instanceof ConnectionSpent);
  }

  pause(): void {
    this.#paused = true;
    (this.#tunnel ?? this.#controller)?.pause();
  }

  resume(): void {
    this.#paused = false;
    (this.#tunnel ?? this.#controller)?.resume();
  }

  reset(reason: Error): void {
    if (!this.#finish()) return;
    this.#resetReason = reason;
    if (this.#tunnel !== undefined) this.#tunnel.destroy();
    else this.#controller?.abort(reason);
  }

  #finish(): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#request.release();
    return true;
  }
}

/** RFC 9112 §4; undici decodes bytes outside ASCII as UTF-8. */
const NOT_IN_REASON = /[^\t\x20-\x7e\x80-\xff]/g;

function hasUnknownCoding(fields: FieldSection): boolean {
  const codings = combinedFieldValue(fields, "transfer-encoding")?.toLowerCase().split(",") ?? [];
  // RFC 9112 §7 obsoletes "identity", but it means no coding.
  return codings.some((coding) => !["chunked", "identity", ""].includes(coding.trim()));
}

function explain(error: Error): Error {
  const code = (error as { code?: string }).code ?? "";
  if (code === "ERR_ASSERTION") {
    return new ClientError("PROTOCOL_ERROR", "the response is not valid HTTP/1.1", { cause: error });
  }
  if (code === "UND_ERR_SOCKET" || code === RESPONSE_CUT || code === "EPIPE" || error instanceof ConnectionSpent) {
    return new ClientError("CONNECTION_LOST", "the server closed the connection before the response was complete", {
      cause: error,
    });
  }
  if (code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH") {
    return new ClientError("RESPONSE_INCOMPLETE", "the response's length does not match its content-length", {
      cause: error,
    });
  }
  if (error.name === "HTTPParserError" || code === "UND_ERR_HEADERS_OVERFLOW") {
    return asClientError(error, "PROTOCOL_ERROR", "the response is not valid HTTP/1.1");
  }
  if (
    code === "UND_ERR_INVALID_ARG" ||
    code === "UND_ERR_NOT_SUPPORTED" ||
    code === "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH"
  ) {
    return asClientError(error, "REQUEST_INVALID", "the request cannot be sent");
  }
  return asClientError(error, "CONNECTION_LOST", "the exchange failed");
}
