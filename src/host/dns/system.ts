// The name servers and the hosts file of this machine, read again when their files have changed.

import { getServers } from "node:dns";
import { readFileSync } from "node:fs";
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
export const systemServers = async (path: string = RESOLV_CONF): Promise<readonly string[]> => serversIn(path);

function serversIn(path: string): readonly string[] {
  const text = textOf(path);
  const servers =
    text === undefined
      ? // Windows and macOS keep them elsewhere; Node reads them, but only when the process starts.
        getServers().map((each) => each.replace(/^\[(.*)\](:\d+)?$/, "$1").replace(/^([\d.]+):\d+$/, "$1"))
      : parseResolvConf(text).servers;
  return servers.length === 0 ? DEFAULT_SERVERS : servers;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** A hosts file, which may have a hundred thousand lines: it is read as a table only if it has the name at all. */
class HostsFile {
  readonly #text: string;
  #addresses: ReadonlyMap<string, readonly string[]> | undefined;

  constructor(text: string) {
    this.#text = text.toLowerCase();
  }

  /** Of an absolute name; undefined if the file does not have it. */
  addressesOf(name: string): readonly string[] | undefined {
    const key = nameKey(name).replace(/\.$/, "");
    if (!this.#text.includes(key)) return undefined;
    this.#addresses ??= parseHosts(this.#text);
    return this.#addresses.get(key);
  }
}

export interface SystemResolverOptions extends Omit<DnsResolverOptions, "servers"> {
  /** The files to obey; by default those of the system. */
  readonly files?: { readonly resolvConf: string; readonly hosts: string };
  /** The port of the servers; 53 by default. */
  readonly port?: number;
}

/** A look at two files costs little, but a page may ask for many names at once. */
const BETWEEN_LOOKS = seconds(1);

/**
 * Asks the servers of resolv.conf(5), after hosts(5): a name in that file has the addresses that it says, and no other
 * records. Both files are obeyed as they are when a question is asked: a laptop that joins another network, or a VPN that
 * starts, changes them.
 */
export class SystemResolver {
  readonly #port: number;
  readonly #clock: HostClock;
  readonly #files: { readonly resolvConf: string; readonly hosts: string };
  readonly #resolver: DnsResolver;
  #hosts: HostsFile;
  #lookedAt: Instant;
  #states: string;

  constructor(options: SystemResolverOptions = {}) {
    const { files = { resolvConf: RESOLV_CONF, hosts: HOSTS }, port = PORT, clock = systemClock } = options;
    this.#port = port;
    this.#clock = clock;
    this.#files = files;
    this.#lookedAt = clock.now();
    this.#states = this.#statesNow();
    this.#resolver = new DnsResolver({ ...options, servers: this.#serversNow() });
    this.#hosts = this.#hostsNow();
  }

  /** Resolves an absolute name. Rejects only with the signal's reason. */
  resolve(name: string, type: number, signal?: AbortSignal): Promise<Answer> {
    this.#look();
    const addresses = this.#hosts.addressesOf(name);
    if (addresses === undefined) return this.#resolver.resolve(name, type, signal);
    return Promise.resolve(answerOf(name, type, addresses));
  }

  /** Forgets all answers: the network has changed. */
  forget(): void {
    this.#resolver.forget();
  }

  /** Reads the files again if they have changed. */
  #look(): void {
    const now = this.#clock.now();
    if (since(this.#lookedAt, now) < BETWEEN_LOOKS) return;
    this.#lookedAt = now;
    const states = this.#statesNow();
    if (states === this.#states) return;
    this.#states = states;
    this.#resolver.useServers(this.#serversNow());
    this.#hosts = this.#hostsNow();
  }

  #statesNow(): string {
    return `${fileState(this.#files.resolvConf)} ${fileState(this.#files.hosts)}`;
  }

  #serversNow(): readonly DnsServer[] {
    return serversIn(this.#files.resolvConf).map((address) => ({ protocol: "udp", address, port: this.#port }));
  }

  #hostsNow(): HostsFile {
    return new HostsFile(textOf(this.#files.hosts) ?? "");
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
