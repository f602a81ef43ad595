// One request of a load generator, which counts its response and drops the content.
import type { Instant } from "../../base/time.ts";
import { ClientError } from "../../host/client/errors.ts";
import { InformationalLimit } from "../../host/client/limits.ts";
import type {
  ClientExchange,
  ClientRequestHead,
  Field,
  RequestContent,
  ResponseHandler,
  Session,
} from "../../host/client/session.ts";
import { contentLengthOf } from "../../http/index.ts";

/** A request that a server certainly did not act on is sent this many times in total. */
const MAX_ATTEMPTS = 3;

export interface ExchangeOwner {
  handleData(bytes: number): void;
  handleResponse(exchange: LoadExchange): void;
  handleFailure(exchange: LoadExchange, error: Error): void;
  /** To be sent again, because the server cannot have processed it. */
  handleUnprocessed(exchange: LoadExchange): void;
}

export class LoadExchange implements ResponseHandler {
  readonly line: number;
  readonly intended: Instant;
  status = 0;
  /** When it was passed to the connection, for the last time. */
  sent: Instant;
  readonly #owner: ExchangeOwner;
  readonly #informational = new InformationalLimit();
  #exchange: ClientExchange | undefined;
  #attempts = 0;
  #isDone = false;
  #expected: number | undefined;
  #received = 0;

  constructor(line: number, intended: Instant, owner: ExchangeOwner) {
    this.line = line;
    this.intended = intended;
    this.sent = intended;
    this.#owner = owner;
  }

  send(session: Session, head: ClientRequestHead, content: RequestContent | undefined, now: Instant): void {
    this.sent = now;
    this.#attempts += 1;
    const exchange = session.request(head, content, this);
    if (this.#isDone) return;
    this.#exchange = exchange;
  }

  abort(error: Error): void {
    if (this.#isDone) return;
    const exchange = this.#exchange;
    this.#fail(error);
    exchange?.reset(error);
  }

  onRequestSent(): void {}

  onInformational(_status: number, fields: readonly Field[]): void {
    if (this.#informational.take(fields)) return;
    this.abort(new ClientError("PROTOCOL_ERROR", "the server sent too many informational responses"));
  }

  onHead(status: number, fields: readonly Field[]): void {
    this.status = status;
    const length = contentLengthOf(fields);
    if (typeof length === "number" && status !== 204 && status !== 304) this.#expected = length;
  }

  onData(chunk: Uint8Array): void {
    this.#received += chunk.length;
    this.#owner.handleData(chunk.length);
  }

  onEnd(): void {
    if (this.#isDone) return;
    if (this.#expected !== undefined && this.#expected !== this.#received && this.#received > 0) {
      const message = `the response ended after ${this.#received} of ${this.#expected} bytes`;
      this.#fail(new ClientError("RESPONSE_INCOMPLETE", message));
      return;
    }
    this.#isDone = true;
    this.#owner.handleResponse(this);
  }

  onError(error: Error, unprocessed: boolean): void {
    if (this.#isDone) return;
    if (!unprocessed || this.#attempts >= MAX_ATTEMPTS) {
      this.#fail(error);
      return;
    }
    this.#exchange = undefined;
    this.status = 0;
    this.#owner.handleUnprocessed(this);
  }

  #fail(error: Error): void {
    this.#isDone = true;
    this.#owner.handleFailure(this, error);
  }
}
