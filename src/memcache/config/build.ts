/** Builds the plan that the proxy follows from a configuration. Nothing is in force until all of it has been built. */

import { millis } from "../../base/time.ts";
import type { Backend } from "../backend/backend.ts";
import { type BackendOptions, backendKey } from "../backend/options.ts";
import { COMMANDS, type Command, type CommandName } from "../protocol/command.ts";
import type { Plan } from "../proxy/proxy.ts";
import { CoalescingRoute } from "../route/coalesce.ts";
import { FailoverRoute, ZoneFailoverRoute } from "../route/failover.ts";
import { AllAsyncRoute, AllFastestRoute, AllSyncRoute, MajorityRoute, SplitRoute } from "../route/fan-out.ts";
import { NullRoute } from "../route/null.ts";
import { Pool } from "../route/pool.ts";
import { ReplicatedRoute, StampClock } from "../route/replicated.ts";
import type { Route } from "../route/route.ts";
import { type CommandMap, type RequestRouter, Router, type RouterMode } from "../route/router.ts";
import { ErrorRoute, RandomRoute, RateLimitRoute, TokenBucket, TrimRoute, TtlRoute } from "../route/small.ts";
import { backendOptions, poolOptions, secondsOf } from "./backends.ts";
import {
  type Children,
  type CommandRoutes,
  type MapEntry,
  type MemcacheConfig,
  MemcacheConfigError,
  type PoolConfig,
  type RouteConfig,
  type RouteDescription,
  type RoutesConfig,
} from "./config.ts";
import type { BuildEnvironment } from "./environment.ts";

type PoolSet = ReadonlyMap<string, Pool>;

/** Where a route stands: the names of its counters derive from it. */
interface Place {
  readonly label: string;
}

export function buildPlan(config: MemcacheConfig, environment: BuildEnvironment): Plan {
  return new PlanBuilder(config, environment).build();
}

/** Creates backends and pools; backends with equal options are one. */
export class PoolBuilder {
  readonly #environment: BuildEnvironment;
  readonly #config: Pick<MemcacheConfig, "backendOptions" | "poolOptions">;
  readonly #backends = new Map<string, Backend>();

  constructor(config: Pick<MemcacheConfig, "backendOptions" | "poolOptions">, environment: BuildEnvironment) {
    this.#config = config;
    this.#environment = environment;
  }

