/** The options of a UDP proxy: plain data, in milliseconds, so that a configuration file can pass them through. */

import type { SocketAddress } from "../../base/datagrams.ts";
import { resolveHost } from "../../host/client/resolve.ts";
import { type HostClock, systemClock } from "../../host/clock.ts";
import { ServeError } from "../../host/listen/errors.ts";
import { duration } from "../../host/timer.ts";
import { isOwnAddress } from "../../host/udp/local-addresses.ts";
import { openPeerSocket } from "../../host/udp/single-datagrams.ts";
import type { UdpSocket } from "../../host/udp/udp-socket.ts";
import {
  DEFAULT_UDP_PATH,
  parseUdpPathTemplate,
  TargetPolicy,
  TargetRuleError,
  TemplateError,
  type UdpTarget,
  udpTargetMatcher,
} from "../../http/connect-udp/index.ts";
import { TrustedProxies } from "../trusted-proxies.ts";

/** What `authorize` judges. */
export interface UdpProxyRequest {
  /** Such as "example.com:443" or "[2001:db8::1]:53". */
  readonly target: string;
  /** The request's fields, such as `authorization` or `proxy-authorization`. */
  readonly headers: Headers;
  readonly remoteAddress: string;
}

/** Which targets clients may reach over CONNECT-UDP, and how many sockets. */
export interface ConnectUdpOptions {
  /**
   * The targets, each with a port, a range of ports or "*": names ("dns.example:53"), all names below one
   * ("*.example.com:443"), addresses and prefixes ("192.0.2.0/24:53", "[2001:db8::/32]:443"), or "*:443". Addresses of this
   * machine, and loopback, link-local, private, multicast and other special ones, are refused even if a name resolves to
   * them, unless a prefix within their range is listed.
   */
  readonly allow: readonly string[];
  /** The path and query of requests; "/.well-known/masque/udp/{target_host}/{target_port}/" by default. */
  readonly template?: string | undefined;
  /** Decides who may use the proxy, before a name is looked up. Everyone who reaches it by default. */
  readonly authorize?: ((request: UdpProxyRequest) => boolean | Promise<boolean>) | undefined;
  /** Milliseconds without a datagram after which a tunnel ends; at least and by default 2 min (RFC 9298 §3.1). */
  readonly idleTimeout?: number | undefined;
  /** Milliseconds for looking up a name; 5 s by default. */
  readonly lookupTimeout?: number | undefined;
  /** Tunnels at a time, each with a socket; 1,000 by default. */
  readonly maxSockets?: number | undefined;
  /** The same for one client: an IPv4 address, or a /64 of IPv6; 100 by default. */
  readonly maxSocketsPerClient?: number | undefined;
  /** Addresses and prefixes of proxies in front, whose X-Forwarded-For or Forwarded is trusted. */
  readonly trustedProxies?: readonly string[] | undefined;
  /** Called with a line for each internal fault. Default: writes it to standard error. */
  readonly log?: ((line: string) => void) | undefined;
}

/** What a proxy needs of its machine. Tests replace it. */
export interface UdpProxyHost {
  /** The addresses of a name. Rejects if it has none. */
  lookUp(name: string, port: number): Promise<readonly string[]>;
  isOwnAddress(address: Uint8Array): boolean;
  open(peer: SocketAddress): Promise<UdpSocket>;
  readonly clock: HostClock;
}

export const systemUdpProxyHost: UdpProxyHost = {
  lookUp: async (name, port) => (await resolveHost(name, port, undefined)).map(({ address }) => address),
  isOwnAddress,
  open: openPeerSocket,
  clock: systemClock,
};

export interface ConnectUdpSettings {
  readonly host: UdpProxyHost;
  readonly policy: TargetPolicy;
  readonly targetOf: (path: string) => UdpTarget | undefined;
  readonly authorize: ConnectUdpOptions["authorize"];
  readonly idleTimeout: number;
  readonly lookupTimeout: number;
  readonly maxSockets: number;
  readonly maxSocketsPerClient: number;
  readonly trustedProxies: TrustedProxies;
  readonly log: (line: string) => void;
}

/** RFC 9298 §3.1: shorter than this, a proxy SHOULD NOT close an idle tunnel. */
const MIN_IDLE_TIMEOUT = 120_000;

/** Throws a `ServeError` or a `DurationError`. */
export function connectUdpSettings(
  options: ConnectUdpOptions,
  host: UdpProxyHost = systemUdpProxyHost,
): ConnectUdpSettings {
  const { allow, template = DEFAULT_UDP_PATH, authorize, log } = options;
  const idleTimeout = duration("idleTimeout", options.idleTimeout ?? MIN_IDLE_TIMEOUT);
  if (idleTimeout < MIN_IDLE_TIMEOUT) {
    throw invalid(`idleTimeout is ${idleTimeout} ms: give at least ${MIN_IDLE_TIMEOUT} (RFC 9298 §3.1)`);
  }
  if (allow.length === 0) throw invalid("allow is empty: give at least one target");
  try {
    return {
      host,
      policy: new TargetPolicy(allow, (address) => host.isOwnAddress(address)),
      targetOf: udpTargetMatcher(parseUdpPathTemplate(template)),
      authorize,
      idleTimeout,
      lookupTimeout: duration("lookupTimeout", options.lookupTimeout ?? 5_000),
      maxSockets: count("maxSockets", options.maxSockets ?? 1_000),
      maxSocketsPerClient: count("maxSocketsPerClient", options.maxSocketsPerClient ?? 100),
      trustedProxies: new TrustedProxies(options.trustedProxies ?? []),
      log: log ?? ((line) => process.stderr.write(`${line}\n`)),
    };
  } catch (error) {
    if (error instanceof TargetRuleError) throw invalid(`allow: ${error.message}`);
    if (error instanceof TemplateError) throw invalid(`template: ${error.message}`);
    throw error;
  }
}

function count(option: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw invalid(`${option} is ${value}: give a whole number of at least 1`);
}

const invalid = (message: string): ServeError => new ServeError("OPTION_INVALID", message);
