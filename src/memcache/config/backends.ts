/** From configured backends and pools to the machine's options. */

import { micros, seconds } from "../../base/time.ts";
import { BACKEND_DEFAULTS, type BackendOptions } from "../backend/options.ts";
import { type KeyFilter, stopFilter, tagFilter } from "../hash/filter.ts";
import { RING_POINTS } from "../hash/ring.ts";
import { latin1 } from "../protocol/request.ts";
import { type PoolOptions, seedHash } from "../route/pool.ts";
import { type BackendConfig, type BackendSettings, MemcacheConfigError, type PoolSettings } from "./config.ts";

const DEFAULT_PORT = "11211";
const MAX_FILTER_CONF = 5;

export function backendOptions(config: BackendConfig, defaults: Partial<BackendSettings>): BackendOptions {
  const own = typeof config === "string" ? parseBackend(config) : config;
  const settings = { ...defaults, ...own };
  const { host, port = DEFAULT_PORT } = settings;
  if (typeof host !== "string" || host === "") throw new MemcacheConfigError("a backend has no host");
  if (!host.startsWith("/") && !(Number(port) > 0 && Number(port) < 65_536)) {
    throw new MemcacheConfigError(`the backend ${host} has the port ${port}: give a number from 1 to 65535`);
  }
  const time = (name: TimeName) => seconds(checked(name, settings[name], BACKEND_DEFAULTS[name] / 1_000_000));
  const count = (name: "connections" | "failureLimit" | "depthLimit", least: number): number => {
    const value = settings[name] ?? BACKEND_DEFAULTS[name];
    if (Number.isInteger(value) && value >= least) return value;
    throw new MemcacheConfigError(`${name} is ${value}: give a whole number of at least ${least}`);
  };
  return {
    label: settings.label ?? (host.startsWith("/") ? host : `${host}:${port}`),
    host,
    port: String(port),
    connections: count("connections", 1),
    connectTimeout: time("connectTimeout"),
    readTimeout: time("readTimeout"),
    retryTimeout: time("retryTimeout"),
    flapTime: time("flapTime"),
    flapBackoffRamp: checked("flapBackoffRamp", settings.flapBackoffRamp, BACKEND_DEFAULTS.flapBackoffRamp),
    flapBackoffMax: time("flapBackoffMax"),
    failureLimit: count("failureLimit", 0),
    depthLimit: count("depthLimit", 0),
    keepalive: settings.keepalive ?? BACKEND_DEFAULTS.keepalive,
    tls: settings.tls ?? BACKEND_DEFAULTS.tls,
    down: settings.down ?? BACKEND_DEFAULTS.down,
    retryReads: settings.retryReads ?? BACKEND_DEFAULTS.retryReads,
    ...(settings.tlsName === undefined ? {} : { tlsName: settings.tlsName }),
  };
}

type TimeName = "connectTimeout" | "readTimeout" | "retryTimeout" | "flapTime" | "flapBackoffMax";

function checked(name: string, value: number | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  if (typeof value === "number" && value >= 0 && value < 1e9) return value;
  throw new MemcacheConfigError(`${name} is ${value}: give a number of at least 0`);
}

/**
 * Parses `host:port`, `host:port label` and `host:port _down_`. A path is a Unix socket; `srv:name` has its ports in DNS, as
 * `discovery.ts` says.
 */
export function parseBackend(source: string): BackendSettings {
  const down = /_down_$/.test(source);
  if (source.startsWith("/")) {
    const [path = "", label] = source.split(/\s+/);
    return { host: path, down, ...(label === undefined || down ? {} : { label }) };
  }
  const [, service] = /^(srv:\S+)(?:\s|$)/.exec(source) ?? [];
  if (service !== undefined) return { host: service, down };
  const [, host, port, label] = /^(.+):(\d+)(?:\s+([A-Za-z]+))?/.exec(source) ?? [];
  if (host === undefined || port === undefined) {
    throw new MemcacheConfigError(
      `"${source}" is no backend: write host:port, dns:name:port, srv:name, or the path of a Unix socket`,
    );
  }
  // An IPv6 address stands in brackets.
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port, down, ...(label === undefined ? {} : { label }) };
}

export function poolOptions(settings: PoolSettings): PoolOptions {
  const { distribution = "jump", ringMode = "default" } = settings;
  if (distribution !== "jump" && distribution !== "ring") {
    throw new MemcacheConfigError(`there is no distribution "${distribution}": use jump or ring`);
  }
  return {
    distribution,
    hash: settings.hash ?? "xxhash",
    ringMode,
    ringPoints: settings.ringPoints ?? RING_POINTS,
    filter: keyFilter(settings),
    seed: seedHash(settings.seed === undefined ? undefined : latin1(settings.seed)),
    decodeKeys: settings.decodeKeys ?? false,
  };
}

function keyFilter({ filter, filterConf }: PoolSettings): KeyFilter | undefined {
  if (filter === undefined) return undefined;
  if (filterConf === undefined || filterConf.length < 2 || filterConf.length > MAX_FILTER_CONF) {
    throw new MemcacheConfigError(`the filter ${filter} needs a filterConf of 2 to ${MAX_FILTER_CONF} characters`);
  }
  switch (filter) {
    case "tags":
      return tagFilter(filterConf.charCodeAt(0), filterConf.charCodeAt(1));
    case "stop":
      return stopFilter(latin1(filterConf));
    default:
      throw new MemcacheConfigError(`there is no filter "${filter}": use tags or stop`);
  }
}

export const secondsOf = (value: number | undefined) => (value === undefined ? undefined : micros(value * 1_000_000));
