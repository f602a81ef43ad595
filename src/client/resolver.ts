// createResolver: our stub resolver, over UDP, TCP, TLS, HTTPS or QUIC, for the client's option `resolver`.
import { DNS_PORTS, type DnsProtocol, type DnsServer } from "../dns/index.ts";
import type { Resolver } from "../host/client/addresses.ts";
import { resolveHost } from "../host/client/resolve.ts";
import type { Carry } from "../host/dns/exchange.ts";
import { httpsCarrier } from "../host/dns/https.ts";
import type { QuicCarrier } from "../host/dns/quic.ts";
import { DnsResolver } from "../host/dns/resolver.ts";
import { notAServer, parseServer } from "../host/dns/server-text.ts";
import { systemServers } from "../host/dns/system.ts";
import { duration } from "../host/timer.ts";
import { ipVersion } from "../wire/ip-address.ts";
import type { Client } from "./client.ts";

/** The options of `createResolver`. All are optional. */
export interface ResolverOptions {
  /**
   * The name servers, which are asked in this order: `"9.9.9.9"`, `"[::1]:5353"`, `"tcp://192.0.2.1"`, `"tls://dns.example"`,
   * `"https://dns.example/dns-query"` or `"quic://dns.example"`. Default: those of the system, over UDP.
   */
  readonly servers?: readonly string[];
  /** Authorities to trust for TLS, HTTPS and QUIC instead of Node's own, as PEM. */
  readonly ca?: string | readonly string[] | undefined;
  /** If false, accepts any certificate of a name server, and thus any impostor. Default: true. */
  readonly rejectUnauthorized?: boolean;
  /** Milliseconds to wait for a server before the next is asked. Default: 1,000, and 5,000 with a server over TLS, HTTPS or QUIC. */
  readonly timeout?: number;
}

/** A stub resolver with a cache. */
export interface OwnResolver extends Resolver, AsyncDisposable {
  /** Forgets all answers: the network has changed. */
  forget(): void;
  /** Closes its connections. */
  close(): Promise<void>;
}

/** A server as given: its host may be a name, which the system looks up. */
interface GivenServer extends Omit<DnsServer, "address"> {
  readonly host: string;
}

const SCHEMES: ReadonlySet<string> = new Set<DnsProtocol>(["udp", "tcp", "tls", "https", "quic"]);

/**
 * Creates a stub resolver. It asks when it is used first, and keeps answers for as long as their time to live allows. Throws a
 * `TypeError` for a server that it cannot ask. Experimental.
 */
export function createResolver(options: ResolverOptions = {}): OwnResolver {
  const given = options.servers?.map(parseGiven);
  if (given?.length === 0) throw new TypeError("createResolver: servers is empty; give at least one");
  if (options.timeout !== undefined) duration("timeout", options.timeout);
  const parts = new Carriers(options);
  let made: Promise<DnsResolver> | undefined;
  const make = async (): Promise<DnsResolver> => {
    const servers = given === undefined ? (await systemServers()).map(parseServer) : await addressed(given);
    const isCarried = servers.some(({ protocol }) => protocol !== "udp" && protocol !== "tcp");
    return new DnsResolver({
      servers,
      ca: options.ca,
      acceptsAnyCertificate: options.rejectUnauthorized === false,
      timeout: options.timeout ?? (isCarried ? 5_000 : 1_000),
      carry: parts.carry,
    });
  };
  const close = (): Promise<void> => parts.close();
  return {
    async resolve(name, type, signal) {
      made ??= make();
      // Servers whose names could not be looked up may be found later.
      const resolver = await made.catch((error: unknown) => {
        made = undefined;
        throw error;
      });
      return resolver.resolve(name, type, signal);
    },
    forget: () => void made?.then((resolver) => resolver.forget()).catch(() => {}),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** What carries messages over HTTPS and QUIC, loaded when it is needed. */
class Carriers {
  readonly #options: ResolverOptions;
  #client: Promise<Client> | undefined;
  #quic: Promise<QuicCarrier> | undefined;

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  readonly carry: Carry = async (server, message, signal) => {
    if (server.protocol === "quic") {
      this.#quic ??= this.#openQuic();
      return (await this.#quic).carry(server, message, signal);
    }
    this.#client ??= this.#openClient();
    const client = await this.#client;
    return httpsCarrier((url, init) => client.fetch(url, init))(server, message, signal);
  };

  async #openClient(): Promise<Client> {
    const { createClient } = await import("./client.ts");
    const { ca, rejectUnauthorized = true } = this.#options;
    return createClient({ ca, rejectUnauthorized });
  }

  async #openQuic(): Promise<QuicCarrier> {
    const { quicCarrier } = await import("../host/dns/quic.ts");
    const { ca, rejectUnauthorized = true } = this.#options;
    return quicCarrier({ ca, acceptsAnyCertificate: !rejectUnauthorized });
  }

  async close(): Promise<void> {
    await (await this.#client)?.destroy();
    await (await this.#quic)?.[Symbol.asyncDispose]();
  }
}

async function addressed(given: readonly GivenServer[]): Promise<DnsServer[]> {
  const all = await Promise.allSettled(
    given.map(async ({ host, ...server }) => {
      const addresses = await resolveHost(host, server.port, undefined);
      const name = ipVersion(host) === undefined ? host : undefined;
      return addresses.map(({ address }): DnsServer => ({ ...server, address, name }));
    }),
  );
  const found = all.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
  const failure = all.find((each) => each.status === "rejected");
  if (found.length === 0 && failure !== undefined) throw failure.reason;
  return found;
}

function parseGiven(text: string): GivenServer {
  const scheme = /^([a-z]+):\/\//.exec(text)?.[1];
  if (scheme === undefined) {
    const { address, ...server } = parseServer(text);
    return { ...server, host: address };
  }
  // `https` keeps URL from normalizing the others differently.
  const rest = `https://${text.slice(scheme.length + 3)}`;
  const url = URL.canParse(rest) ? new URL(rest) : undefined;
  const isPlain = url?.username === "" && url.password === "" && url.search === "" && url.hash === "";
  if (!SCHEMES.has(scheme) || url === undefined || !isPlain || (scheme !== "https" && url.pathname !== "/"))
    throw notAServer(text);
  const protocol = scheme as DnsProtocol;
  // URL drops the port of its own scheme.
  const explicit = /:(\d+)(?:\/|$)/.exec(rest.slice("https://".length));
  const port = explicit === null ? DNS_PORTS[protocol] : Number(explicit[1]);
  if (port === 0) throw notAServer(text);
  return {
    protocol,
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port,
    ...(protocol === "https" && url.pathname !== "/" ? { path: url.pathname } : {}),
  };
}
