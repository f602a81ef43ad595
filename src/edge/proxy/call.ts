/** One request on its way to an origin and back: a session's events onto a ServerExchange, with backpressure both ways. */

import { ClientError } from "../../host/client/errors.ts";
import type { PoolWaiter } from "../../host/client/origin-pool.ts";
import type { ClientExchange, ResponseHandler, Session } from "../../host/client/session.ts";
import { type Fault, guard } from "../../host/guard.ts";
import type { ServerExchange } from "../../host/http/exchange.ts";
import { noLimit, Timer } from "../../host/timer.ts";
import { type FieldLine, type FieldSection, hasNoContent } from "../../http/index.ts";
import { forwardResponseFields } from "./forwarded-fields.ts";
import type { ProxyOrigin } from "./origins.ts";
import { ForwardedBody } from "./request-body.ts";

export interface CallFailure {
  readonly error: Error;
  /** Nothing of the request was sent, and nothing of its body taken from the client. */
  readonly unsent: boolean;
}

export interface CallSettings {
  readonly headersTimeout: number;
  readonly bodyTimeout: number;
  readonly onFault: (fault: Fault) => void;
}

/** RFC 9110 §9.2.2. TRACE is not among them, since it is refused. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** Kept connections that may turn out to be closed before a new one is the next. */
const MAX_ATTEMPTS = 4;

/** RFC 9110 §15: what is above this is no status, though three digits can say it. */
const MAX_STATUS = 599;

export class ProxyCall implements PoolWaiter, ResponseHandler {
  readonly #exchange: ServerExchange;
  readonly #origin: ProxyOrigin;
  readonly #fields: FieldSection;
  readonly #settings: CallSettings;
  readonly #onFailure: (failure: CallFailure) => void;
  #upstream: ClientExchange | undefined;
  #content: ForwardedBody | undefined;
  #timer: Timer | undefined;
  #attempts = 0;
  #reused = false;
  #isPaused = false;
  #over = false;

  /** `onFailure` is called at most once, and never when it is the client who gave up. */
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
    if (this.#over) upstream.reset(new Error("the exchange is over"));
    else this.#upstream = upstream;
  }

  fail(error: Error): void {
    this.#fail(error, this.#content?.isUntouched !== false);
  }

  // ---- ResponseHandler

  onRequestSent(): void {}

  onInformational(status: number, fields: readonly FieldLine[]): void {
    if (this.#over) return;
    this.#timer?.refresh();
    // A client that waits for 100 was asked by us, when there was a connection: another would say the same again.
    if (status !== 100) this.#exchange.inform(status, forwardResponseFields(fields));
  }

  onHead(status: number, raw: readonly FieldLine[]): void {
    if (this.#over) return;
    if (status > MAX_STATUS) {
      this.#upstream?.reset(new Error("no status"));
      // RFC 9110 §15: as a server error; HTTP/2 of Node cannot even send it.
      this.#fail(new ClientError("PROTOCOL_ERROR", `the status ${status} is none that HTTP has`), false);
      return;
    }
    const { method } = this.#exchange;
    const bodiless = hasNoContent(method, status);
    // Only a message framed in chunks can have trailers (RFC 9112 §7.1.2).
    const trailers = raw.some(([name]) => name === "transfer-encoding");
    const fields = forwardResponseFields(raw);
    this.#exchange.respond(status, bodiless ? fields.filter(([name]) => name !== "trailer") : fields, {
      endStream: bodiless,
      trailers,
    });
    if (bodiless) this.#finish();
    else if (this.#exchange.hasRoom()) this.#arm(this.#settings.bodyTimeout);
    else this.#pause();
  }

  onData(chunk: Uint8Array): void {
    if (this.#over) return;
    this.#timer?.refresh();
    if (!this.#exchange.write(chunk)) this.#pause();
  }

  #pause(): void {
    this.#isPaused = true;
    this.#timer?.clear(); // the client's time is not the origin's fault
    this.#upstream?.pause();
  }

  onEnd(trailers: readonly FieldLine[]): void {
    if (this.#finish()) this.#exchange.end(undefined, forwardResponseFields(trailers));
  }

  onError(error: Error, unprocessed: boolean): void {
    if (this.#over) return;
    this.#upstream = undefined;
    const untouched = this.#content?.isUntouched !== false;
    const { method, status, body } = this.#exchange;
    // RFC 9112 §9.5: an origin may close a kept connection at any time. RFC 9110 §9.2.2: a gateway repeats a request that
    // was not sent, or one that does no harm.
    const repeats = unprocessed ? untouched : IDEMPOTENT.has(method) && body.state === "ended";
    if (this.#reused && status === undefined && repeats && this.#attempts < MAX_ATTEMPTS) {
      this.#timer?.clear();
      this.#origin.pool.enqueue(this);
      return;
    }
    this.#fail(error, unprocessed && untouched);
  }

  // ----

  #resume(): void {
    if (this.#over || !this.#isPaused) return;
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
    // The origin cannot answer what the client has not sent.
    if (this.#exchange.status === undefined && this.#content?.isWaiting === true) {
      this.#timer?.refresh();
      return;
    }
    this.#giveUp(new ClientError("RESPONSE_TIMEOUT", `nothing came within ${milliseconds / 1000} s`));
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
    if (this.#over) return false;
    this.#over = true;
    this.#timer?.clear();
    return true;
  }
}
