/** Adds to a response what depends on the client's preferences: `Vary: prefer` and `Preference-Applied` (RFC 7240). */

import type { RespondOptions, ServerExchange } from "../../host/http/exchange.ts";
import { type FieldLine, type FieldSection, type Preferences, withVary } from "../../http/index.ts";
import { DecoratedExchange } from "./decorated-exchange.ts";

export class PreferredExchange extends DecoratedExchange {
  readonly #preferences: Preferences;
  readonly #isApplied: () => boolean;

  /** `isApplied` is asked when the response begins. */
  constructor(inner: ServerExchange, preferences: Preferences, isApplied: () => boolean) {
    super(inner);
    this.#preferences = preferences;
    this.#isApplied = isApplied;
  }

  override respond(status: number, fields: FieldSection, options?: RespondOptions): void {
    super.respond(status, this.#complete(fields), options);
  }

  override respondWhole(status: number, fields: FieldSection, content: Uint8Array): void {
    super.respondWhole(status, this.#complete(fields), content);
  }

  #complete(fields: FieldSection): FieldLine[] {
    return this.#isApplied() ? [...this.#preferences.complete(fields)] : withVary(fields, "prefer");
  }
}
