/**
 * Backends that DNS names: `dns:NAME:PORT` stands for every address of a name, `srv:NAME` for every target of its SRV records
 * (RFC 2782). Which servers these are is found out elsewhere; here a configuration says what it needs, and takes the answers.
 */

import { parseBackend } from "./backends.ts";
import {
  type BackendConfig,
  type BackendSettings,
  type MemcacheConfig,
  MemcacheConfigError,
  type PoolConfig,
} from "./config.ts";

export interface DiscoveredName {
  readonly kind: "dns" | "srv";
  /** As it is written; it may be relative. */
  readonly name: string;
}

/** A server that a name stands for. */
export interface Endpoint {
  readonly host: string;
  /** Of SRV records; otherwise the configuration has it. */
  readonly port?: number;
}

/** By the name as `keyOf` writes it. */
export type Discovered = ReadonlyMap<string, readonly Endpoint[]>;

export const keyOf = ({ kind, name }: DiscoveredName): string => `${kind}:${name.toLowerCase()}`;

/** The names that a configuration's pools need, each once. Throws a `MemcacheConfigError`. */
export function discoveredNames(config: MemcacheConfig): readonly DiscoveredName[] {
  const names = new Map<string, DiscoveredName>();
  for (const pool of poolsOf(config)) {
    for (const backend of listOf(pool)) {
      const name = nameOf(backend);
      if (name !== undefined) names.set(keyOf(name), name);
    }
  }
  return [...names.values()];
}

/** The configuration with servers in the place of names. Servers are in order, so that all proxies spread keys alike. */
export function withServers(config: MemcacheConfig, servers: Discovered): MemcacheConfig {
  const pools = Object.entries(config.pools).map(([name, pool]) => [
    name,
    isPool(pool)
      ? expand(pool, servers)
      : Object.fromEntries(Object.entries(pool).map(([zone, each]) => [zone, expand(each, servers)])),
  ]);
  return { ...config, pools: Object.fromEntries(pools) };
}

function expand(pool: PoolConfig, servers: Discovered): PoolConfig {
  const backends = listOf(pool).flatMap((backend): readonly BackendConfig[] => {
    const name = nameOf(backend);
    if (name === undefined) return [backend];
    const settings: Partial<BackendSettings> = typeof backend === "string" ? parseBackend(backend) : backend;
    const { label: _, ...rest } = settings;
    return [...(servers.get(keyOf(name)) ?? [])].sort(inOrder).map(({ host, port }) => ({
      ...rest,
      host,
      ...(port === undefined ? {} : { port }),
      // RFC 6125 §6.2.1: certificates are for the name that was configured, not for an address that DNS gave.
      ...(name.kind === "dns" ? { tlsName: name.name.replace(/\.$/, "") } : {}),
    }));
  });
  return { ...pool, backends };
}

function inOrder(a: Endpoint, b: Endpoint): number {
  if (a.host !== b.host) return a.host < b.host ? -1 : 1;
  return (a.port ?? 0) - (b.port ?? 0);
}

/** The name that a backend's host is, if it is one to follow. */
function nameOf(backend: BackendConfig): DiscoveredName | undefined {
  const { host } = typeof backend === "string" ? parseBackend(backend) : backend;
  const [, kind, name] = /^(dns|srv):(.*)$/.exec(typeof host === "string" ? host : "") ?? [];
  if (kind === undefined) return undefined;
  if (name === "" || name === undefined) throw new MemcacheConfigError(`"${kind}:" needs a name`);
  return { kind: kind as DiscoveredName["kind"], name };
}

const isPool = (pool: PoolConfig | Readonly<Record<string, PoolConfig>>): pool is PoolConfig =>
  Array.isArray(pool.backends);

const listOf = ({ backends }: PoolConfig): readonly BackendConfig[] => (Array.isArray(backends) ? backends : []);

const poolsOf = ({ pools }: MemcacheConfig): readonly PoolConfig[] =>
  Object.values(pools).flatMap((pool) => (isPool(pool) ? [pool] : Object.values(pool)));
