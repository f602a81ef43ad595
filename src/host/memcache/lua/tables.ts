/** Tables that came from Lua, and what both libraries declare alike: pools and backends. */

import {
  type BackendConfig,
  type BackendSettings,
  MemcacheConfigError,
  type PoolConfig,
  type PoolSettings,
} from "../../../memcache/config/config.ts";

export type Json = string | number | boolean | readonly Json[] | Table;
export interface Table {
  readonly [name: string]: Json | undefined;
}

/** What the prelude collects. */
export interface Collected {
  readonly pools: Table;
  readonly routes: Table;
  readonly settings: Table;
  readonly simple: { readonly pools: Table; readonly router?: Table };
  readonly uses_simple?: boolean;
  readonly local_zone?: string;
  /** The pools of a file that uses memcached's core API. */
  readonly core?: Json;
  /** True if some routes have handlers in Lua. */
  readonly has_handlers?: boolean;
  /** Counters of handlers. */
  readonly stats?: Json;
}

/** An empty table in Lua is a list and a map. */
export function table(value: unknown): Table {
  if (typeof value !== "object" || value === null || (Array.isArray(value) && value.length > 0)) {
    throw new MemcacheConfigError(`a table with names is expected, not ${JSON.stringify(value)}`);
  }
  return Array.isArray(value) ? {} : (value as Table);
}

export const mapValues = <To>(from: Table, to: (value: Json) => To): Record<string, To> =>
  Object.fromEntries(Object.entries(from).map(([name, value]) => [name, to(value!)]));

/** Names of backend options in Lua, and ours. */
export const BACKEND_NAMES: Readonly<Record<string, keyof BackendSettings>> = {
  label: "label",
  host: "host",
  port: "port",
  connections: "connections",
  connecttimeout: "connectTimeout",
  readtimeout: "readTimeout",
  retrytimeout: "retryTimeout",
  retrywaittime: "retryTimeout",
  flaptime: "flapTime",
  flapbackofframp: "flapBackoffRamp",
  flapbackoffmax: "flapBackoffMax",
  failurelimit: "failureLimit",
  depthlimit: "depthLimit",
  keepalive: "keepalive",
  tcpkeepalive: "keepalive",
  tls: "tls",
  down: "down",
};

export function renamed(from: Table, names: Readonly<Record<string, keyof BackendSettings>>): Partial<BackendSettings> {
  const found = Object.entries(from).filter(([name]) => Object.hasOwn(names, name));
  return Object.fromEntries(found.map(([name, value]) => [names[name], value])) as Partial<BackendSettings>;
}

export function poolOf({ backends, backend_options, options }: Table): PoolConfig {
  if (!Array.isArray(backends)) throw new MemcacheConfigError("a pool has no list of backends");
  return {
    backends: backends.map((each: Json) =>
      typeof each === "string" ? each : renamed(table(each), BACKEND_NAMES),
    ) as BackendConfig[],
    ...(backend_options === undefined ? {} : { backendOptions: renamed(table(backend_options), BACKEND_NAMES) }),
    ...(options === undefined ? {} : { options: poolSettings(table(options)) }),
  };
}

export function poolSettings({ dist, hash, filter, filter_conf, seed, omode, obuckets }: Table): PoolSettings {
  const isRing = typeof dist === "object";
  return {
    ...(dist === undefined ? {} : { distribution: isRing ? ("ring" as const) : (dist as "jump") }),
    ...(hash === undefined ? {} : { hash: hash as "xxhash" }),
    ...(omode === undefined ? {} : { ringMode: omode as "default" }),
    ...(typeof obuckets === "number" ? { ringPoints: obuckets } : {}),
    ...(filter === undefined ? {} : { filter: filter as "tags" }),
    ...(filter_conf === undefined ? {} : { filterConf: String(filter_conf) }),
    ...(seed === undefined ? {} : { seed: String(seed) }),
  };
}
