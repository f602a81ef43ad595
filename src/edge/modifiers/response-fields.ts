/** Adds, replaces and removes fields of a response. */

import type { RespondOptions, ServerExchange } from "../../host/http/exchange.ts";
import type { FieldLine, FieldSection } from "../../http/index.ts";
import { DecoratedExchange } from "./decorated-exchange.ts";

/** Fields of a site or route: a value replaces all lines of that name, and an empty one removes them. */
export class FieldsExchange extends DecoratedExchange {
  readonly #given: readonly FieldLine[];
  readonly #names: ReadonlySet<string>;

  constructor(inner: ServerExchange, given: readonly FieldLine[], names: ReadonlySet<string>) {
    super(inner);
    this.#given = given;
    this.#names = names;
  }

  override respond(status: number, fields: FieldSection, options?: RespondOptions): void {
    super.respond(status, this.#apply(fields), options);
  }

  override respondWhole(status: number, fields: FieldSection, content: Uint8Array): void {
    super.respondWhole(status, this.#apply(fields), content);
  }

  #apply(fields: FieldSection): FieldLine[] {
    const lines: FieldLine[] = [];
    for (const line of fields) if (!this.#names.has(line[0].toLowerCase())) lines.push([line[0], line[1]]);
    for (const line of this.#given) if (line[1] !== "") lines.push(line);
    return lines;
  }
}
