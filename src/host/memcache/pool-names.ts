/**
 * Follows the names of a configuration's pools: looks them up, again when their time to live has passed, and at once when one of
 * their servers fails. While DNS gives no answer, the last one counts.
 */

import { readFile } from "node:fs/promises";
import {
  type DnsServer,
  nameKey,
  parseHosts,
  parseName,
  parseResolvConf,
  RECORD_TYPES,
  type ResourceRecord,
  searchList,
} from "../../dns/index.ts";
import { type MemcacheConfig, MemcacheConfigError } from "../../memcache/config/config.ts";
import {
  type Discovered,
  type DiscoveredName,
  discoveredNames,
  type Endpoint,
  keyOf,
} from "../../memcache/config/discovery.ts";
import { ipVersion } from "../../wire/ip-address.ts";
import { type HostClock, type HostTimer, systemClock } from "../clock.ts";
import { DnsResolver } from "../dns/resolver.ts";
import { SystemResolver } from "../dns/system.ts";
import { detach, type Fault, guard } from "../guard.ts";

export interface PoolNamesOptions {
  /** The name servers to ask; by default those of the system, which also reads `/etc/hosts`. */
  readonly servers?: readonly DnsServer[];
  readonly clock?: HostClock;
  /** The servers of a name have changed, or could not be found out. */
  readonly log: (line: string) => void;
  /** The servers of a name have changed. */
  readonly onChange: () => void;
  readonly onFault: (fault: Fault) => void;
}

/** Milliseconds between two lookups of a name at least, whatever its time to live is and however often its servers fail. */
const SHORTEST = 1_000;
const LONGEST = 3_600_000;
/** Milliseconds after a lookup that failed; doubled with each further one. */
const FIRST_RETRY = 1_000;
const LAST_RETRY = 30_000;

interface Followed {
  readonly name: DiscoveredName;
  servers: readonly Endpoint[] | undefined;
  failures: number;
  lookedUpAt: number;
  timer: HostTimer | undefined;
  pending: Promise<void> | undefined;
}

type RecordResolver = Pick<DnsResolver, "resolve">;

interface Found {
  readonly servers: readonly Endpoint[];
  /** Milliseconds. */
  readonly life: number;
}

export class PoolNames {
  readonly #options: PoolNamesOptions;
  readonly #clock: HostClock;
  #followed = new Map<string, Followed>();
  #resolver: DnsResolver | SystemResolver | undefined;
  #isClosed = false;

