// One dispatched request: an exchange of the client, as calls of undici's handler. Each callback once and in order;
// after an abort only the error; an exception of a callback ends the request.
import { OutgoingBody } from "../client/body.ts";
import { Exchange, type ExchangeReceiver, type ResponseHead } from "../client/exchange.ts";
import type { Origin } from "../client/origin.ts";
import { NoExtendedConnectError } from "../host/client/errors.ts";
import type { Field, Session } from "../host/client/session.ts";
import { isForTunnel } from "../host/client/tunnel.ts";
import { undiciErrors } from "../host/client/undici.ts";
import type { HostClock } from "../host/clock.ts";
import { guard } from "../host/guard.ts";
import { undiciError } from "./errors.ts";
import type { Controller, Face, RawFields } from "./handlers.ts";
import type { DispatchRequest } from "./request.ts";
import { TunnelSocket, tunnelResponse } from "./tunnel.ts";

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
  /** The server takes no tunnels over the connection's protocol. Returns true if another dispatcher has the request. */
  onUntunnelled(): boolean;
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
  /** Exists if the request is for a tunnel. */
  readonly #tunnel: TunnelSocket | undefined;
  #isOpen = false;
  #paused = false;
  #headSeen = false;
  #done = false;

  constructor(request: DispatchRequest, origin: Origin, timeouts: Timeouts, face: Face, observer: Observer) {
    this.#request = request;
    this.#origin = origin;
    this.#face = face;
    this.#observer = observer;
    const { url, head, body, idempotent, expectContinue, websocketKey } = request;
    this.#tunnel = isForTunnel(head)
      ? new TunnelSocket({
          pause: () => this.#exchange.pause(),
          resume: () => this.#exchange.resume(),
          abort: (reason) => this.#exchange.abort(reason),
        })
      : undefined;
    const tunnelled = this.#tunnel && OutgoingBody.readOnce(() => this.#tunnel!.content(), undefined);
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
        body: tunnelled ?? body?.outgoing({ gate, onBodySent: (chunk) => this.#bodySent(chunk) }),
        idempotent,
        fieldsFor: (protocol) => {
          // RFC 8441 §5: without a key in an extended CONNECT.
          if (websocketKey !== undefined) return protocol === "http/1.1" ? [["sec-websocket-key", websocketKey]] : [];
          if (!expectContinue) return [];
          if (protocol !== "http/1.1") return [["expect", "100-continue"]];
          this.#openGate?.();
          return [];
        },
        onSend: (sent) => {
          const session = this.#exchange.session!;
          observer.onTaken(url, session);
          request.published.publishSendHeaders(sent.head, session);
        },
      },
      {
        clock: timeouts.clock,
        headersTimeout: request.headersTimeout ?? timeouts.headersTimeout,
        // A tunnel may be silent.
        bodyTimeout: isForTunnel(head) ? 0 : (request.bodyTimeout ?? timeouts.bodyTimeout),
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
    this.#origin.altSvc(status, fields, this.#exchange.session!.protocol);
    const opened = tunnelResponse(this.#request, status, spelled);
    if (opened !== undefined) {
      this.#upgrade(opened.status, rawFrom(opened.fields), statusText);
      return;
    }
    this.#tunnel?.refuse();
    this.#call(() => this.#face.responseStarted());
    if (!this.#done) this.#head(status, spelled, statusText);
  }

  /** The request is complete; what follows is the tunnel's. */
  #upgrade(status: number, raw: RawFields, statusText: string): void {
    const { published } = this.#request;
    const { remoteAddress, remotePort } = this.#exchange.session!;
    Object.assign(this.#tunnel!, { remoteAddress, remotePort });
    this.#isOpen = true;
    this.#finish();
    this.rawHeaders = raw;
    published.publishHeaders(status, raw, statusText);
    try {
      this.#face.upgrade(this, status, raw, this.#tunnel);
      published.publishTrailers([]);
    } catch (error) {
      this.#tunnel!.destroy();
      published.publishError(error as Error);
      this.#face.error(this, error as Error);
    }
  }

  onData(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (this.#isOpen) this.#tunnel!.receive(bytes);
    if (this.#done) return;
    this.#request.published.publishBodyChunkReceived(bytes);
    this.#call(() => this.#face.data(this, bytes));
  }

  onEnd(_trailers: readonly Field[], spelled: readonly Field[]): void {
    if (this.#isOpen) this.#tunnel!.receiveEnd();
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
    if (this.#isOpen) this.#tunnel!.fail(undiciError(error, true));
    if (!this.#finish()) return;
    this.#tunnel?.refuse();
    if (error instanceof NoExtendedConnectError && this.#observer.onUntunnelled()) return;
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
