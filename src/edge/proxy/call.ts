/** One proxied request: passes a ServerExchange to a client session and back, with backpressure in both directions. */

import { ClientError } from "../../host/client/errors.ts";
import { InformationalLimit } from "../../host/client/limits.ts";
import type { PoolWaiter } from "../../host/client/origin-pool.ts";
import type { ClientExchange, ResponseHandler, Session } from "../../host/client/session.ts";
import { type Fault, guard } from "../../host/guard.ts";
import type { ServerExchange } from "../../host/http/exchange.ts";
import { noLimit, Timer } from "../../host/timer.ts";
import { contentLengthOf, type FieldLine, type FieldSection, hasNoContent, isWithoutLength } from "../../http/index.ts";
import { forwardResponseFields } from "./forwarded-fields.ts";
import type { ProxyOrigin } from "./origins.ts";
import { ForwardedBody } from "./request-body.ts";

export interface CallFailure {
  readonly error: Error;
  /** True if nothing of the request was sent, and nothing of its body was read from the client. */
  readonly unsent: boolean;
}

export interface CallSettings {
  readonly headersTimeout: number;
  readonly bodyTimeout: number;
  readonly onFault: (fault: Fault) => void;
}

/** RFC 9110 §9.2.2, without TRACE, which is refused. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** Attempts for a request, since idle connections may turn out to be closed. */
const MAX_ATTEMPTS = 4;

/** RFC 9110 §15: larger numbers are invalid, even with three digits. */
const MAX_STATUS = 599;

export class ProxyCall implements PoolWaiter, ResponseHandler {
  readonly #exchange: ServerExchange;
  readonly #origin: ProxyOrigin;
  readonly #fields: FieldSection;
  readonly #settings: CallSettings;
  readonly #onFailure: (failure: CallFailure) => void;
  readonly #informational = new InformationalLimit();
  #upstream: ClientExchange | undefined;
  #content: ForwardedBody | undefined;
  #timer: Timer | undefined;
  #attempts = 0;
  #reused = false;
  #isPaused = false;
  #finished = false;

  /** `onFailure` is called at most once, and never if the client aborted. */
  constructor(
    exchange: ServerExchange,
    origin: ProxyOrigin,
    fields: FieldSection,
    settings: CallSettings,
    onFailure: (failure: CallFailure) => void,
  ) {
    this.#exchange = exchange;
    this.#origin = origin;
    this.#fields = fields;
    this.#settings = settings;
    this.#onFailure = onFailure;
    exchange.onAbort = (reason) => this.#abandon(reason);
    exchange.onDrain = () => this.#resume();
  }

  send(): void {
    this.#origin.pool.enqueue(this);
  }

  // ---- PoolWaiter

