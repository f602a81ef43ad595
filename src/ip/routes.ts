/** The routing table: the longest prefix that matches wins, then the lowest metric, then the newest entry. */

import { isInPrefix, type Prefix } from "./address.ts";

export interface Route<Interface> {
  readonly prefix: Prefix;
  readonly interface: Interface;
  /** The router; undefined if destinations are on the link. */
  readonly gateway: Uint8Array | undefined;
  /** 0 by default. */
  readonly metric?: number;
}

const MAX_ROUTES = 1_024;

export class Routes<Interface> {
  /** Longest prefix first, so that the first match is the best. */
  readonly #routes: Route<Interface>[] = [];

  *[Symbol.iterator](): Iterator<Route<Interface>> {
    yield* this.#routes;
  }

  /** Returns false if the table is full. */
  add(route: Route<Interface>): boolean {
    if (this.#routes.length >= MAX_ROUTES) return false;
    const comesAfter = (other: Route<Interface>): boolean =>
      other.prefix.length < route.prefix.length ||
      (other.prefix.length === route.prefix.length && (other.metric ?? 0) >= (route.metric ?? 0));
    const at = this.#routes.findIndex(comesAfter);
    this.#routes.splice(at < 0 ? this.#routes.length : at, 0, route);
    return true;
  }

  /** Removes all routes for which `matches` returns true. */
  remove(matches: (route: Route<Interface>) => boolean): void {
    for (let i = this.#routes.length - 1; i >= 0; i -= 1) if (matches(this.#routes[i]!)) this.#routes.splice(i, 1);
  }

  lookup(destination: Uint8Array): Route<Interface> | undefined {
    return this.#routes.find(({ prefix }) => isInPrefix(prefix, destination));
  }
}
