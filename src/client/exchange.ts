// One request and its response: waits for a session, applies timeouts, retries if RFC 9110 §9.2.2 allows it, and turns
// the content into a stream with backpressure.
import { setMaxListeners } from "node:events";
import { ClientError, ServerGoneError } from "../host/client/errors.ts";
import { InformationalLimit } from "../host/client/limits.ts";
import type {
  ClientExchange,
  ClientRequestHead,
  ConnectionTimings,
  Field,
  Protocol,
  ResponseHandler,
  Session,
  SessionStats,
} from "../host/client/session.ts";
import { millisNow } from "../host/clock.ts";
import { type Fault, guard } from "../host/guard.ts";
import { noLimit, Timer } from "../host/timer.ts";
import { contentLengthOf } from "../http/index.ts";
import type { Content, OutgoingBody } from "./body.ts";
import type { ExchangeFacts } from "./facts.ts";
import type { ClientSettings } from "./options.ts";
import type { Origin, Waiter } from "./origin.ts";

export interface ExchangeRequest {
  readonly url: URL;
  readonly head: ClientRequestHead;
  readonly body: OutgoingBody | undefined;
  readonly signal: AbortSignal | undefined;
  /** The redirects that led to this request. */
  readonly redirects: readonly ExchangeFacts[];
  readonly onInformational: ((status: number, fields: readonly Field[]) => void) | undefined;
  /** Called each time a connection takes the request, just before it is sent. */
  readonly onSend: ((request: SentRequest) => void) | undefined;
}

/** A request as passed to a connection. */
export interface SentRequest {
  readonly head: ClientRequestHead;
  /** The value of `content-length`; undefined without content or if its length is unknown. */
  readonly contentLength: number | undefined;
  readonly protocol: Protocol;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** True if the connection has carried requests before. */
  readonly reused: boolean;
  readonly connection: ConnectionTimings;
  stats(): SessionStats;
}

export interface ExchangeResponse {
  readonly status: number;
  readonly statusText: string;
  readonly fields: readonly Field[];
  /** Null if HTTP allows no content. */
  readonly body: ReadableStream<Uint8Array> | null;
  readonly facts: ExchangeFacts;
}

/** RFC 9110 §9.2.2. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);
const MAX_ATTEMPTS = 3;
/** Bytes in the stream above which the session is paused. */
const BUFFER = 128 * 1024;

export function exchange(
  origin: Origin,
  request: ExchangeRequest,
  settings: ClientSettings,
): Promise<ExchangeResponse> {
  return new Promise((resolve, reject) => new FetchExchange(origin, request, settings, resolve, reject).enqueue());
}

class FetchExchange implements Waiter, ResponseHandler {
  readonly #origin: Origin;
  readonly #request: ExchangeRequest;
  readonly #settings: ClientSettings;
  readonly #resolve: (response: ExchangeResponse) => void;
  readonly #reject: (error: unknown) => void;
  readonly #start: number;
  readonly #handleFault = ({ error }: Fault): void => this.#abandon(error);
  readonly #onAbort = guard("client abort", this.#handleFault, () => this.#abandon(this.#request.signal!.reason));
  #session: Session | undefined;
  #exchange: ClientExchange | undefined;
  #content: Content | undefined;
  readonly #informational = new InformationalLimit();
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #timer: Timer | undefined;
  #state: "waiting" | "sent" | "head" | "done" = "waiting";
  #reused = false;
  #attempts = 0;
  #paused = false;
  /** The content-length (RFC 9110 §8.6) of a response that may have content. */
  #expected: number | undefined;
  #requestStart = 0;
  #requestEnd: number | undefined;
  #responseEnd: number | undefined;
  #contentBytes = 0;
  #trailers: readonly Field[] = [];
  #trailerLines: readonly Field[] = [];

  constructor(
    origin: Origin,
    request: ExchangeRequest,
    settings: ClientSettings,
    resolve: (response: ExchangeResponse) => void,
    reject: (error: unknown) => void,
  ) {
    this.#origin = origin;
    this.#request = request;
    this.#settings = settings;
    this.#start = this.#now();
    this.#resolve = resolve;
    this.#reject = reject;
  }

