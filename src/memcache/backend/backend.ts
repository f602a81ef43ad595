/**
 * A backend: one or more connections to the same server. A request takes the connection with the fewest requests under way;
 * those that arrive together share one, so that a pipeline keeps its order.
 */

import type { Instant } from "../../base/time.ts";
import type { Request } from "../protocol/request.ts";
import type { ResponseSink, Route } from "../route/route.ts";
import { BackendConnection, type ConnectionObserver } from "./connection.ts";
import type { BackendOptions } from "./options.ts";

export class Backend implements Route {
  readonly options: BackendOptions;
  readonly connections: readonly BackendConnection[];

  constructor(options: BackendOptions, maxValue: number, observer: ConnectionObserver) {
    this.options = options;
    this.connections = Array.from(
      { length: options.connections },
      () => new BackendConnection(options, maxValue, observer),
    );
  }

  get isBad(): boolean {
    return this.connections.every((connection) => connection.isBad);
  }

  open(now: Instant): void {
    for (const connection of this.connections) connection.open(now);
  }

  close(now: Instant): void {
    for (const connection of this.connections) connection.close(now);
  }

  start(request: Request, sink: ResponseSink, tag: number, now: Instant): void {
    let best = this.connections[0]!;
    for (const connection of this.connections) {
      if (best.isBad || (!connection.isBad && connection.underWay < best.underWay)) best = connection;
    }
    best.send(request, sink, tag, now);
  }
}
