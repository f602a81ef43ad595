/** Redirects to a path or URL that may name groups of the route's path. */

import type { ServerExchange } from "../../host/http/exchange.ts";
import { respondText } from "../../host/http/respond-text.ts";
import type { Action } from "./action.ts";
import type { PathGroups } from "./path-pattern.ts";

export interface RedirectOptions {
  readonly to: string;
  readonly status?: number | undefined;
  readonly keepQuery?: boolean | undefined;
}

/** Characters that a path segment may have (RFC 3986 §3.3), and the slash. */
const NOT_IN_PATH = /[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/g;

export class RedirectAction implements Action {
  readonly #options: RedirectOptions;

  constructor(options: RedirectOptions) {
    this.#options = options;
  }

  handle(exchange: ServerExchange, groups: PathGroups): void {
    const { to, status = 308, keepQuery = true } = this.#options;
    const target = to.replaceAll(/:([A-Za-z_]\w*|\d+)(?=$|[/?#.&-])/g, (all, name: string) =>
      groups[name] === undefined ? all : groups[name].replaceAll(NOT_IN_PATH, encodeURIComponent),
    );
    const query = exchange.path.indexOf("?");
    const location =
      keepQuery && query >= 0 && !target.includes("?") ? withQuery(target, exchange.path.slice(query)) : target;
    // A group that begins with a slash must not turn a path into the name of another host (RFC 3986 §4.2).
    const safe = to.startsWith("//") ? location : location.replace(/^\/{2,}/, "/");
    respondText(exchange, status, undefined, [["location", safe]]);
  }
}

function withQuery(target: string, query: string): string {
  const fragment = target.indexOf("#");
  return fragment < 0 ? target + query : target.slice(0, fragment) + query + target.slice(fragment);
}