  enqueue(): void {
    const { signal } = this.#request;
    if (signal?.aborted) {
      this.#onAbort();
      return;
    }
    // Many requests may share one signal, so disable Node's warning about leaks.
    if (signal instanceof EventTarget) setMaxListeners(0, signal);
    signal?.addEventListener("abort", this.#onAbort);
    this.#origin.enqueue(this);
  }

  #now(): number {
    return millisNow(this.#settings.clock);
  }

  // ---- Waiter

  start(session: Session, reused: boolean): void {
    const { head, body } = this.#request;
    this.#state = "sent";
    this.#session = session;
    this.#reused = reused;
    this.#attempts += 1;
    this.#requestStart = this.#now();
    this.#requestEnd = undefined;
    this.#arm(this.#settings.headersTimeout, "no response");
    this.#content = body?.content();
    try {
      this.#request.onSend?.({
        head,
        contentLength: this.#content?.length,
        protocol: session.protocol,
        remoteAddress: session.remoteAddress,
        remotePort: session.remotePort,
        reused,
        connection: session.timings,
        stats: () => session.stats(),
      });
    } catch (error) {
      this.#abandon(error); // the caller's own function threw
      return;
    }
    const started = session.request(head, this.#content, this);
    this.#exchange = started;
    if (this.#paused) started.pause();
  }

  fail(error: Error): void {
    this.#finish(error);
  }

  // ---- ResponseHandler

  onRequestSent(): void {
    this.#requestEnd ??= this.#now();
  }

  onInformational(status: number, fields: readonly Field[], spelled = fields): void {
    if (this.#state === "done") return;
    if (!this.#informational.take(fields)) {
      this.#abandon(new ClientError("PROTOCOL_ERROR", "the server sent too many informational responses"));
      return;
    }
    try {
      this.#request.onInformational?.(status, spelled);
    } catch (error) {
      this.#abandon(error); // the caller's own function threw
    }
  }

  onHead(status: number, fields: readonly Field[], statusText: string, spelled = fields): void {
    const responseStart = this.#now();
    this.#state = "head";
    const mayHaveContent = this.#request.head.method !== "HEAD" && status !== 204 && status !== 205 && status !== 304;
    const length = contentLengthOf(fields);
    if (mayHaveContent && typeof length === "number") this.#expected = length;
    this.#arm(this.#settings.bodyTimeout, "no more of the body");
    const body = mayHaveContent ? this.#stream() : null;
    this.#resolve({ status, statusText, fields, body, facts: this.#facts(status, spelled, responseStart) });
  }

  onData(chunk: Uint8Array): void {
    if (this.#state === "done") return;
    this.#contentBytes += chunk.length;
    const controller = this.#controller;
    if (controller === undefined || chunk.length === 0) return;
    controller.enqueue(chunk);
    if (controller.desiredSize! <= 0) this.#pause();
    else this.#timer?.refresh();
  }

  onEnd(trailers: readonly Field[], spelled = trailers): void {
    this.#responseEnd = this.#now();
    this.#trailers = trailers;
    this.#trailerLines = spelled;
    if (this.#expected !== undefined && this.#expected !== this.#contentBytes) {
      const message = `the response ended after ${this.#contentBytes} of ${this.#expected} bytes`;
      this.#finish(new ClientError("RESPONSE_INCOMPLETE", message));
    } else {
      this.#finish(undefined);
    }
  }

  onError(error: Error, unprocessed: boolean): void {
    if (this.#state === "sent" && this.#mayRetry(error, unprocessed)) {
      this.#timer?.clear();
      this.#state = "waiting";
      this.#exchange = undefined;
      // Deferred until the session has notified the origin that it is unusable.
      this.#settings.clock.defer(
        guard("client retry", this.#handleFault, () => {
          if (this.#state === "waiting") this.#origin.enqueue(this);
        }),
      );
      return;
    }
    this.#finish(error);
  }

  // ----

  #mayRetry(error: Error, unprocessed: boolean): boolean {
    const { head, body } = this.#request;
    if (this.#attempts >= MAX_ATTEMPTS || body?.available === false) return false;
    // RFC 9112 §9.5: a server may close an idle connection at any time, even while a request is in transit.
    const isConnectionAtFault = this.#reused || error instanceof ServerGoneError;
    return unprocessed || (isConnectionAtFault && IDEMPOTENT.has(head.method));
  }

  #stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#resume(),
        cancel: (reason) => this.#abandon(reason),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: BUFFER }),
    );
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#timer?.clear(); // the timeout is not for slow readers
    this.#exchange?.pause();
  }

  #resume(): void {
    if (!this.#paused || this.#state === "done") return;
    this.#paused = false;
    this.#arm(this.#settings.bodyTimeout, "no more of the body");
    this.#exchange?.resume();
  }

  #arm(milliseconds: number, what: string): void {
    this.#timer?.clear();
    const onTimeout = guard("client timeout", this.#handleFault, () => {
      const message = `${what} from ${this.#request.url.host} within ${milliseconds / 1000} s`;
      this.#abandon(new ClientError("RESPONSE_TIMEOUT", message));
    });
    this.#timer = new Timer(onTimeout, noLimit(milliseconds), this.#settings.clock);
  }

  /** Aborts after a cancellation by the caller, or a timeout. */
  #abandon(reason: unknown): void {
    if (this.#state === "waiting") this.#origin.withdraw(this);
    const error = reason instanceof Error ? reason : new ClientError("CLIENT_CLOSED", "the request was abandoned");
    const exchange = this.#exchange;
    this.#finish(reason ?? error);
    exchange?.reset(error);
  }

  #finish(error: unknown): void {
    if (this.#state === "done") return;
    const headSeen = this.#state === "head";
    this.#state = "done";
    this.#timer?.clear();
    this.#request.signal?.removeEventListener("abort", this.#onAbort);
    if (error !== undefined) this.#cancelContent();
    if (!headSeen) {
      this.#reject(error);
      return;
    }
    try {
      if (error === undefined) this.#controller?.close();
      else this.#controller?.error(error);
    } catch {
      // The reader cancelled the stream, which closed it.
    }
  }

  #cancelContent(): void {
    const { body } = this.#request;
    if (this.#content === undefined && body?.available) this.#content = body.content();
    this.#content?.cancel();
  }

  #facts(status: number, fields: readonly Field[], responseStart: number): ExchangeFacts {
    const session = this.#session!;
    const { url, head } = this.#request;
    const self = this;
    return {
      url: url.href,
      method: head.method,
      status,
      fields,
      protocol: session.protocol,
      remoteAddress: session.remoteAddress,
      remotePort: session.remotePort,
      reused: this.#reused,
      attempts: this.#attempts,
      connection: session.timings,
      redirects: this.#request.redirects,
      get timings() {
        return {
          start: self.#start,
          requestStart: self.#requestStart,
          ...(self.#requestEnd === undefined ? {} : { requestEnd: self.#requestEnd }),
          responseStart,
          ...(self.#responseEnd === undefined ? {} : { responseEnd: self.#responseEnd }),
        };
      },
      get contentBytes() {
        return self.#contentBytes;
      },
      get trailers() {
        return self.#trailers;
      },
      get trailerLines() {
        return self.#trailerLines;
      },
      stats: () => session.stats(),
    };
  }
}
