/** Asks clients for hints (RFC 8942), and tells the action where they are. */

import type { RespondOptions, ServerExchange } from "../../host/http/exchange.ts";
import { emitHints, type FieldLine, type FieldSection, withVary } from "../../http/index.ts";
import type { ClientLocations } from "../geo/client-location.ts";
import { DecoratedExchange } from "./decorated-exchange.ts";

/** The hints of a route. */
export class RouteHints {
  readonly fields: readonly FieldLine[];
  /** In lower case. */
  readonly names: readonly string[];
  readonly locations: ClientLocations | undefined;

  /** `critical` hints are those without which a response is wrong; clients send their request again with them. */
  constructor(accept: readonly string[], critical: readonly string[], locations: ClientLocations | undefined) {
    const asked = [...new Set([...accept, ...critical])];
    this.names = asked.map((name) => name.toLowerCase());
    this.locations = locations;
    this.fields = [
      ...(asked.length === 0 ? [] : [["accept-ch", emitHints(asked)] as const]),
      ...(critical.length === 0 ? [] : [["critical-ch", emitHints(critical)] as const]),
    ];
  }
}

export class HintedExchange extends DecoratedExchange {
  readonly #hints: RouteHints;
  #fields: FieldSection | undefined;

  constructor(inner: ServerExchange, hints: RouteHints) {
    super(inner);
    this.#hints = hints;
  }

  override get fields(): FieldSection {
    this.#fields ??= this.#hints.locations?.fieldsFor(this.inner) ?? this.inner.fields;
    return this.#fields;
  }

  override respond(status: number, fields: FieldSection, options?: RespondOptions): void {
    super.respond(status, this.#hinted(fields), options);
  }

  override respondWhole(status: number, fields: FieldSection, content: Uint8Array): void {
    super.respondWhole(status, this.#hinted(fields), content);
  }

  #hinted(fields: FieldSection): FieldSection {
    let lines: FieldSection = [...fields, ...this.#hints.fields];
    // RFC 8942 §3.2: responses that may depend on a hint vary by it.
    for (const name of this.#hints.names) lines = withVary(lines, name);
    return lines;
  }
}
