/**
 * The routes of one path: the active one, on which it sends, and those on which packets may still arrive or be
 * acknowledged.
 */

import { type SocketAddress, sameAddress } from "../../base/datagrams.ts";
import type { Route } from "./route.ts";

/** The maximum number of routes, for a peer that keeps changing its address. */
export const MAX_ROUTES = 4;

export class Routes {
  #active: Route;
  #all: readonly Route[];

  constructor(first: Route) {
    this.#active = first;
    this.#all = [first];
  }

  /** The route on which packets are sent. */
  get active(): Route {
    return this.#active;
  }

  get all(): readonly Route[] {
    return this.#all;
  }

  /** The route between two addresses; undefined if there is none. A route without a local address matches any. */
  find(local: SocketAddress, remote: SocketAddress): Route | undefined {
    let anywhere: Route | undefined;
    for (const route of this.#all) {
      if (!sameAddress(route.remote, remote)) continue;
      if (route.local === undefined) anywhere ??= route;
      else if (sameAddress(route.local, local)) return route;
    }
    return anywhere;
  }

  /**
   * Adds a route. If there are too many, drops another one: the oldest that is idle, or the oldest at all, whose packets in
   * flight are lost. The active route and `kept` stay.
   */
  add(route: Route, kept?: Route): void {
    let all = this.#all;
    if (all.length >= MAX_ROUTES) {
      const { controller } = this.#active;
      const isIdle = (other: Route): boolean => other.controller === controller || other.controller.bytesInFlight === 0;
      const spare = all.filter((other) => other !== this.#active && other !== kept);
      const dropped = spare.find(isIdle) ?? spare[0];
      all = all.filter((other) => other !== dropped);
    }
    this.#all = [...all, route];
  }

  /** Forgets a route other than the active one. */
  remove(route: Route): void {
    if (route !== this.#active) this.#all = this.#all.filter((other) => other !== route);
  }

  /** Sends on this route from now on (RFC 9000 §9.3). It must be one of `all`. */
  activate(route: Route): void {
    if (!this.#all.includes(route)) throw new RangeError("the route does not belong to this path");
    this.#active = route;
  }
}
