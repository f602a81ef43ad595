// One dispatched request: an exchange of the client, as calls of undici's handler. Each callback once and in order;
// after an abort only the error; an exception of a callback ends the request.
import { Exchange, type ExchangeReceiver, type ResponseHead } from "../client/exchange.ts";
import type { Origin } from "../client/origin.ts";
import type { Field, Session } from "../host/client/session.ts";
import { undiciErrors } from "../host/client/undici.ts";
import type { HostClock } from "../host/clock.ts";
import { guard } from "../host/guard.ts";
import { combinedFieldValue } from "../http/index.ts";
import { undiciError } from "./errors.ts";
import type { Controller, Face, RawFields } from "./handlers.ts";
import type { DispatchRequest } from "./request.ts";

interface Timeouts {
  readonly headersTimeout: number;
  readonly bodyTimeout: number;
  readonly clock: HostClock;
}

/** What the dispatcher wants to know of its requests. */
export interface Observer {
  /** A connection has taken the request. */
  onTaken(url: URL, session: Session): void;
  onUnconnected(url: URL, error: Error): void;
  onDone(): void;
}

export class DispatchedRequest implements ExchangeReceiver, Controller {
  rawHeaders: RawFields | null = null;
  rawTrailers: RawFields | null = null;
  readonly #request: DispatchRequest;
  readonly #origin: Origin;
  readonly #face: Face;
  readonly #observer: Observer;
  readonly #exchange: Exchange;
  readonly #onBodyError = guard(
    "client dispatch body",
    ({ error }) => this.abort(error),
    (error: Error) => this.abort(error),
  );
  #openGate: (() => void) | undefined;
  #reason: Error | null = null;
  #paused = false;
  #headSeen = false;
  #done = false;

  constructor(request: DispatchRequest, origin: Origin, timeouts: Timeouts, face: Face, observer: Observer) {
    this.#request = request;
    this.#origin = origin;
    this.#face = face;
    this.#observer = observer;
    const { url, head, body, idempotent, expectContinue } = request;
    // RFC 9110 §10.1.1. undici sends the expectation on HTTP/2 only, and so never on HTTP/1.1.
    const gate = expectContinue
      ? new Promise<void>((resolve) => {
          this.#openGate = resolve;
        })
      : undefined;
    this.#exchange = new Exchange(
      origin,
      {
        url,
        head,
        body: body?.outgoing({ gate, onBodySent: (chunk) => this.#bodySent(chunk) }),
        idempotent,
        fieldsFor: (protocol) => {
          if (!expectContinue) return [];
          if (protocol !== "http/1.1") return [["expect", "100-continue"]];
          this.#openGate?.();
          return [];
        },
        publishesChannels: true,
        onSend: (sent) => {
          const session = this.#exchange.session!;
          observer.onTaken(url, session);
          request.published.publishSendHeaders(sent.head, session);
        },
      },
      {
        clock: timeouts.clock,
        headersTimeout: request.headersTimeout ?? timeouts.headersTimeout,
        bodyTimeout: request.bodyTimeout ?? timeouts.bodyTimeout,
      },
      this,
    );
  }

  begin(): void {
    this.#request.body?.stream?.on("error", this.#onBodyError);
    this.#call(() => this.#face.start(this, null));
    if (!this.#done) this.#exchange.enqueue();
  }

  // ---- Controller

  get aborted(): boolean {
    return this.#reason !== null;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get reason(): Error | null {
    return this.#reason;
  }

  abort(reason?: unknown): void {
    if (this.#done) return;
    this.#reason = (reason as Error | null | undefined) ?? new undiciErrors.RequestAbortedError();
    this.#exchange.abort(this.#reason);
  }

  pause(): void {
    this.#paused = true;
    this.#exchange.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#exchange.resume();
  }

  // ---- ExchangeReceiver

  onInformational(status: number, spelled: readonly Field[]): void {
    if (this.#done) return;
    if (status === 100) {
      this.#openGate?.(); // undici keeps 100 (Continue) to itself
      return;
    }
    const wasPaused = this.#paused;
    this.#head(status, spelled, "");
    // fetch returns false here, and expects the final response all the same.
    if (!wasPaused && this.#paused) this.resume();
  }

  onHead({ status, statusText, fields, spelled }: ResponseHead): void {
    if (this.#done) return;
    this.#headSeen = true;
    this.#openGate?.();
    const altSvc = combinedFieldValue(fields, "alt-svc");
    if (altSvc !== undefined) this.#origin.altSvc(altSvc);
    this.#call(() => this.#face.responseStarted());
    if (!this.#done) this.#head(status, spelled, statusText);
  }

  onData(chunk: Uint8Array): void {
    if (this.#done) return;
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#request.published.publishBodyChunkReceived(bytes);
    this.#call(() => this.#face.data(this, bytes));
  }

  onEnd(_trailers: readonly Field[], spelled: readonly Field[]): void {
    if (!this.#finish()) return;
    this.rawTrailers = rawFrom(spelled);
    this.#request.published.publishTrailers(this.rawTrailers);
    try {
      this.#face.end(this, this.rawTrailers);
    } catch (error) {
      this.#request.published.publishError(error as Error);
      this.#face.error(this, error as Error);
    }
  }

  onError(error: unknown): void {
    if (!this.#finish()) return;
    const reason = error === this.#reason ? this.#reason! : undiciError(error, this.#headSeen);
    this.#reason ??= reason;
    this.#request.body?.destroy(reason);
    if (this.#exchange.session === undefined) this.#observer.onUnconnected(this.#request.url, reason);
    this.#request.published.publishError(reason);
    this.#face.error(this, reason);
  }

  onRequestSent(): void {
    if (this.#done) return;
    this.#request.published.publishBodySent();
    this.#call(() => this.#face.requestSent());
  }

  // ----

  #head(status: number, spelled: readonly Field[], statusText: string): void {
    const raw = rawFrom(spelled);
    this.rawHeaders = raw;
    this.#request.published.publishHeaders(status, raw, statusText);
    this.#call(() => this.#face.head(this, status, raw, statusText));
  }

  #bodySent(chunk: Uint8Array): void {
    this.#request.published.publishBodyChunkSent(chunk);
    this.#call(() => this.#face.bodySent(chunk));
  }

  #call(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.abort(error);
    }
  }

  #finish(): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#openGate?.();
    this.#observer.onDone();
    return true;
  }
}

function rawFrom(fields: readonly Field[]): RawFields {
  return fields.flatMap(([name, value]) => [Buffer.from(name, "latin1"), Buffer.from(value, "latin1")]);
}