  start(session: Session, reused: boolean): void {
    const exchange = this.#exchange;
    this.#attempts += 1;
    this.#reused = reused;
    let authority = "";
    let length: number | undefined;
    const fields: FieldLine[] = [];
    const hasContent = exchange.body.state !== "ended";
    for (const [name, value] of this.#fields) {
      if (name === "host") authority = value;
      else if (name === "content-length" && hasContent) length = Number(value);
      else fields.push([name, value]);
    }
    this.#content = hasContent ? new ForwardedBody(exchange) : undefined;
    this.#arm(this.#settings.headersTimeout);
    const head = {
      method: exchange.method,
      scheme: "http",
      authority,
      path: this.#origin.base + exchange.path,
      fields,
    } as const;
    const upstream = session.request(
      head,
      this.#content === undefined ? undefined : { length, chunks: this.#content },
      this,
    );
    if (this.#finished) upstream.reset(new Error("the exchange has ended"));
    else this.#upstream = upstream;
  }

  fail(error: Error): void {
    this.#fail(error, this.#content?.isUntouched !== false);
  }

  // ---- ResponseHandler

  onRequestSent(): void {}

  onInformational(status: number, fields: readonly FieldLine[]): void {
    if (this.#finished) return;
    if (!this.#informational.take(fields)) {
      this.#giveUp(new ClientError("PROTOCOL_ERROR", "the origin sent too many informational responses"));
      return;
    }
    this.#timer?.refresh();
    // This proxy sends its own 100 to a client that waits for one, so a 100 from the origin is dropped.
    if (status !== 100) this.#exchange.inform(status, forwardResponseFields(fields));
  }

  onHead(status: number, raw: readonly FieldLine[]): void {
    if (this.#finished) return;
    if (status > MAX_STATUS) {
      this.#upstream?.reset(new Error("invalid status"));
      // RFC 9110 §15: treated as a server error. Node's HTTP/2 could not even send it.
      this.#fail(new ClientError("PROTOCOL_ERROR", `the status ${status} is invalid`), false);
      return;
    }
    const { method } = this.#exchange;
    const withoutLength = isWithoutLength(status);
    const bodiless = withoutLength || hasNoContent(method, status);
    // Only chunked messages can have trailers (RFC 9112 §7.1.2).
    const trailers = raw.some(([name]) => name === "transfer-encoding");
    const forwarded = forwardResponseFields(raw);
    const fields = withoutLength ? forwarded.filter(([name]) => name !== "content-length") : forwarded;
    this.#exchange.respond(status, bodiless ? fields.filter(([name]) => name !== "trailer") : fields, {
      endStream: bodiless,
      trailers,
    });
    if (bodiless) this.#finishBodiless(status, raw);
    else if (this.#exchange.hasRoom()) this.#arm(this.#settings.bodyTimeout);
    else this.#pause();
  }

  #finishBodiless(status: number, raw: readonly FieldLine[]): void {
    this.#finish();
    // HTTP/1.1 does not rule out content after a 205 (RFC 9112 §6.3), which could be endless.
    const isEmpty = contentLengthOf(raw) === 0;
    if (status === 205 && !isEmpty) this.#upstream?.reset(new Error("the 205 had content"));
  }

  onData(chunk: Uint8Array): void {
    if (this.#finished) return;
    this.#timer?.refresh();
    if (!this.#exchange.write(chunk)) this.#pause();
  }

  #pause(): void {
    this.#isPaused = true;
    this.#timer?.clear(); // a slow client is not the origin's fault
    this.#upstream?.pause();
  }

  onEnd(trailers: readonly FieldLine[]): void {
    if (this.#finish()) this.#exchange.end(undefined, forwardResponseFields(trailers));
  }

  onError(error: Error, unprocessed: boolean): void {
    if (this.#finished) return;
    this.#upstream = undefined;
    const untouched = this.#content?.isUntouched !== false;
    const { method, status, body } = this.#exchange;
    // RFC 9112 §9.5: an origin may close an idle connection at any time. RFC 9110 §9.2.2: a gateway may repeat a request
    // that was not processed, or that is idempotent.
    const mayRepeat = unprocessed ? untouched : IDEMPOTENT.has(method) && body.state === "ended";
    if (this.#reused && status === undefined && mayRepeat && this.#attempts < MAX_ATTEMPTS) {
      this.#timer?.clear();
      this.#origin.pool.enqueue(this);
      return;
    }
    this.#fail(error, unprocessed && untouched);
  }

  // ----

  #resume(): void {
    if (this.#finished || !this.#isPaused) return;
    this.#isPaused = false;
    this.#arm(this.#settings.bodyTimeout);
    this.#upstream?.resume();
  }

  #arm(milliseconds: number): void {
    this.#timer?.clear();
    this.#timer = new Timer(
      guard("proxy timeout", this.#handleFault, () => this.#handleTimeout(milliseconds)),
      noLimit(milliseconds),
    );
  }

  readonly #handleFault = (fault: Fault): void => {
    this.#settings.onFault(fault);
    this.#giveUp(fault.error);
  };

  #handleTimeout(milliseconds: number): void {
    // The origin cannot respond to a request that the client has not finished sending.
    if (this.#exchange.status === undefined && this.#content?.isWaiting === true) {
      this.#timer?.refresh();
      return;
    }
    this.#giveUp(new ClientError("RESPONSE_TIMEOUT", `received nothing within ${milliseconds / 1000} s`));
  }

  #giveUp(error: Error): void {
    this.#upstream?.reset(error);
    this.#fail(error, false);
  }

  #abandon(reason: Error): void {
    if (!this.#finish()) return;
    this.#origin.pool.withdraw(this);
    this.#upstream?.reset(reason);
  }

  #fail(error: Error, unsent: boolean): void {
    if (this.#finish()) this.#onFailure({ error, unsent });
  }

  #finish(): boolean {
    if (this.#finished) return false;
    this.#finished = true;
    this.#timer?.clear();
    return true;
  }
}
