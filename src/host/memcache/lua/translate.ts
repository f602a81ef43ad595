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
import type { LuaInterpreter } from "./interpreter.ts";
import { coreConfig, luaRoute } from "./own.ts";
import type { LuaRuntime } from "./runtime.ts";
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

export function translate(collected: Collected, interpreter: LuaInterpreter): MemcacheConfig {
  const common = settingsOf(table(collected.settings));
  if (collected.core !== undefined) return { ...common, ...coreConfig(collected, interpreter) };
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
    routes: routes.map(([tag, set]) => new Translator(collected, interpreter.runtime).routesOf(tag, table(set))),
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

/** Translates trees of routes. */
class Translator {
  readonly #stats: Json | undefined;
  readonly #runtime: LuaRuntime;

  constructor({ stats }: Collected, runtime: LuaRuntime) {
    this.#stats = stats;
    this.#runtime = runtime;
  }

  routesOf(tag: string, { conf, map, cmap, default: fallback }: Table): RoutesConfig {
    if (map === undefined && cmap === undefined && fallback === undefined) {
      throw new MemcacheConfigError("must pass map or cmap to a router");
    }
    return {
      ...(tag === "" ? {} : { tag }),
      ...(conf === undefined ? {} : { conf: table(conf) as RoutesConfig["conf"] & object }),
      ...(map === undefined ? {} : { map: mapValues(table(map), (entry) => this.#entry(entry)) }),
      ...(cmap === undefined ? {} : { cmap: this.#commands(table(cmap)) }),
      ...(fallback === undefined ? {} : { default: this.#route(fallback) }),
    };
  }

  #entry(value: Json): MapEntry {
    if (typeof value === "string") return value;
    const { route, commands } = table(value);
    if (route !== undefined) return this.#route(value);
    return { commands: this.#commands(table(commands ?? value)) };
  }

  #commands(commands: Table): CommandRoutes {
    return mapValues(commands, (route) => this.#route(route));
  }

  #route(value: Json): RouteConfig {
    if (typeof value === "string") return value;
    const { route, arguments: given } = table(value);
    if (typeof route !== "string") throw new MemcacheConfigError("a route is expected, such as route_direct{}");
    if (route === "lua") {
      const { generator, parts } = table(given);
      const children = mapValues(table(parts), (child) => this.#route(child));
      return luaRoute(this.#runtime, Number(generator), children, this.#stats);
    }
    const translated: Record<string, unknown> = { route };
    for (const [name, argument] of Object.entries(table(given))) {
      const ours = ARGUMENT_NAMES[name] ?? name;
      if (name === "children") translated[ours] = this.#children(argument!);
      else if (name.startsWith("child")) translated[ours] = this.#route(argument!);
      else translated[ours] = argument;
    }
    return translated as unknown as RouteConfig;
  }

  #children(value: Json): Children {
    if (typeof value === "string") return value;
    if (Array.isArray(value)) return value.map((child: Json) => this.#route(child));
    return mapValues(table(value), (child) => this.#route(child));
  }
}
