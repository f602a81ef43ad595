/** Names another host that serves the same origins (draft-thomson-httpbis-alt-svcb-01): in responses, and in frames of each connection. */

import type { RespondOptions, ServerExchange } from "../../host/http/exchange.ts";
import type { ConnectionFrames } from "../../host/http/listener.ts";
import { ServeError } from "../../host/listen/errors.ts";
import { emitAltSvcbFrame, emitHttp2Frame, type FieldSection, isAlternativeName } from "../../http/index.ts";
import { DecoratedExchange } from "./decorated-exchange.ts";

/** Throws a `ServeError` unless it is a host name of A-labels. */
export function checkAltSvcb(name: string | undefined): void {
  if (name === undefined || isAlternativeName(name)) return;
  throw new ServeError(
    "OPTION_INVALID",
    `altSvcb: "${name}" is not a host name: give one such as "instance31.example.com", or "invalid" to withdraw it`,
  );
}

/** A frame for each origin that the server names; undefined without any. */
export function altSvcbFrames(
  name: string | undefined,
  origins: readonly string[] | undefined,
): ConnectionFrames | undefined {
  if (name === undefined || origins === undefined || origins.length === 0) return undefined;
  const h3 = origins.map((origin) => emitAltSvcbFrame(origin, name));
  return { h2: h3.map(emitHttp2Frame), h3 };
}

/** Adds the field to a response over https, unless it has one. RFC 9110 §15.5.20: a 421 says nothing about the origin. */
export class AltSvcbExchange extends DecoratedExchange {
  readonly #value: string;

  constructor(inner: ServerExchange, name: string) {
    super(inner);
    this.#value = `"${name}"`;
  }

  override respond(status: number, fields: FieldSection, options?: RespondOptions): void {
    super.respond(status, this.#with(status, fields), options);
  }

  override respondWhole(status: number, fields: FieldSection, content: Uint8Array): void {
    super.respondWhole(status, this.#with(status, fields), content);
  }

  #with(status: number, fields: FieldSection): FieldSection {
    const isSilent = status === 421 || this.scheme !== "https";
    if (isSilent || fields.some(([name]) => name.toLowerCase() === "alt-svcb")) return fields;
    return [...fields, ["alt-svcb", this.#value]];
  }
}
