/** From what a Lua file declared to the typed configuration. The names on the left are routelib's and simple's. */

import {
  type BackendSettings,
  type Children,
  type CommandRoutes,
  type MapEntry,
  type MemcacheConfig,
  MemcacheConfigError,
  type RouteConfig,
  type RoutesConfig,
} from "../../../memcache/config/config.ts";
import { simpleConfig } from "./simple.ts";
import {
  BACKEND_NAMES,
  type Collected,
  type Json,
  mapValues,
  poolOf,
  poolSettings,
  renamed,
  type Table,
  table,
} from "./tables.ts";

export function translate(collected: Collected): MemcacheConfig {
  const common = settingsOf(table(collected.settings));
  if (collected.uses_simple === true) return { ...common, ...simpleConfig(collected) };
  const routes = Object.entries(table(collected.routes));
  if (routes.length === 0) throw new MemcacheConfigError("missing routes{} section");
  return {
    ...common,
    ...(collected.local_zone === undefined ? {} : { localZone: collected.local_zone }),
    pools: Object.fromEntries(
      Object.entries(table(collected.pools)).map(([name, pool]) => [
        name,
        name.startsWith("set_") ? mapValues(table(pool), (each) => poolOf(table(each))) : poolOf(table(pool)),
      ]),
    ),
    routes: routes.map(([tag, set]) => routesOf(tag, table(set))),
  };
}

/** Names of settings, of routelib and of the mcp object. */
const SETTING_NAMES: Readonly<Record<string, keyof BackendSettings>> = {
  backend_connect_timeout: "connectTimeout",
  backend_read_timeout: "readTimeout",
  backend_retry_timeout: "retryTimeout",
  backend_retry_waittime: "retryTimeout",
  backend_failure_limit: "failureLimit",
  backend_depth_limit: "depthLimit",
  backend_flap_time: "flapTime",
  backend_flap_backoff_ramp: "flapBackoffRamp",
  backend_flap_backoff_max: "flapBackoffMax",
  backend_use_tls: "tls",
  tcp_keepalive: "keepalive",
};

function settingsOf(settings: Table): Pick<MemcacheConfig, "backendOptions" | "poolOptions" | "activeRequestLimit"> {
  const { active_req_limit, active_request_limit, backend_options, pool_options } = settings;
  const limit = active_req_limit ?? active_request_limit;
  return {
    backendOptions: {
      ...renamed(settings, SETTING_NAMES),
      ...(backend_options === undefined ? {} : renamed(table(backend_options), BACKEND_NAMES)),
    },
    ...(pool_options === undefined ? {} : { poolOptions: poolSettings(table(pool_options)) }),
    ...(typeof limit === "number" ? { activeRequestLimit: limit } : {}),
  };
}

function routesOf(tag: string, { conf, map, cmap, default: fallback }: Table): RoutesConfig {
  if (map === undefined && cmap === undefined && fallback === undefined) {
    throw new MemcacheConfigError("must pass map or cmap to a router");
  }
  return {
    ...(tag === "" ? {} : { tag }),
    ...(conf === undefined ? {} : { conf: table(conf) as RoutesConfig["conf"] & object }),
    ...(map === undefined ? {} : { map: mapValues(table(map), entryOf) }),
    ...(cmap === undefined ? {} : { cmap: commandsOf(table(cmap)) }),
    ...(fallback === undefined ? {} : { default: routeOf(fallback) }),
  };
}

function entryOf(value: Json): MapEntry {
  if (typeof value === "string") return value;
  const { route, commands } = table(value);
  if (route !== undefined) return routeOf(value);
  return { commands: commandsOf(table(commands ?? value)) };
}

const commandsOf = (commands: Table): CommandRoutes => mapValues(commands, routeOf);

/** Arguments whose names differ. */
const ARGUMENT_NAMES: Readonly<Record<string, string>> = {
  child_a: "childA",
  child_b: "childB",
  failover_count: "failoverCount",
  local_zone: "localZone",
  stats_name: "statsName",
  fillrate: "fillRate",
  tickrate: "tickRate",
  fail_until_limit: "failUntilLimit",
};

function routeOf(value: Json): RouteConfig {
  if (typeof value === "string") return value;
  const { route, arguments: given } = table(value);
  if (typeof route !== "string") throw new MemcacheConfigError("a route is expected, such as route_direct{}");
  const translated: Record<string, unknown> = { route };
  for (const [name, argument] of Object.entries(table(given))) {
    const ours = ARGUMENT_NAMES[name] ?? name;
    if (name === "children") translated[ours] = childrenOf(argument!);
    else if (name.startsWith("child")) translated[ours] = routeOf(argument!);
    else translated[ours] = argument;
  }
  return translated as unknown as RouteConfig;
}

function childrenOf(value: Json): Children {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(routeOf);
  return mapValues(table(value), routeOf);
}
