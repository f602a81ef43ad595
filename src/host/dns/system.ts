// The name servers and the hosts file of this machine, read again when their files have changed.

import { getServers } from "node:dns";
import { readFile } from "node:fs/promises";
import { type Instant, seconds, since } from "../../base/time.ts";
import {
  type Answer,
  type DnsServer,
  nameKey,
  parseHosts,
  parseResolvConf,
  RECORD_CLASSES,
  RECORD_TYPES,
  type ResourceRecord,
} from "../../dns/index.ts";
import { ipVersion } from "../../wire/ip-address.ts";
import { type HostClock, systemClock } from "../clock.ts";
import { fileState } from "../file-state.ts";
import { DnsResolver, type DnsResolverOptions } from "./resolver.ts";

const RESOLV_CONF = "/etc/resolv.conf";
const HOSTS = "/etc/hosts";
/** resolv.conf(5): without any, the server of this machine. */
const DEFAULT_SERVERS = ["127.0.0.1"];
const PORT = 53;

/** The IP addresses of the servers that the system asks. */
export async function systemServers(path: string = RESOLV_CONF): Promise<readonly string[]> {
  const servers = await readFile(path, "utf8").then(
    (text) => parseResolvConf(text).servers,
    // Windows and macOS keep them elsewhere; Node reads them, but only when the process starts.
    () => getServers().map((each) => each.replace(/^\[(.*)\](:\d+)?$/, "$1").replace(/^([\d.]+):\d+$/, "$1")),
  );
  return servers.length === 0 ? DEFAULT_SERVERS : servers;
}

export interface SystemResolverOptions extends Omit<DnsResolverOptions, "servers"> {
  /** The files to obey; by default those of the system. */
  readonly files?: { readonly resolvConf: string; readonly hosts: string };
  /** The port of the servers; 53 by default. */
  readonly port?: number;
}

type Hosts = ReadonlyMap<string, readonly string[]>;

/** Of the files. */
interface Contents {
  readonly servers: readonly DnsServer[];
  readonly hosts: Hosts;
}

interface Ready {
  readonly resolver: DnsResolver;
  readonly hosts: Hosts;
}

/** A look at two files costs little, but a page may ask for many names at once. */
const BETWEEN_LOOKS = seconds(1);

/**
 * Asks the servers of resolv.conf(5), after hosts(5): a name in that file has the addresses that it says, and no other
 * records. Both files are obeyed as they are when a question is asked: a laptop that joins another network, or a VPN that
 * starts, changes them.
 */
export class SystemResolver {
  readonly #options: SystemResolverOptions;
  readonly #clock: HostClock;
  readonly #files: { readonly resolvConf: string; readonly hosts: string };
  #lookedAt: Instant | undefined;
  #states = "";
  #ready: Promise<Ready>;

  constructor(options: SystemResolverOptions = {}) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#files = options.files ?? { resolvConf: RESOLV_CONF, hosts: HOSTS };
    this.#ready = this.#open();
  }

  /** Resolves an absolute name. Rejects only with the signal's reason. */
  async resolve(name: string, type: number, signal?: AbortSignal): Promise<Answer> {
    this.#look();
    const { resolver, hosts } = await this.#ready;
    const addresses = hosts.get(nameKey(name).replace(/\.$/, ""));
    return addresses === undefined ? resolver.resolve(name, type, signal) : answerOf(name, type, addresses);
  }

  /** Forgets all answers: the network has changed. */
  async forget(): Promise<void> {
    (await this.#ready).resolver.forget();
  }

  /** Reads the files again if they have changed. */
  #look(): void {
    const now = this.#clock.now();
    if (this.#lookedAt !== undefined && since(this.#lookedAt, now) < BETWEEN_LOOKS) return;
    this.#lookedAt = now;
    const states = this.#statesNow();
    if (states === this.#states) return;
    this.#states = states;
    const before = this.#ready;
    this.#ready = this.#read().then(async ({ servers, hosts }) => {
      const { resolver } = await before;
      resolver.useServers(servers);
      return { resolver, hosts };
    });
  }

  async #open(): Promise<Ready> {
    this.#states = this.#statesNow();
    this.#lookedAt = this.#clock.now();
    const { servers, hosts } = await this.#read();
    return { resolver: new DnsResolver({ ...this.#options, servers }), hosts };
  }

  #statesNow(): string {
    return `${fileState(this.#files.resolvConf)} ${fileState(this.#files.hosts)}`;
  }

  async #read(): Promise<Contents> {
    const { port = PORT } = this.#options;
    const [addresses, hosts] = await Promise.all([
      systemServers(this.#files.resolvConf),
      readFile(this.#files.hosts, "utf8").catch(() => ""),
    ]);
    const servers = addresses.map((address): DnsServer => ({ protocol: "udp", address, port }));
    return { servers, hosts: parseHosts(hosts) };
  }
}

/** What the hosts file says about a name. */
function answerOf(name: string, type: number, addresses: readonly string[]): Answer {
  const family = type === RECORD_TYPES.A.number ? 4 : type === RECORD_TYPES.AAAA.number ? 6 : undefined;
  const found = addresses.filter((each) => ipVersion(each) === family);
  if (found.length === 0) return { kind: "none", why: "no-data", from: "cache" };
  const records = found.map(
    (address): ResourceRecord => ({
      name,
      type,
      class: RECORD_CLASSES.IN,
      ttl: 0,
      data: family === 4 ? { type: "A", address } : { type: "AAAA", address },
    }),
  );
  return { kind: "records", name, records, from: "cache" };
}
