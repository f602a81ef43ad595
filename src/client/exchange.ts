// One request and its response: waits for a session, applies timeouts, and retries if RFC 9110 §9.2.2 allows it. The
// events go to a receiver, which fetch turns into a Response and nagare/undici into calls of a handler.
import { setMaxListeners } from "node:events";
import { ClientError, ServerGoneError } from "../host/client/errors.ts";
import { InformationalLimit } from "../host/client/limits.ts";
import type { TimedDecision } from "../host/client/race.ts";
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
import { isForTunnel, opensTunnel } from "../host/client/tunnel.ts";
import { millisNow } from "../host/clock.ts";
import { type Fault, guard } from "../host/guard.ts";
import type { TunnelDatagrams } from "../host/http/tunnel.ts";
import { captureScope, type Scope } from "../host/request-scope.ts";
import { noLimit, Timer } from "../host/timer.ts";
import { contentLengthOf } from "../http/index.ts";
import type { PartialPriority } from "../http/priority/index.ts";
import type { SettingValues } from "../webtransport/h2/settings.ts";
import type { SessionStreams } from "../webtransport/h3/index.ts";
import type { Content, OutgoingBody } from "./body.ts";
import type { ExchangeTimings } from "./facts.ts";
import type { ClientSettings } from "./options.ts";
import type { Origin } from "./origin.ts";
import { ScopedHandler, scopedContent } from "./scoped.ts";
import type { Waiter } from "./waiter.ts";

export interface ExchangeRequest {
  readonly url: URL;
  readonly head: ClientRequestHead;
  readonly body: OutgoingBody | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called each time a connection takes the request, just before it is sent. */
  readonly onSend?: ((request: SentRequest) => void) | undefined;
  /** Fields that depend on the protocol of the connection that takes the request. */
  readonly fieldsFor?: (protocol: Protocol) => readonly Field[];
  /** True if it can be sent to the https form of its http origin: it fails with a `SecureOnlyError` then. */
  readonly isUpgradable?: boolean;
  /** Overrides whether the method counts as idempotent. */
  readonly idempotent?: boolean | undefined;
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
  /** Statistics of the connection. */
  stats(): SessionStats;
}

/**
 * The events in this order: onInformational*, onHead, onData*, then exactly one of onEnd and onError. onError may
 * come at any point.
 */
export interface ExchangeReceiver {
  /** May throw, which aborts the exchange. */
  onInformational(status: number, spelled: readonly Field[]): void;
  onHead(head: ResponseHead): void;
  onData(chunk: Uint8Array): void;
  onEnd(trailers: readonly Field[], spelled: readonly Field[]): void;
  /** `error` is the reason of an abort as given, or a ClientError. */
  onError(error: unknown): void;
  /** The whole request was passed to the transport. */
  onRequestSent?(): void;
}

export interface ResponseHead {
  readonly status: number;
  readonly statusText: string;
  readonly fields: readonly Field[];
  /** The fields with names as the server spelled them. */
  readonly spelled: readonly Field[];
  /** False if HTTP allows no content. */
  readonly mayHaveContent: boolean;
  /** Milliseconds on the clock of `performance.now()`. */
  readonly received: number;
}

