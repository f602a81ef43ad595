/** The routes of one path: the active one, by which it sends, and those that packets may still arrive by or be acknowledged for. */

import { type SocketAddress, sameAddress } from "../../base/datagrams.ts";
import type { Route } from "./route.ts";

/** A peer that changes its address again and again makes no more routes than this. */
export const MAX_ROUTES = 4;

export class Routes {
  #active: Route;
  #all: readonly Route[];

  constructor(first: Route) {
    this.#active = first;
    this.#all = [first];
  }

  /** Packets are sent by this one. */
  get active(): Route {
    return this.#active;
  }

  get all(): readonly Route[] {
    return this.#all;
  }

  /** The route between two addresses; undefined when there is none. */
  find(local: SocketAddress, remote: SocketAddress): Route | undefined {
    for (const route of this.#all) if (isBetween(route, local, remote)) return route;
    return undefined;
  }

  /** The oldest route that nothing is in flight on makes room; false when there is none. */
  add(route: Route): boolean {
    let all = this.#all;
    if (all.length >= MAX_ROUTES) {
      const idle = all.find((other) => other !== this.#active && other.controller.bytesInFlight === 0);
      if (idle === undefined) return false;
      all = all.filter((other) => other !== idle);
    }
    this.#all = [...all, route];
    return true;
  }

  /** From now on packets leave by this route (RFC 9000 §9.3). It must be one of `all`. */
  activate(route: Route): void {
    if (!this.#all.includes(route)) throw new RangeError("the route is not one of this path");
    this.#active = route;
  }
}

/** A route without a local address takes what arrives at any. */
const isBetween = (route: Route, local: SocketAddress, remote: SocketAddress): boolean =>
  sameAddress(route.remote, remote) && (route.local === undefined || sameAddress(route.local, local));
