/** What a route does with a request. */

import type { ServerExchange } from "../../host/http/exchange.ts";
import type { Service } from "../running-server.ts";
import type { PathGroups } from "./path-pattern.ts";

/** A service that also gets what the groups of the path matched. */
export interface Action extends Omit<Service, "handle"> {
  handle(exchange: ServerExchange, groups: PathGroups): void;
}
