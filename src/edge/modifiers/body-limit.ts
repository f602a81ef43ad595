/** Limits the content of a request (413, RFC 9110 §15.5.14). */

import type { RespondOptions, ServerExchange } from "../../host/http/exchange.ts";
import type { BodyState, RequestBody } from "../../host/http/request-body.ts";
import { respondText } from "../../host/http/respond-text.ts";
import { contentLengthOf, type FieldSection } from "../../http/index.ts";
import { DecoratedExchange } from "./decorated-exchange.ts";

/** True if the request announces more content than allowed; it has then been answered. */
export function refuseAnnounced(exchange: ServerExchange, maximum: number): boolean {
  const length = contentLengthOf(exchange.fields);
  if (typeof length !== "number" || length <= maximum) return false;
  respondText(exchange, 413, TOO_LARGE);
  return true;
}

const TOO_LARGE = "the request has more content than this server accepts";

/** Counts content of unknown length. Once there is too much, the client gets a 413, and the action an aborted request. */
export class LimitedExchange extends DecoratedExchange {
  readonly #body: LimitedBody;
  #refused: Error | undefined;
  #onAbort: ((reason: Error) => void) | undefined;

  constructor(inner: ServerExchange, maximum: number) {
    super(inner);
    this.#body = new LimitedBody(inner.body, maximum, () => this.#refuse());
  }

  #refuse(): void {
    if (this.inner.status === undefined) respondText(this.inner, 413, TOO_LARGE);
    else this.inner.reset(new Error(TOO_LARGE));
    this.#refused = new Error(TOO_LARGE);
    this.#onAbort?.(this.#refused);
  }

  override get body(): RequestBody {
    return this.#body;
  }

  override get aborted(): Error | undefined {
    return this.#refused ?? super.aborted;
  }

  override get onAbort(): ((reason: Error) => void) | undefined {
    return this.#onAbort;
  }
  override set onAbort(callback: ((reason: Error) => void) | undefined) {
    this.#onAbort = callback;
    this.inner.onAbort = callback;
  }

  override inform(status: number, fields: FieldSection): void {
    if (this.#refused === undefined) super.inform(status, fields);
  }
  override respond(status: number, fields: FieldSection, options?: RespondOptions): void {
    if (this.#refused === undefined) super.respond(status, fields, options);
  }
  override respondWhole(status: number, fields: FieldSection, content: Uint8Array): void {
    if (this.#refused === undefined) super.respondWhole(status, fields, content);
  }
  override hasRoom(bytes?: number): boolean {
    return this.#refused !== undefined || super.hasRoom(bytes);
  }
  override write(chunk: Uint8Array, released?: (chunk: Uint8Array) => void): boolean {
    if (this.#refused === undefined) return super.write(chunk, released);
    released?.(chunk);
    return true;
  }
  override end(last?: Uint8Array, trailers?: FieldSection): void {
    if (this.#refused === undefined) super.end(last, trailers);
  }
  override reset(reason: Error): void {
    if (this.#refused === undefined) super.reset(reason);
  }
}

class LimitedBody implements RequestBody {
  readonly #body: RequestBody;
  readonly #onExcess: () => void;
  #left: number;

  constructor(body: RequestBody, maximum: number, onExcess: () => void) {
    this.#body = body;
    this.#left = maximum;
    this.#onExcess = onExcess;
  }

  get state(): BodyState {
    return this.#left < 0 ? "aborted" : this.#body.state;
  }

  get trailers(): FieldSection {
    return this.#body.trailers;
  }

  get onReadable(): (() => void) | undefined {
    return this.#body.onReadable;
  }
  set onReadable(callback: (() => void) | undefined) {
    this.#body.onReadable = callback;
  }

  read(into?: Uint8Array): Uint8Array | undefined {
    if (this.#left < 0) return undefined;
    const chunk = this.#body.read(into);
    if (chunk === undefined) return undefined;
    this.#left -= chunk.byteLength;
    if (this.#left >= 0) return chunk;
    this.#onExcess();
    return undefined;
  }
}
