/** The sites of one configuration, and the requests that are in progress with it. */

import type { ServerExchange } from "../../host/http/exchange.ts";
import { respondText } from "../../host/http/respond-text.ts";
import type { ServiceStatus } from "../operations/index.ts";
import type { Action } from "./action.ts";
import { routingPath } from "./path-pattern.ts";
import type { Route } from "./route.ts";
import type { SiteTable } from "./site-table.ts";

export interface Site {
  readonly routes: readonly Route[];
}

export class Generation {
  readonly #sites: SiteTable<Site>;
  readonly #all: readonly Site[];
  readonly acceptsTunnels: boolean;
  #active = 0;
  #onIdle: (() => void) | undefined;

  constructor(sites: SiteTable<Site>, all: readonly Site[]) {
    this.#sites = sites;
    this.#all = all;
    this.acceptsTunnels = all.some(({ routes }) =>
      routes.some(({ options }) => options.held.action.acceptsTunnels === true),
    );
  }

  handle(exchange: ServerExchange): void {
    const { onClose } = exchange;
    this.#active += 1;
    exchange.onClose = () => {
      this.#active -= 1;
      onClose?.();
      if (this.#active === 0) this.#onIdle?.();
    };
    const site = this.#sites.find(exchange.authority);
    // RFC 9110 §15.5.20: a browser may have reused a connection to another site whose certificate covers this name.
    if (site === undefined) respondText(exchange, 421, "this server has no such site");
    else answer(site, exchange);
  }

  /** Tells its actions that they are to end: those that `next` does not go on with, if there is a next one. */
  drain(next?: Generation): void {
    const kept = next === undefined ? new Set<Action>() : next.#actions();
    for (const action of this.#actions()) if (!kept.has(action)) action.drain?.();
  }

  /** Resolves when the last request has ended, and what only this configuration used is closed. */
  async retire(): Promise<void> {
    if (this.#active > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.release();
  }

  async release(): Promise<void> {
    await Promise.all(this.#all.flatMap(({ routes }) => routes.map(({ options }) => options.held.release())));
  }

  /** The origins of all proxies; an action that several routes share counts once. */
  status(): ServiceStatus {
    return { origins: [...this.#actions()].flatMap((action) => action.status?.().origins ?? []) };
  }

  #actions(): Set<Action> {
    return new Set(this.#all.flatMap(({ routes }) => routes.map(({ options }) => options.held.action)));
  }

  async settled(): Promise<void> {
    await Promise.all(this.#all.flatMap(({ routes }) => routes.map(({ options }) => options.held.action.settled?.())));
  }
}

function answer({ routes }: Site, exchange: ServerExchange): void {
  const pathname = routingPath(exchange.path);
  const method = methodOf(exchange);
  const allowed = new Set<string>();
  for (const route of routes) {
    const groups = route.match(pathname);
    if (groups === undefined) continue;
    if (route.allows(method)) {
      route.handle(exchange, groups);
      return;
    }
    for (const each of route.options.methods!) allowed.add(each);
  }
  if (allowed.size === 0) respondText(exchange, 404);
  else respondText(exchange, 405, undefined, [["allow", [...allowed].join(", ")]]); // RFC 9110 §15.5.6
}

/** An extended CONNECT (RFC 8441 §4) is what an upgrade is in HTTP/1.1, which is a GET. */
const methodOf = ({ method, tunnelOffer }: ServerExchange): string =>
  method === "CONNECT" && tunnelOffer?.protocol !== undefined ? "GET" : method;
