/** The memcached proxy: protocols, distribution, routes, and the machine that joins them. */

/** A connection to a backend, without a socket. */
export { BackendConnection } from "./backend/connection.ts";
/** From a configuration to a plan. */
export { buildPlan } from "./config/build.ts";
export {
  type BackendConfig,
  type BackendSettings,
  type Children,
  type CommandRoutes,
  type MapEntry,
  type MemcacheConfig,
  MemcacheConfigError,
  type PoolConfig,
  type PoolSettings,
  type RouteConfig,
  type RouteDescription,
  type RoutesConfig,
} from "./config/config.ts";
export { type DiscoveredName, discoveredNames, type Endpoint, keyOf, withServers } from "./config/discovery.ts";
export type { BuildEnvironment, OwnRouters, RouteBuilder } from "./config/environment.ts";
/** Distribution of keys. */
export { jumpHash } from "./hash/jump.ts";
export { ketamaHash, Ring, type RingMode, type RingServer } from "./hash/ring.ts";
export { type Hash64, xxh3 } from "./hash/xxh3.ts";
/** The protocols. */
export { COMMANDS, type Command, type CommandName } from "./protocol/command.ts";
export { parseRequest, Request } from "./protocol/request.ts";
export { Response, ResponseReader } from "./protocol/response.ts";
/** The machine. */
export { type BackendEvent, MemcacheProxy, type Plan } from "./proxy/proxy.ts";
export type { ResponseSink, Route } from "./route/route.ts";
