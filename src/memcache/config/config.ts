/**
 * The typed configuration. Its vocabulary is routelib's, memcached's own library for proxy configurations: pools, sets of
 * pools, and routes by key prefix. Times are in seconds, as there.
 */

import type { CommandName } from "../protocol/command.ts";
import type { Route } from "../route/route.ts";
import type { OwnRouters, RouteBuilder } from "./environment.ts";

export interface BackendSettings {
  readonly label?: string;
  /**
   * A name, an address, or the absolute path of a Unix socket. `dns:NAME` stands for every address of a name, and `srv:NAME` for
   * the targets of its SRV records: the pool follows DNS.
   */
  readonly host: string;
  readonly port?: number | string;
  readonly connections?: number;
  readonly connectTimeout?: number;
  readonly readTimeout?: number;
  readonly retryTimeout?: number;
  readonly flapTime?: number;
  readonly flapBackoffRamp?: number;
  readonly flapBackoffMax?: number;
  readonly failureLimit?: number;
  readonly depthLimit?: number;
  readonly keepalive?: boolean;
  readonly tls?: boolean;
  /** The name in the backend's certificate, if that is not its host. */
  readonly tlsName?: string;
  readonly down?: boolean;
  readonly retryReads?: boolean;
}

export type BackendConfig =
  /** `host:port`, `dns:name:port` or `srv:name`, optionally followed by a label, or by `_down_`. */
  string | BackendSettings;

export interface PoolConfig {
  readonly backends: readonly BackendConfig[];
  /** Defaults for all backends of the pool. */
  readonly backendOptions?: Partial<BackendSettings>;
  readonly options?: PoolSettings;
}

export interface PoolSettings {
  readonly distribution?: "jump" | "ring";
  readonly hash?: "xxhash" | "ketama";
  readonly ringMode?: "default" | "ketama" | "twemproxy" | "evcache";
  readonly ringPoints?: number;
  readonly filter?: "tags" | "stop";
  /** The two characters of `tags`, or the text of `stop`. */
  readonly filterConf?: string;
  readonly seed?: string;
  /** Hashes base64 keys (meta flag `b`) as the bytes that they stand for. memcached hashes their text. */
  readonly decodeKeys?: boolean;
  /** Sends equal reads of a key that are under way at the same time once. */
  readonly coalesce?: boolean;
}

/** Children in order, children by zone, or the name of a set of pools (`set_…`). */
export type Children = string | readonly RouteConfig[] | Readonly<Record<string, RouteConfig>>;

/** The name of a pool, `set_name_zone` for a pool of a set, a route's description, or a route. */
export type RouteConfig = string | RouteDescription | Route;

export type RouteDescription =
  | { readonly route: "direct"; readonly child: RouteConfig }
  /** Answers with the first error, or, with `best`, only if there is nothing else. */
  | { readonly route: "allsync"; readonly children: Children; readonly best?: boolean }
  | { readonly route: "allasync" | "majority" | "random"; readonly children: Children }
  | { readonly route: "allfastest"; readonly children: Children; readonly miss?: boolean; readonly wait?: number }
  | {
      readonly route: "failover";
      readonly children: Children;
      readonly failoverCount?: number;
      readonly shuffle?: boolean;
      readonly miss?: boolean;
      readonly wait?: number;
      /** Tries the child of this zone first. */
      readonly localZone?: string;
      readonly stats?: boolean;
      readonly statsName?: string;
    }
  | {
      readonly route: "zfailover";
      readonly children: Children;
      /** Defaults to the configuration's local zone. */
      readonly localZone?: string;
      /** False if a miss of the local zone is final. */
      readonly miss?: boolean;
      readonly stats?: boolean;
      readonly statsName?: string;
      /** The whole name of the counter. */
      readonly counter?: string;
    }
  /** Stamps writes, answers when most children have them, and repairs copies that reads find to be old. */
  | {
      readonly route: "replicated";
      readonly children: Children;
      readonly stats?: boolean;
      readonly statsName?: string;
    }
  | { readonly route: "split"; readonly childA: RouteConfig; readonly childB: RouteConfig }
  | { readonly route: "ttl"; readonly ttl: number; readonly child: RouteConfig }
  | {
      readonly route: "ratelim";
      readonly child: RouteConfig;
      readonly limit: number;
      readonly fillRate: number;
      /** Milliseconds; 1000 by default. */
      readonly tickRate?: number;
      readonly failUntilLimit?: boolean;
      readonly stats?: boolean;
      readonly statsName?: string;
    }
  | { readonly route: "null" }
  /** A route of one's own. */
  | { readonly route: "custom"; readonly children: Readonly<Record<string, RouteConfig>>; readonly build: RouteBuilder }
  /** Answers with a line of text. */
  | { readonly route: "error"; readonly line: string };

/** Routes by command; `all` stands for the commands that are not named. */
export type CommandRoutes = Readonly<Partial<Record<CommandName | "all", RouteConfig>>>;

export type MapEntry = RouteConfig | { readonly commands: CommandRoutes };

export interface RouterSettings {
  readonly mode?: "prefix" | "anchor" | "pattern";
  readonly start?: string;
  readonly stop?: string;
  /** For the mode `pattern`: matches the key's beginning; its first group selects the entry. */
  readonly pattern?: RegExp;
  /** For the mode `pattern`: removes what the pattern matched from the key. */
  readonly trim?: boolean;
}

export interface RoutesConfig {
  /** Only for listeners with this tag. */
  readonly tag?: string;
  readonly conf?: RouterSettings;
  readonly map?: Readonly<Record<string, MapEntry>>;
  readonly cmap?: CommandRoutes;
  readonly default?: RouteConfig;
}

export type MultigetErrors = "line" | "key" | "miss";

export interface MemcacheConfig {
  /** Requests that may be active at a time; 0 for no limit. */
  readonly activeRequestLimit?: number;
  readonly localZone?: string;
  /**
   * What a multiget shows of a key whose backend fails: `line`, as memcached does, is an error that does not name the key; `key`
   * names it; `miss` leaves the key out, so that clients get the others.
   */
  readonly multigetErrors?: MultigetErrors;
  /** Counters that `stats proxy` shows from the beginning. */
  readonly counters?: readonly string[];
  readonly pools: Readonly<Record<string, PoolConfig | Readonly<Record<string, PoolConfig>>>>;
  /** Defaults for all backends. */
  readonly backendOptions?: Partial<BackendSettings>;
  /** Defaults for all pools. */
  readonly poolOptions?: PoolSettings;
  readonly routes: RoutesConfig | readonly RoutesConfig[] | OwnRouters;
}

/** A configuration that cannot be used. */
export class MemcacheConfigError extends Error {
  override readonly name = "MemcacheConfigError";
  readonly code = "MEMCACHE_CONFIG";
}
