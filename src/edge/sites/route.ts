/** A route: the requests that it answers, and what modifies them on the way to its action. */

import type { ServerExchange } from "../../host/http/exchange.ts";
import type { FieldLine } from "../../http/index.ts";
import { LimitedExchange, refuseAnnounced } from "../modifiers/body-limit.ts";
import { CompressedExchange, type CompressionSettings } from "../modifiers/compression.ts";
import { HintedExchange, type RouteHints } from "../modifiers/hints.ts";
import { refuseAboveLimit } from "../modifiers/limit.ts";
import { NoticedExchange, type RouteNotice } from "../modifiers/notice.ts";
import { WithoutPrefix } from "../modifiers/prefix.ts";
import { FieldsExchange } from "../modifiers/response-fields.ts";
import type { Limits } from "../operations/limits/limits.ts";
import type { TrustedProxies } from "../trusted-proxies.ts";
import type { HeldAction } from "./action-store.ts";
import type { PathGroups, PathPattern } from "./path-pattern.ts";

export interface RouteOptions {
  readonly path: PathPattern;
  /** Undefined for all. */
  readonly methods: ReadonlySet<string> | undefined;
  readonly held: HeldAction;
  /** Of the site and of the route. */
  readonly headers: readonly FieldLine[];
  readonly stripPrefix: string | undefined;
  readonly compression: CompressionSettings | undefined;
  /** In bytes. */
  readonly maxBodySize: number | undefined;
  readonly limits: Limits | undefined;
  readonly notice: RouteNotice | undefined;
  readonly hints: RouteHints | undefined;
  /** Those in front of the whole server, behind which `limits` finds clients. */
  readonly proxies: TrustedProxies;
}

export class Route {
  readonly options: RouteOptions;
  readonly #names: ReadonlySet<string>;

  constructor(options: RouteOptions) {
    this.options = options;
    this.#names = new Set(options.headers.map(([name]) => name));
  }

  match(pathname: string): PathGroups | undefined {
    return this.options.path.match(pathname);
  }

  allows(method: string): boolean {
    const { methods } = this.options;
    return methods === undefined || methods.has(method) || (method === "HEAD" && methods.has("GET"));
  }

  handle(given: ServerExchange, groups: PathGroups): void {
    const { held, headers, stripPrefix, compression, maxBodySize, limits, notice, hints, proxies } = this.options;
    let exchange = given;
    if (headers.length > 0) exchange = new FieldsExchange(exchange, headers, this.#names);
    if (notice !== undefined) {
      exchange.route = this.options.path.text;
      if (notice.refuses(exchange, Date.now())) return;
      exchange = new NoticedExchange(exchange, notice);
    }
    if (hints !== undefined) exchange = new HintedExchange(exchange, hints);
    if (limits !== undefined && refuseAboveLimit(exchange, limits, proxies)) return;
    if (maxBodySize !== undefined) {
      if (refuseAnnounced(exchange, maxBodySize)) return;
      if (exchange.body.state === "open") exchange = new LimitedExchange(exchange, maxBodySize);
    }
    if (compression !== undefined) exchange = new CompressedExchange(exchange, compression);
    if (stripPrefix !== undefined) exchange = new WithoutPrefix(exchange, stripPrefix);
    held.action.handle(exchange, groups);
  }
}