  constructor(options: PoolNamesOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Follows the names of a configuration too. Resolves when each has been looked up; rejects with a `MemcacheConfigError` if
   * there is one that cannot be.
   */
  async follow(config: MemcacheConfig): Promise<void> {
    const wanted = discoveredNames(config);
    for (const name of wanted) checkName(name);
    for (const name of wanted) {
      if (this.#followed.has(keyOf(name))) continue;
      const nothing = { servers: undefined, timer: undefined, pending: undefined };
      this.#followed.set(keyOf(name), { ...nothing, name, failures: 0, lookedUpAt: 0 });
    }
    const fresh = [...this.#followed.values()].filter(({ servers }) => servers === undefined);
    await Promise.all(fresh.map((each) => this.#lookUp(each)));
  }

  /** Follows the names of this configuration only. */
  forgetOthers(config: MemcacheConfig): void {
    const wanted = new Set(discoveredNames(config).map(keyOf));
    for (const [key, { timer }] of this.#followed) {
      if (wanted.has(key)) continue;
      this.#clock.stopTimer(timer);
      this.#followed.delete(key);
    }
  }

  /** What is known now. A name that nothing is known of has no servers. */
  get servers(): Discovered {
    return new Map(Array.from(this.#followed, ([key, { servers = [] }]) => [key, servers] as const));
  }

  /** A server failed: the names that led to it are looked up again. */
  serverFailed(host: string): void {
    for (const followed of this.#followed.values()) {
      if (!followed.servers?.some((server) => server.host === host)) continue;
      const wait = followed.lookedUpAt + SHORTEST - this.#clock.date();
      this.#schedule(followed, Math.max(0, wait));
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const { timer } of this.#followed.values()) this.#clock.stopTimer(timer);
    this.#followed.clear();
  }

  #schedule(followed: Followed, wait: number): void {
    if (this.#isClosed) return;
    this.#clock.stopTimer(followed.timer);
    const { onFault } = this.#options;
    followed.timer = this.#clock.startTimer(
      guard("memcache names timer", onFault, () => detach("memcache names", onFault, this.#lookUp(followed))),
      wait,
    );
    // Clients and listeners keep the process alive.
    followed.timer.unref();
  }

  /** One lookup at a time for each name. */
  #lookUp(followed: Followed): Promise<void> {
    followed.pending ??= this.#update(followed).finally(() => {
      followed.pending = undefined;
    });
    return followed.pending;
  }

  async #update(followed: Followed): Promise<void> {
    const { log, onChange } = this.#options;
    const { name } = followed;
    followed.lookedUpAt = this.#clock.date();
    const found = await this.#find(followed);
    if (this.#followed.get(keyOf(name)) !== followed) return;
    if (typeof found === "string") {
      const wait = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** followed.failures);
      followed.failures += 1;
      if (followed.failures === 1) {
        const rest = followed.servers === undefined ? "it has no servers yet" : "its known servers stay in use";
        log(`nagare: ${keyOf(name)}: ${found}; ${rest}`);
      }
      this.#schedule(followed, wait);
      return;
    }
    const before = followed.servers ?? (followed.failures > 0 ? [] : undefined);
    followed.failures = 0;
    followed.servers = found.servers;
    this.#schedule(followed, Math.min(LONGEST, Math.max(SHORTEST, found.life)));
    if (before === undefined || listText(before) === listText(found.servers)) return;
    log(`nagare: ${keyOf(name)} is now ${listText(found.servers)}`);
    onChange();
  }

  /** The servers, or why they are not known. */
  async #find({ name, servers: known = [] }: Followed): Promise<Found | string> {
    const { servers } = this.#options;
    this.#resolver ??= servers === undefined ? new SystemResolver() : new DnsResolver({ servers });
    const resolver = this.#resolver;
    // What is asked for again has passed its time to live, or has failed.
    resolver.forget();
    return name.kind === "srv" ? findTargets(resolver, name.name) : this.#findAddresses(resolver, name.name, known);
  }

  async #findAddresses(resolver: RecordResolver, name: string, before: readonly Endpoint[]): Promise<Found | string> {
    const { servers } = this.#options;
    const system = servers === undefined;
    const hosts = system ? parseHosts(await textOf("/etc/hosts")) : new Map<string, readonly string[]>();
    const known = hosts.get(nameKey(name).replace(/\.$/, ""));
    if (known !== undefined) return { servers: known.map((host) => ({ host })), life: LAST_RETRY };
    const conf = parseResolvConf(system ? await textOf("/etc/resolv.conf") : "");
    let failure = "there is no such name, or it has no address";
    for (const absolute of searchList(name, conf)) {
      const addresses: string[] = [];
      const records: ResourceRecord[] = [];
      const answers = await Promise.all(ADDRESS_TYPES.map(({ type }) => resolver.resolve(absolute, type)));
      for (const [i, answer] of answers.entries()) {
        if (answer.kind === "records") {
          records.push(...answer.records);
          for (const { data } of answer.records)
            if (data.type === "A" || data.type === "AAAA") addresses.push(data.address);
        } else if (answer.kind === "failed") {
          failure = answer.failures.join("; ");
          // One family's answer says nothing of the other's.
          for (const { host } of before) if (ipVersion(host) === ADDRESS_TYPES[i]!.family) addresses.push(host);
        }
      }
      if (records.length > 0) return { servers: addresses.map((host) => ({ host })), life: lifeOf(records) };
    }
    return failure;
  }
}

const ADDRESS_TYPES = [
  { type: RECORD_TYPES.A.number, family: 4 },
  { type: RECORD_TYPES.AAAA.number, family: 6 },
] as const;

/** RFC 2782: the targets of the lowest priority. Weights have no meaning here, since the key chooses the server. */
async function findTargets(resolver: RecordResolver, name: string): Promise<Found | string> {
  const answer = await resolver.resolve(parseName(name), RECORD_TYPES.SRV.number);
  if (answer.kind === "failed") return answer.failures.join("; ");
  if (answer.kind === "none") return "there are no SRV records";
  const targets = answer.records.flatMap(({ data }) => (data.type === "SRV" ? [data] : []));
  const least = Math.min(...targets.map(({ priority }) => priority));
  const servers = targets
    // RFC 2782: the root as a target says that the service does not exist.
    .filter(({ priority, target, port }) => priority === least && target !== "." && port > 0)
    .map(({ target, port }) => ({ host: target.replace(/\.$/, ""), port }));
  return servers.length === 0 ? "the service does not exist there" : { servers, life: lifeOf(answer.records) };
}

const lifeOf = (records: readonly ResourceRecord[]): number => 1_000 * Math.min(...records.map(({ ttl }) => ttl));

/** What a file says; nothing if it cannot be read. */
const textOf = (path: string): Promise<string> => readFile(path, "utf8").catch(() => "");

const listText = (servers: readonly Endpoint[]): string =>
  servers
    .map(({ host, port }) => (port === undefined ? host : `${host}:${port}`))
    .sort()
    .join(", ");

function checkName({ kind, name }: DiscoveredName): void {
  try {
    parseName(name);
  } catch (cause) {
    throw new MemcacheConfigError(`${kind}:${name} is no name: ${(cause as Error).message}`, { cause });
  }
}
