// The option happyEyeballs of createClient: its defaults, and the resolver for HTTPS records.
import { DEFAULT_ATTEMPT_DELAY, DEFAULT_RESOLUTION_DELAY, NetworkHistory } from "../agent/index.ts";
import { type Micros, millis } from "../base/time.ts";
import { AddressSource, type Resolver } from "../host/client/addresses.ts";
import { localSource } from "../host/client/local-source.ts";
import type { RaceSettings } from "../host/client/race.ts";
import type { HostClock } from "../host/clock.ts";
import { DnsResolver } from "../host/dns/resolver.ts";
import { parseServer } from "../host/dns/server-text.ts";
import { SystemResolver } from "../host/dns/system.ts";
import { duration } from "../host/timer.ts";

/** Durations are in milliseconds. */
export interface HappyEyeballsOptions {
  /** RFC 8305 is version 2, draft-ietf-happy-happyeyeballs-v3 the default. */
  readonly version?: 2 | 3;
  /** How long the first answers wait for better ones. Default: 50 ms. */
  readonly resolutionDelay?: number;
  /** The time between attempts, at least 10 ms. Default: 250 ms. */
  readonly attemptDelay?: number;
  /**
   * True to ask the system's name servers for HTTPS records (RFC 9460), or the servers to ask, such as "127.0.0.1" or
   * "[::1]:5353". With the client's option `resolver`, true asks that one. Default: false, and true with `resolver`.
   */
  readonly httpsRecords?: boolean | readonly string[];
}

/** `resolver` is asked for addresses and HTTPS records, in place of the system and its name servers. */
export function raceSettings(
  options: true | HappyEyeballsOptions | undefined,
  clock: HostClock,
  resolver?: Resolver,
  localAddress?: string,
): RaceSettings {
  const {
    version = 3,
    resolutionDelay,
    attemptDelay,
    httpsRecords = resolver !== undefined,
  } = options === undefined || options === true ? {} : options;
  if (version !== 2 && version !== 3)
    throw new TypeError(`happyEyeballs: there is no version ${String(version)}; 2 or 3`);
  if (resolver !== undefined && typeof resolver?.resolve !== "function")
    throw new TypeError("resolver: an object with the method `resolve` is needed, such as createResolver() makes");
  const delay = (name: string, value: number | undefined, byDefault: Micros): Micros =>
    value === undefined ? byDefault : millis(duration(`happyEyeballs.${name}`, value));
  return {
    version,
    resolutionDelay: delay("resolutionDelay", resolutionDelay, DEFAULT_RESOLUTION_DELAY),
    attemptDelay: delay("attemptDelay", attemptDelay, DEFAULT_ATTEMPT_DELAY),
    history: new NetworkHistory(),
    addresses: new AddressSource(resolver, clock),
    local: localAddress === undefined ? undefined : localSource(localAddress),
    records:
      httpsRecords === false
        ? undefined
        : resolver !== undefined && httpsRecords === true
          ? async () => resolver
          : recordResolver(httpsRecords, clock),
  };
}

/** One resolver for all requests of a client, made when it is needed. */
function recordResolver(servers: true | readonly string[], clock: HostClock): NonNullable<RaceSettings["records"]> {
  const given = servers === true ? undefined : servers.map(parseServer);
  let made: DnsResolver | SystemResolver | undefined;
  return async () =>
    (made ??= given === undefined ? new SystemResolver({ clock }) : new DnsResolver({ clock, servers: given }));
}
