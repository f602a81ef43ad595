/** Files with handlers of their own: those that use memcached's core API, and routes of routelib's that a file adds. */

import type { MemcacheConfig, PoolConfig, RouteConfig } from "../../../memcache/config/config.ts";
import type { BuildEnvironment } from "../../../memcache/config/environment.ts";
import type { LuaInterpreter } from "./interpreter.ts";
import { LuaRoute, type LuaRuntime } from "./runtime.ts";
import { type Collected, type Json, poolOf, table } from "./tables.ts";

/** The configuration of a file that defines mcp_config_pools and mcp_config_routes. */
export function coreConfig(
  { core, stats }: Collected,
  interpreter: LuaInterpreter,
): Pick<MemcacheConfig, "pools" | "routes"> {
  const listed = (Array.isArray(core) ? (core as readonly Json[]) : []).map(table);
  const pools = Object.fromEntries(listed.map((pool) => [String(pool.index), poolOf(pool)] as [string, PoolConfig]));
  const { runtime } = interpreter;
  return {
    pools,
    routes: {
      build(built, environment) {
        for (const [name, pool] of built) runtime.setRoute(Number(name), pool);
        setCounters(runtime, stats, environment);
        const tags = new Set(["", ...interpreter.attach()]);
        return new Map(
          Array.from(tags, (tag) => [tag, new LuaRoute(runtime, environment, { tag, generator: 0 })] as const),
        );
      },
    },
  };
}

/** A route whose handler is a generator in Lua; its parts are named by the numbers that Lua calls them. */
export function luaRoute(
  runtime: LuaRuntime,
  generator: number,
  children: Readonly<Record<string, RouteConfig>>,
  stats: Json | undefined,
): RouteConfig {
  return {
    route: "custom",
    children,
    build(built, environment) {
      for (const [name, route] of built) runtime.setRoute(Number(name), route);
      setCounters(runtime, stats, environment);
      return new LuaRoute(runtime, environment, { tag: "", generator });
    },
  };
}

function setCounters(runtime: LuaRuntime, stats: Json | undefined, { counters }: BuildEnvironment): void {
  if (!Array.isArray(stats)) return;
  for (const each of stats as readonly Json[]) {
    const { index, name } = table(each);
    runtime.setCounter(Number(index), String(name), counters);
  }
}