  get backends(): readonly Backend[] {
    return [...this.#backends.values()];
  }

  build(name: string, config: PoolConfig): Pool {
    if (!Array.isArray(config.backends)) throw new MemcacheConfigError(`the pool ${name} has no list of backends`);
    const defaults = { ...this.#config.backendOptions, ...config.backendOptions };
    const backends = config.backends.map((each) => this.#backend(backendOptions(each, defaults)));
    return new Pool(name, backends, poolOptions({ ...this.#config.poolOptions, ...config.options }));
  }

  #backend(options: BackendOptions): Backend {
    const key = backendKey(options);
    let backend = this.#backends.get(key);
    if (backend === undefined) {
      backend = this.#environment.backendFor(options);
      this.#backends.set(key, backend);
    }
    return backend;
  }
}

class PlanBuilder {
  readonly #config: MemcacheConfig;
  readonly #environment: BuildEnvironment;
  readonly #poolBuilder: PoolBuilder;
  readonly #pools = new Map<string, Pool>();
  readonly #sets = new Map<string, PoolSet>();
  readonly #stamps: StampClock;
  readonly #coalescing = new Map<Pool, CoalescingRoute>();

  constructor(config: MemcacheConfig, environment: BuildEnvironment) {
    this.#config = config;
    this.#environment = environment;
    this.#poolBuilder = new PoolBuilder(config, environment);
    this.#stamps = new StampClock(() => environment.date());
  }

  build(): Plan {
    for (const [name, pool] of Object.entries(this.#config.pools)) this.#addPool(name, pool);
    const { routes, activeRequestLimit = 0, multigetErrors = "line", counters = [] } = this.#config;
    if (!["line", "key", "miss"].includes(multigetErrors)) {
      throw new MemcacheConfigError(`multigetErrors is "${multigetErrors}": use line, key or miss`);
    }
    for (const name of counters) this.#environment.counters.counter(name);
    return { routers: this.#routers(routes), backends: this.#poolBuilder.backends, activeRequestLimit, multigetErrors };
  }

  #routers(routes: MemcacheConfig["routes"]): ReadonlyMap<string, RequestRouter> {
    if ("build" in routes) return routes.build(this.#pools, this.#environment);
    const list = Array.isArray(routes) ? (routes as readonly RoutesConfig[]) : [routes as RoutesConfig];
    if (list.length === 0) throw new MemcacheConfigError("there are no routes");
    return new Map(list.map((each) => [each.tag ?? "", this.#router(each)]));
  }

  #addPool(name: string, config: PoolConfig | Readonly<Record<string, PoolConfig>>): void {
    if (name === "internal") throw new MemcacheConfigError('the pool name "internal" is reserved');
    if (!name.startsWith("set_")) {
      this.#pools.set(name, this.#poolBuilder.build(name, config as PoolConfig));
      return;
    }
    const set = new Map<string, Pool>();
    for (const [zone, pool] of Object.entries(config as Record<string, PoolConfig>)) {
      set.set(zone, this.#poolBuilder.build(`${name}_${zone}`, pool));
    }
    this.#sets.set(name, set);
  }

  #router({ conf, map = {}, cmap = {}, default: fallback }: RoutesConfig): Router {
    const entries = new Map<string, CommandMap>();
    for (const [key, entry] of Object.entries(map)) {
      entries.set(key, trimmed(this.#entry(key, entry), conf?.trim === true ? conf.pattern : undefined));
    }
    return new Router({
      mode: routerMode(conf),
      map: entries,
      commands: this.#commands(cmap, "cmdmap").byCommand,
      fallback: fallback === undefined ? undefined : this.#route(fallback, { label: "default" }),
    });
  }

  #entry(label: string, entry: MapEntry): CommandMap {
    if (typeof entry === "object" && "commands" in entry) return this.#commands(entry.commands, label);
    return { byCommand: new Map(), all: this.#route(entry, { label }) };
  }

  #commands(commands: CommandRoutes, label: string): CommandMap {
    const byCommand = new Map<Command, Route>();
    let all: Route | undefined;
    for (const [name, route] of Object.entries(commands)) {
      const built = this.#route(route, { label });
      if (name === "all") all = built;
      else if (Object.hasOwn(COMMANDS, name)) byCommand.set(COMMANDS[name as CommandName], built);
      else throw new MemcacheConfigError(`there is no command "${name}"`);
    }
    return { byCommand, all };
  }

  #route(config: RouteConfig, place: Place): Route {
    if (typeof config === "string") return this.#pool(config);
    if ("start" in config) return config;
    return this.#describedRoute(config, place);
  }

  #describedRoute(config: RouteDescription, place: Place): Route {
    const { alarms } = this.#environment;
    switch (config.route) {
      case "direct":
        return this.#route(config.child, place);
      case "allsync":
        return new AllSyncRoute(this.#children(config.children, place), config.best ?? false);
      case "majority":
        return new MajorityRoute(this.#children(config.children, place));
      case "replicated": {
        const count = this.#counter(config, place, "repairs") ?? (() => {});
        return new ReplicatedRoute(this.#children(config.children, place), this.#stamps, count);
      }
      case "allasync":
        return new AllAsyncRoute(this.#children(config.children, place));
      case "random":
        return new RandomRoute(this.#children(config.children, place), () => this.#environment.random());
      case "allfastest": {
        const options = { miss: config.miss ?? false, wait: secondsOf(config.wait) };
        return new AllFastestRoute(this.#children(config.children, place), options, alarms);
      }
      case "split":
        return new SplitRoute(this.#route(config.childA, place), this.#route(config.childB, place));
      case "ttl":
        return new TtlRoute(config.ttl, this.#route(config.child, place));
      case "ratelim": {
        const { limit, fillRate, tickRate = 1000 } = config;
        if (!(limit >= 0 && fillRate >= 0)) throw new MemcacheConfigError("ratelim needs a limit and a fillRate");
        const child = this.#route(config.child, place);
        const count = this.#counter(config, place, "limits");
        return new RateLimitRoute(
          new TokenBucket(limit, fillRate, millis(tickRate)),
          child,
          config.failUntilLimit ?? false,
          count,
        );
      }
      case "custom": {
        const children = Object.entries(config.children);
        return config.build(
          new Map(children.map(([name, child]) => [name, this.#route(child, place)])),
          this.#environment,
        );
      }
      case "null":
        return new NullRoute();
      case "error":
        return new ErrorRoute(config.line);
      case "failover":
        return this.#failover(config, place);
      case "zfailover":
        return this.#zoneFailover(config, place);
      default:
        throw new MemcacheConfigError(`there is no route "${(config as { route: unknown }).route}"`);
    }
  }

  #failover(config: RouteDescription & { route: "failover" }, place: Place): Route {
    const named = this.#namedChildren(config.children, place);
    const near = config.localZone === undefined ? undefined : named.get(config.localZone);
    const children = [...named.values()];
    if (near !== undefined) children.sort((a, b) => Number(b === near) - Number(a === near));
    if (config.shuffle === true) shuffle(children, () => this.#environment.random());
    const options = {
      limit: Math.min(config.failoverCount ?? children.length, children.length),
      miss: config.miss ?? false,
      wait: secondsOf(config.wait),
      countRetry: this.#counter(config, place, "retries"),
    };
    if (options.limit < 1) throw new MemcacheConfigError("failover needs at least one child");
    return new FailoverRoute(children, options, this.#environment.alarms);
  }

  #zoneFailover(config: RouteDescription & { route: "zfailover" }, place: Place): Route {
    const zone = config.localZone ?? this.#config.localZone;
    if (zone === undefined) throw new MemcacheConfigError("zfailover needs a localZone");
    const children = new Map(this.#namedChildren(config.children, place));
    const near = children.get(zone);
    if (near === undefined) {
      throw new MemcacheConfigError(
        `zfailover has no child for the local zone ${zone}: it has ${[...children.keys()]}`,
      );
    }
    children.delete(zone);
    const options = { miss: config.miss ?? true, countRetry: this.#zoneCounter(config, place) };
    return new ZoneFailoverRoute(near, [...children.values()], options);
  }

  #zoneCounter(config: RouteDescription & { route: "zfailover" }, place: Place): (() => void) | undefined {
    if (config.counter !== undefined) return this.#environment.counters.counter(config.counter);
    return this.#counter(config, place, "retries");
  }

  #counter(
    { stats, statsName }: { readonly stats?: boolean; readonly statsName?: string },
    { label }: Place,
    suffix: string,
  ): (() => void) | undefined {
    return stats === true ? this.#environment.counters.counter(`${statsName ?? label}_${suffix}`) : undefined;
  }

  #children(children: Children, place: Place): Route[] {
    const routes = [...this.#namedChildren(children, place).values()];
    if (routes.length === 0) throw new MemcacheConfigError(`the route of ${place.label} has no children`);
    return routes;
  }

  #namedChildren(children: Children, place: Place): ReadonlyMap<string, Route> {
    if (typeof children === "string") {
      const set = this.#sets.get(children);
      if (set !== undefined) {
        const zones = this.#zones(children);
        return new Map(Array.from(set, ([zone, pool]) => [zone, this.#shared(pool, zones[zone]!)] as const));
      }
      return new Map([["0", this.#pool(children)]]);
    }
    if (typeof children !== "object" || children === null) {
      throw new MemcacheConfigError(`the route of ${place.label} has no children`);
    }
    return new Map(Object.entries(children).map(([name, child]) => [name, this.#route(child, place)]));
  }

  #zones(set: string): Readonly<Record<string, PoolConfig>> {
    return this.#config.pools[set] as Readonly<Record<string, PoolConfig>>;
  }

  /** The pool as a route: one for all that use it, so that their reads meet. */
  #shared(pool: Pool, config: PoolConfig): Route {
    if (!(config.options?.coalesce ?? this.#config.poolOptions?.coalesce ?? false)) return pool;
    const known = this.#coalescing.get(pool) ?? new CoalescingRoute(pool);
    this.#coalescing.set(pool, known);
    return known;
  }

  #pool(name: string): Route {
    const pool = this.#pools.get(name);
    if (pool !== undefined) return this.#shared(pool, this.#config.pools[name] as PoolConfig);
    const [, set, zone] = /^(set_[A-Za-z0-9]+)_(.+)$/.exec(name) ?? [];
    const member = set === undefined ? undefined : this.#sets.get(set)?.get(zone!);
    if (member !== undefined) return this.#shared(member, this.#zones(set!)[zone!]!);
    throw new MemcacheConfigError(`there is no pool "${name}"`);
  }
}

/** Removes what the pattern matches from the keys of all requests of an entry. */
function trimmed(entry: CommandMap, pattern: RegExp | undefined): CommandMap {
  if (pattern === undefined) return entry;
  const trim = (route: Route): Route => new TrimRoute(pattern, route);
  const byCommand = new Map(Array.from(entry.byCommand, ([command, route]) => [command, trim(route)] as const));
  return { byCommand, all: entry.all === undefined ? undefined : trim(entry.all) };
}

function routerMode(conf: RoutesConfig["conf"]): RouterMode {
  const { mode = "prefix", start, stop, pattern } = conf ?? {};
  if (mode === "pattern") {
    if (!(pattern instanceof RegExp)) throw new MemcacheConfigError("the mode pattern needs a pattern");
    return { mode, pattern };
  }
  if (mode === "prefix") return { mode, stop: stop ?? "/" };
  if (mode !== "anchor")
    throw new MemcacheConfigError(`there is no router mode "${mode}": use prefix, anchor or pattern`);
  if ((start === undefined) !== (stop === undefined)) {
    throw new MemcacheConfigError("an anchor needs both start and stop, or neither");
  }
  return { mode, start: start ?? "/", stop: stop ?? "/" };
}

function shuffle<T>(items: T[], random: () => number): void {
  for (let i = items.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
}