/** RFC 9110 §9.2.2. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);
const MAX_ATTEMPTS = 3;

type Timeouts = Pick<ClientSettings, "headersTimeout" | "bodyTimeout" | "clock">;

export class Exchange implements Waiter, ResponseHandler {
  readonly #origin: Origin;
  readonly #request: ExchangeRequest;
  readonly #settings: Timeouts;
  readonly #receiver: ExchangeReceiver;
  readonly #start: number;
  readonly #scope: Scope = captureScope();
  readonly #handleFault = ({ error }: Fault): void => this.abort(error);
  readonly #onAbort = guard("client abort", this.#handleFault, () => this.abort(this.#request.signal!.reason));
  #session: Session | undefined;
  #exchange: ClientExchange | undefined;
  #content: Content | undefined;
  readonly #informational = new InformationalLimit();
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

  constructor(origin: Origin, request: ExchangeRequest, settings: Timeouts, receiver: ExchangeReceiver) {
    this.#origin = origin;
    this.#request = request;
    this.#settings = settings;
    this.#receiver = receiver;
    this.#start = this.#now();
  }

  get isUpgradable(): boolean {
    return this.#request.isUpgradable === true;
  }

  /** The session that took the request last. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** HTTP Datagrams of a tunnel over HTTP/3. */
  get datagrams(): TunnelDatagrams | undefined {
    return this.#exchange?.datagrams;
  }

  /** The streams of a WebTransport session. */
  get sessionStreams(): SessionStreams | undefined {
    return this.#exchange?.sessionStreams;
  }

  /** Settings of an HTTP/2 server for WebTransport. */
  get peerSettings(): SettingValues | undefined {
    return this.#exchange?.peerSettings;
  }

  /** Returns false if the connection cannot tell the server, or if it is too late. */
  reprioritize(priority: PartialPriority): boolean {
    return this.#state !== "done" && this.#exchange?.reprioritize?.(priority) === true;
  }

  get reused(): boolean {
    return this.#reused;
  }

  get attempts(): number {
    return this.#attempts;
  }

  get contentBytes(): number {
    return this.#contentBytes;
  }

  /** What races for a connection have decided since the request began, and what alternatives the origin has named, also before. */
  decisions(): readonly TimedDecision[] {
    const isOld = ({ at }: TimedDecision): boolean => this.reused || at < this.#start;
    return this.#origin.dialer.decisions.filter((each) => each.event.type.startsWith("plan-b:") || !isOld(each));
  }

  timings(responseStart: number): ExchangeTimings {
    return {
      start: this.#start,
      requestStart: this.#requestStart,
      ...(this.#requestEnd === undefined ? {} : { requestEnd: this.#requestEnd }),
      responseStart,
      ...(this.#responseEnd === undefined ? {} : { responseEnd: this.#responseEnd }),
    };
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

  /** Pauses onData. The body timeout is not for slow readers, and pauses too. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    if (this.#state === "head") this.#timer?.clear();
    this.#exchange?.pause();
  }

  resume(): void {
    if (!this.#paused || this.#state === "done") return;
    this.#paused = false;
    if (this.#state === "head") this.#armForBody();
    this.#exchange?.resume();
  }

  /** Ends the exchange after a cancellation by the caller, or a timeout. */
  abort(reason: unknown): void {
    if (this.#state === "waiting") this.#origin.withdraw(this);
    const error = reason instanceof Error ? reason : new ClientError("CLIENT_CLOSED", "the request was abandoned");
    const exchange = this.#exchange;
    this.#finish(() => this.#receiver.onError(reason ?? error), true);
    exchange?.reset(error);
  }

  #now(): number {
    return millisNow(this.#settings.clock);
  }

  // ---- Waiter

  start(session: Session, reused: boolean): void {
    this.#scope.runInAsyncScope(this.#send, this, session, reused);
  }

  #send(session: Session, reused: boolean): void {
    const { head, body, fieldsFor } = this.#request;
    this.#state = "sent";
    this.#session = session;
    this.#reused = reused;
    this.#attempts += 1;
    this.#requestStart = this.#now();
    this.#requestEnd = undefined;
    this.#arm(this.#settings.headersTimeout, "no response");
    this.#content = body?.content();
    const altUsed = this.#origin.altUsed(session);
    const more: readonly Field[] = [
      ...(fieldsFor?.(session.protocol) ?? []),
      ...(altUsed === undefined ? [] : ([["alt-used", altUsed]] as const)),
    ];
    const sent = more.length === 0 ? head : { ...head, fields: [...head.fields, ...more] };
    try {
      this.#request.onSend?.({
        head: sent,
        contentLength: this.#content?.length,
        protocol: session.protocol,
        remoteAddress: session.remoteAddress,
        remotePort: session.remotePort,
        reused,
        connection: session.timings,
        stats: () => session.stats(),
      });
    } catch (error) {
      this.abort(error); // the caller's own function threw
      return;
    }
    const content = this.#content === undefined ? undefined : scopedContent(this.#scope, this.#content);
    const started = session.request(sent, content, new ScopedHandler(this.#scope, this));
    this.#exchange = started;
    if (this.#paused) started.pause();
  }

  fail(error: Error): void {
    this.#fail(error);
  }

  // ---- ResponseHandler

  onRequestSent(): void {
    this.#requestEnd ??= this.#now();
    this.#receiver.onRequestSent?.();
  }

  onInformational(status: number, fields: readonly Field[], spelled = fields): void {
    if (this.#state === "done") return;
    if (!this.#informational.take(fields)) {
      this.abort(new ClientError("PROTOCOL_ERROR", "the server sent too many informational responses"));
      return;
    }
    if (status === 103) this.#origin.handleLinks(this.#request.url, fields);
    try {
      this.#receiver.onInformational(status, spelled);
    } catch (error) {
      this.abort(error); // the caller's own function threw
    }
  }

  onHead(status: number, fields: readonly Field[], statusText: string, spelled = fields): void {
    const received = this.#now();
    if (status === 421 && this.#origin.misdirected(this.#session!) && this.#sendElsewhere()) return;
    this.#state = "head";
    this.#origin.handleLinks(this.#request.url, fields);
    const { head } = this.#request;
    const mayHaveContent = head.method !== "HEAD" && status !== 204 && status !== 205 && status !== 304;
    const length = contentLengthOf(fields);
    // RFC 9110 §9.3.6: a content-length in the response to CONNECT has no meaning.
    const isTunnel = isForTunnel(head) && opensTunnel(status);
    if (mayHaveContent && !isTunnel && typeof length === "number") this.#expected = length;
    this.#timer?.clear();
    if (!this.#paused) this.#armForBody();
    this.#receiver.onHead({ status, statusText, fields, spelled, mayHaveContent, received });
  }

  onData(chunk: Uint8Array): void {
    if (this.#state === "done") return;
    this.#contentBytes += chunk.length;
    if (chunk.length === 0) return;
    this.#receiver.onData(chunk);
    if (!this.#paused) this.#timer?.refresh();
  }

  onEnd(trailers: readonly Field[], spelled = trailers): void {
    this.#responseEnd = this.#now();
    if (this.#expected !== undefined && this.#expected !== this.#contentBytes) {
      const message = `the response ended after ${this.#contentBytes} of ${this.#expected} bytes`;
      this.#fail(new ClientError("RESPONSE_INCOMPLETE", message));
    } else {
      this.#finish(() => this.#receiver.onEnd(trailers, spelled), false);
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
    this.#fail(error);
  }

  /** After 421 from a connection of another origin, which has not processed the request. */
  #sendElsewhere(): boolean {
    if (this.#attempts >= MAX_ATTEMPTS || this.#request.body?.available === false) return false;
    this.#timer?.clear();
    this.#state = "waiting";
    this.#exchange?.reset(new ClientError("CLIENT_CLOSED", "another connection serves this origin"));
    this.#exchange = undefined;
    this.#content?.cancel();
    this.#origin.enqueue(this);
    return true;
  }

  // ----

  #mayRetry(error: Error, unprocessed: boolean): boolean {
    const { head, body, idempotent = IDEMPOTENT.has(head.method) } = this.#request;
    if (this.#attempts >= MAX_ATTEMPTS || body?.available === false) return false;
    // RFC 9112 §9.5: a server may close an idle connection at any time, even while a request is in transit.
    const isConnectionAtFault = this.#reused || error instanceof ServerGoneError;
    return unprocessed || (isConnectionAtFault && idempotent);
  }

  #armForBody(): void {
    this.#arm(this.#settings.bodyTimeout, "no more of the body");
  }

  #arm(milliseconds: number, what: string): void {
    this.#timer?.clear();
    const onTimeout = guard("client timeout", this.#handleFault, () => {
      const message = `${what} from ${this.#request.url.host} within ${milliseconds / 1000} s`;
      this.abort(new ClientError("RESPONSE_TIMEOUT", message));
    });
    this.#timer = new Timer(onTimeout, noLimit(milliseconds), this.#settings.clock);
  }

  #fail(error: unknown): void {
    this.#finish(() => this.#receiver.onError(error), true);
  }

  #finish(report: () => void, failed: boolean): void {
    if (this.#state === "done") return;
    this.#state = "done";
    this.#timer?.clear();
    this.#request.signal?.removeEventListener("abort", this.#onAbort);
    if (failed) this.#cancelContent();
    report();
  }

  #cancelContent(): void {
    const { body } = this.#request;
    if (this.#content === undefined && body?.available) this.#content = body.content();
    this.#content?.cancel();
  }
}
