/**
 * The library `simple`: pools by key prefix, which is removed from the key, and zones. Writes go to all zones; a read goes
 * to the local zone, and after a miss to all others.
 */

import {
  type CommandRoutes,
  type MemcacheConfig,
  MemcacheConfigError,
  type PoolConfig,
  type RouteConfig,
} from "../../../memcache/config/config.ts";
import type { CommandName } from "../../../memcache/protocol/command.ts";
import { luaPattern } from "./pattern.ts";
import { type Collected, mapValues, poolOf, type Table, table } from "./tables.ts";

const COUNTER = "simple_failovers";
const DEFAULT_PATTERN = "/(%a+)/";
const WRITES: readonly CommandName[] = ["add", "set", "delete", "append", "prepend", "incr", "decr", "ms", "md"];

export function simpleConfig({ simple, local_zone: zone }: Collected): Omit<MemcacheConfig, "backendOptions"> {
  const {
    router_type = "keyprefix",
    match_prefix = DEFAULT_PATTERN,
    prefix_trim = true,
    default_pool,
  } = simple.router ?? {};
  const named = Object.entries(table(simple.pools)).map(([name, pool]) => ({ name, pool: table(pool) }));
  const pools: Record<string, PoolConfig | Record<string, PoolConfig>> = {};
  const routes: Record<string, RouteConfig | { commands: CommandRoutes }> = {};
  for (const { name, pool } of named) {
    if (zone === undefined || pool.zones === undefined) {
      pools[`pool ${name}`] = distributed(pool.backends, pool);
      routes[name] = `pool ${name}`;
      continue;
    }
    const zones = table(pool.zones);
    if (zones[zone] === undefined) throw new MemcacheConfigError(`pool: ${name} missing local zone: ${zone}`);
    const set = `set_${name}`;
    pools[set] = mapValues(zones, (backends) => distributed(backends, pool));
    routes[name] = { commands: zoned(set, zone) };
  }
  if (router_type === "flat") {
    const only = routes.default;
    if (only === undefined) throw new MemcacheConfigError("router_type: flat requires pool with name 'default'");
    const isZoned = typeof only === "object" && "commands" in only;
    const { all, ...byCommand } = isZoned ? only.commands : { all: only as RouteConfig };
    return { pools, counters: [COUNTER], routes: { cmap: byCommand, ...(all === undefined ? {} : { default: all }) } };
  }
  if (router_type !== "keyprefix") throw new MemcacheConfigError(`unknown router type: ${String(router_type)}`);
  const fallback = typeof default_pool === "string" ? routes[default_pool] : undefined;
  return {
    pools,
    counters: [COUNTER],
    routes: {
      conf: { mode: "pattern", pattern: luaPattern(`^${String(match_prefix)}`), trim: prefix_trim === true },
      map: routes,
      default: (fallback as RouteConfig | undefined) ?? { route: "error", line: "SERVER_ERROR no route" },
    },
  };
}

function distributed(backends: Table[string], { distributor }: Table): PoolConfig {
  return poolOf({ backends, ...(distributor === undefined ? {} : { options: distributor }) });
}

function zoned(set: string, localZone: string): CommandRoutes {
  const all: RouteConfig = { route: "allsync", children: set, best: true };
  const read: RouteConfig = { route: "zfailover", children: set, localZone, counter: COUNTER };
  return { ...Object.fromEntries(WRITES.map((command) => [command, all])), all: read };
}
