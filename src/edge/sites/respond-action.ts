/** A fixed response. */

import type { ServerExchange } from "../../host/http/exchange.ts";
import { respondContent, respondText } from "../../host/http/respond-text.ts";
import type { Action } from "./action.ts";

export interface RespondOptions {
  readonly status?: number | undefined;
  readonly body?: string | undefined;
  readonly contentType?: string | undefined;
}

export class RespondAction implements Action {
  readonly #status: number;
  readonly #content: Uint8Array | undefined;
  readonly #contentType: string;

  constructor({ status = 200, body, contentType = "text/plain; charset=utf-8" }: RespondOptions) {
    this.#status = status;
    this.#content = body === undefined ? undefined : new TextEncoder().encode(body);
    this.#contentType = contentType;
  }

  handle(exchange: ServerExchange): void {
    if (this.#status === 204 || this.#status === 205 || this.#status === 304) {
      exchange.respond(this.#status, [], { endStream: true });
    } else if (this.#content === undefined) respondText(exchange, this.#status);
    else respondContent(exchange, this.#status, this.#content, this.#contentType);
  }
}
