/** Removes a prefix from the path that an action sees. */

import type { ServerExchange } from "../../host/http/exchange.ts";
import { DecoratedExchange } from "./decorated-exchange.ts";

export class WithoutPrefix extends DecoratedExchange {
  readonly #path: string;

  /** `prefix` begins with a slash, and does not end with one. Leaves paths that are not below it as they are. */
  constructor(inner: ServerExchange, prefix: string) {
    super(inner);
    const { path } = inner;
    const rest = path.startsWith(prefix) ? path.slice(prefix.length) : undefined;
    if (rest === undefined || !/^(?:[/?]|$)/.test(rest)) this.#path = path;
    else this.#path = rest.startsWith("/") ? rest : `/${rest}`;
  }

  override get clientPath(): string {
    return this.inner.clientPath ?? this.inner.path;
  }

  override get path(): string {
    return this.#path;
  }
}
