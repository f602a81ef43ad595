/** Tells clients when a route ends (RFC 8594, RFC 9745), and ends it. */

import type { RespondOptions, ServerExchange } from "../../host/http/exchange.ts";
import { respondText } from "../../host/http/respond-text.ts";
import type { Tunnel } from "../../host/http/tunnel.ts";
import { emitNotice, type FieldLine, type FieldSection, formatHttpDate, type Notice } from "../../http/index.ts";
import { DecoratedExchange } from "./decorated-exchange.ts";

/** The notice of a route, ready to send. */
export class RouteNotice {
  readonly fields: readonly FieldLine[];
  readonly #goneFrom: number | undefined;

  /** With `gone`, the route answers 410 from the sunset on. */
  constructor(notice: Notice, gone: boolean) {
    this.fields = emitNotice(notice);
    this.#goneFrom = gone ? notice.sunset : undefined;
  }

  /** True if the route has ended; the request has then been answered. `now` is in milliseconds since 1970. */
  refuses(exchange: ServerExchange, now: number): boolean {
    const goneFrom = this.#goneFrom;
    if (goneFrom === undefined || now < goneFrom) return false;
    // RFC 9110 §15.5.11
    respondText(exchange, 410, `this resource ended on ${formatHttpDate(goneFrom)}`, this.fields);
    return true;
  }
}

/** Adds the notice to the response. A date that the response has itself is left as it is. */
export class NoticedExchange extends DecoratedExchange {
  readonly #notice: RouteNotice;

  constructor(inner: ServerExchange, notice: RouteNotice) {
    super(inner);
    this.#notice = notice;
  }

  override respond(status: number, fields: FieldSection, options?: RespondOptions): void {
    super.respond(status, this.#noticed(fields), options);
  }

  override respondWhole(status: number, fields: FieldSection, content: Uint8Array): void {
    super.respondWhole(status, this.#noticed(fields), content);
  }

  override acceptTunnel(fields: FieldSection): Tunnel {
    return super.acceptTunnel(this.#noticed(fields));
  }

  #noticed(fields: FieldSection): FieldSection {
    const names = new Set(fields.map(([name]) => name.toLowerCase()));
    return [...fields, ...this.#notice.fields.filter(([name]) => name === "link" || !names.has(name))];
  }
}
